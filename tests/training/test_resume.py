"""Exact resume, clause by clause; and what is said of a checkpoint that is not taken up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Note
from fittingroom.training.rows import Encoded
from training.test_fit import Killed, every_step, plan, rows, run, same

__all__ = ["every_step", "rows"]  # fixtures

pytestmark = pytest.mark.usefixtures("every_step")


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("lora", {"dropout": 0.3}),
        ("full", {"dropout": 0.2, "schedule": "linear"}),
        ("lora", {"pass_tokens": 40, "dropout": 0.0}),
    ],
    ids=["lora-dropout", "full-dropout", "lora-many-passes"],
)
def test_losses_of_a_resumed_training_are_those_of_the_undisturbed(
    method: Any, changes: dict[str, Any], rows: Encoded, tmp_path: Path
) -> None:
    """44 rows in batches of 8: the last batch of an epoch is smaller. Rows share a prompt, so they are packed."""
    this = plan(method, steps=12, epochs=2.0, **changes)
    whole = run(tmp_path / "whole", rows, this)
    assert whole.recorder.computed != whole.recorder.learnt, "packed or padded: not one row at a time"
    assert whole.recorder.examples == 2 * 44
    for kill_at in (4, 9):
        with pytest.raises(Killed):
            run(tmp_path / "killed", rows, this, kill_at=kill_at)
    resumed = run(tmp_path / "killed", rows, this)
    for mine, theirs in zip(resumed.recorder.steps, whole.recorder.steps, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=1e-6)
        assert mine["learning_rate"] == theirs["learning_rate"]
    same(resumed, whole)


FILES = [
    "weights.safetensors", "optimizer.safetensors", "rng.safetensors", "rng.json", "recorder.json", "clock.json",
    "trainer_state.json", "manifest.json",
]  # fmt: skip


def test_any_torn_file_is_passed_over_with_a_word(rows: Encoded, tmp_path: Path) -> None:
    """Every file has its seal in the manifest; a file cut in half, an empty manifest, best weights that are gone."""
    this = plan("lora", steps=12, epochs=2.0)
    whole = run(tmp_path / "whole", rows, this)
    with pytest.raises(Killed):
        run(tmp_path / "killed", rows, this, kill_at=5)
    folder = tmp_path / "killed" / "checkpoints"
    newest = max(folder.glob("step-*"))
    assert sorted(path.name for path in newest.iterdir()) == sorted(FILES)
    assert sorted(json.loads((newest / "manifest.json").read_text())["files"]) == sorted(set(FILES) - {"manifest.json"})
    for number, file in enumerate(["optimizer.safetensors", "manifest.json", "best"]):
        newest = max(folder.glob("step-*"))
        best = folder / f"best-{json.loads((newest / 'manifest.json').read_text())['best']:08d}"
        older = min(folder.glob("step-*"))
        shared = json.loads((older / "manifest.json").read_text())["best"] == int(best.name[5:])
        torn = best / "weights.safetensors" if file == "best" else newest / file
        kept = torn.read_bytes()
        if number % 3 == 2:
            torn.unlink()
        else:
            torn.write_bytes(kept[: len(kept) // 2 if number % 3 == 0 else 0])
        told: list[Note] = []
        with pytest.raises(Killed):
            run(tmp_path / "killed", rows, this, kill_at=6 if number % 2 else 5, note=told.append)
        words = [note for note in told if note.kind == "checkpoint_passed_over"]
        assert len(words) == (2 if file == "best" and shared else 1), file
        assert words[0].text is not None
        assert newest.name in words[0].text.en
        assert torn.name in words[0].text.en
        assert torn.name in words[0].text.zh
    same(run(tmp_path / "killed", rows, this), whole)


def test_what_another_training_left_is_named_by_its_difference(rows: Encoded, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(tmp_path / "a", rows, plan("full", steps=6, epochs=1.0), kill_at=4)
    told: list[Note] = []
    changed = plan("full", learning_rate=1e-3, steps=6, epochs=1.0)
    first = run(tmp_path / "a", rows, changed, note=told.append)
    words = [note.text for note in told if note.kind == "checkpoint_passed_over"]
    assert words
    assert words[0] is not None
    assert "learning_rate 0.003 → 0.001" in words[0].en
    assert "learning_rate 0.003 → 0.001" in words[0].zh
    assert [one.torn for one in first.passed] == [False] * len(words)
    same(first, run(tmp_path / "b", rows, changed))
    fewer = rows.only(range(40))
    run(tmp_path / "a", fewer, changed, note=told.append)
    last = [note.text for note in told if note.kind == "checkpoint_passed_over"][-1]
    assert last is not None
    assert "the training rows changed" in last.en
    assert "训练数据已改变" in last.zh


def test_an_unfinished_training_beside_it_is_spoken_of(rows: Encoded, tmp_path: Path) -> None:
    """A changed recipe or changed rows lead to another folder: what lies in the old one is not taken up in silence."""
    with pytest.raises(Killed):
        run(tmp_path / "one", rows, plan("full"), kill_at=7)
    told: list[Note] = []
    run(tmp_path / "two", rows, plan("full", batch_size=16, steps=3, epochs=1.0), note=told.append)
    [word] = [note.text for note in told if note.kind == "checkpoint_passed_over"]
    assert word is not None
    assert "step 6" in word.en
    assert "batch_size 8 → 16" in word.en
    assert list((tmp_path / "one" / "checkpoints").glob("step-*")), "it stays for the run that made it"
