"""General rows beside the shop's: how many, how heavy, which, and what becomes of a bad file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fittingroom.errors import SourceError
from fittingroom.models.load import load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.text.redact import RedactConfig
from fittingroom.text.similarity import match_key
from fittingroom.training.config import ReplayConfig
from fittingroom.training.replay import General, general, mixed
from fittingroom.training.rows import Batches, Encoded, Replaying
from tiny_model import tiny_folder
from tiny_training import Killed, plan, run, same, shop_rows


def talk(*said: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]}


def written(folder: Path, *lines: Any) -> Path:
    file = folder / "general.jsonl"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return file


def read(file: Path, *, length: int = 64, held_out: frozenset[str] = frozenset(), **redact: Any) -> General:
    return general(
        ReplayConfig(path="general.jsonl", max_length=length),
        file,
        renderer=Renderer(load_tokenizer(tiny_folder())),
        redact=RedactConfig(**redact),
        secret=b"test-key-of-pseudonyms",
        held_out=held_out,
    )


@pytest.fixture(scope="module")
def rows() -> Encoded:
    return shop_rows()


def test_the_last_answer_is_learnt_and_renders_as_in_serving(tmp_path: Path) -> None:
    made = read(written(tmp_path, talk("hello", "thank you", "where is it?", "late"), "", talk("好", "谢谢")))
    assert made.rows.row_ids == ["replay 1", "replay 3"]
    renderer = Renderer(load_tokenizer(tiny_folder()))
    first = made.rows
    prompt = [*talk("hello", "thank you", "where is it?")["messages"]]
    assert first.prompts([0]) == [renderer.prompt_ids(prompt)]
    assert first.ids[0][first.answer_starts[0] :] == renderer.answer_ids("late")


def test_what_does_not_fit_or_judges_is_left_out_and_counted(tmp_path: Path) -> None:
    lines = [talk("hello", "thank you " * 40), talk("Where is my order?!", "late"), talk("fine", "good")]
    made = read(written(tmp_path, *lines), held_out=frozenset({match_key("where is my order")}))
    assert (len(made.rows), made.too_long, made.held_out) == (1, 1, 1)
    with pytest.raises(SourceError, match=r"no conversation that can be learnt \(1 longer .*, 0 with a text of dev"):
        read(written(tmp_path, lines[0]))


def test_personal_data_goes_from_the_whole_conversation(tmp_path: Path) -> None:
    said = talk("my phone is 13800138000, call me", "we call 13800138000 today")
    made = read(written(tmp_path, said))
    text = load_tokenizer(tiny_folder()).decode(made.rows.ids[0])
    assert "13800138000" not in text
    assert made.redacted == {"mobile": 2}
    assert "13800138000" in load_tokenizer(tiny_folder()).decode(read(written(tmp_path, said), kinds=[]).rows.ids[0])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", r"general.jsonl, line 2: is no JSON in UTF-8"),
        ("[1]", r"line 2: is no conversation"),
        ({"messages": []}, r"line 2: must hold a user's message"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"line 2: is no conversation"),
        (talk("hello", "  "), r"line 2: is no conversation"),
        (talk("hello"), r"line 2: must hold a user's message and end with the assistant's answer"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, r"line 2: must hold a user's message"),
    ],
)
def test_a_bad_line_is_named(line: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=said):
        read(written(tmp_path, talk("hello", "good"), line))
    with pytest.raises(SourceError, match=r"train.replay.path = none.jsonl: no such file"):
        read(tmp_path / "none.jsonl")


def test_every_step_has_its_share_and_no_row_comes_twice_before_all_came() -> None:
    lengths = [3] * 44 + [9] * 7
    batches = Batches(lengths, batch_size=8, seed=5, replay=Replaying(7, 2 / 8))
    assert batches.steps == 6
    came: list[int] = []
    plain = Batches(lengths[:44], batch_size=8, seed=5)
    for epoch in range(4):
        for mixed_step, step in zip(batches.epoch_batches(epoch), plain.epoch_batches(epoch), strict=True):
            assert mixed_step[: len(step)] == step
            extra = mixed_step[len(step) :]
            assert len(extra) == (2 if len(step) == 8 else 1)
            came += extra
    assert set(came) == set(range(44, 51))
    assert all(set(came[at : at + 7]) == set(range(44, 51)) for at in range(0, len(came) - 6, 7))
    again = Batches(lengths, batch_size=8, seed=5, replay=Replaying(7, 2 / 8))
    assert again.epoch_batches(3) == batches.epoch_batches(3)
    other = Batches(lengths, batch_size=8, seed=6, replay=Replaying(7, 2 / 8))
    assert other.epoch_batches(3) != batches.epoch_batches(3)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_the_share_is_one_of_the_loss(share: float, rows: Encoded, tmp_path: Path) -> None:
    lines = [talk(f"question {at}", "thank you " * (1 + at)) for at in range(6)]
    extra = read(written(tmp_path, *lines))
    both, replay = mixed(rows, extra, share=share, batch_size=8)
    assert replay.rows == 6
    weight = Counter[bool]()
    batches = Batches([len(ids) for ids in both.ids], batch_size=8, seed=1, replay=replay)
    for epoch in range(6):
        for step in batches.epoch_batches(epoch):
            for row in step:
                weight[row >= len(rows)] += both.weights[row] * both.answer_tokens(row)  # type: ignore[assignment]
    assert weight[True] / weight.total() == pytest.approx(share, rel=0.1)
    assert len({round(both.weights[row] * both.answer_tokens(row), 9) for row in range(44, 50)}) == 1


def test_resumed_equals_undisturbed_and_general_rows_hold_the_model(
    rows: Encoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fittingroom.training import callback

    monkeypatch.setattr(callback, "_SECONDS", 0.0)
    monkeypatch.setattr(callback, "_SHARE", 1e9)
    extra = read(written(tmp_path, *[talk(f"question {at}", "thank you") for at in range(5)]))
    both, replay = mixed(rows, extra, share=0.25, batch_size=8)
    this = plan("full", steps=9, epochs=1.0)
    whole = run(tmp_path / "whole", both, this, replay=replay, probed=rows)
    assert whole.recorder.examples == 44 + 3 * 8 + 9 * 3 - 1  # the last step of an epoch is of 4 rows, and one general
    with pytest.raises(Killed):
        run(tmp_path / "killed", both, this, replay=replay, probed=rows, kill_at=7)
    same(run(tmp_path / "killed", both, this, replay=replay, probed=rows), whole)
    without = run(tmp_path / "without", rows, this)
    assert without.recorder.steps != whole.recorder.steps
