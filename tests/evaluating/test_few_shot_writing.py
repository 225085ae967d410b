"""Free answers of the untuned model with examples in its prompt: what is shown, in what place, and what fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.evaluating import generated
from fittingroom.evaluating.baselines.few_shot_writing import conversations
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.setting import Setting
from fittingroom.serving.bundle import read_info
from fittingroom.statistics.judging import Exam
from fittingroom.tables import Table
from fittingroom.types import Bundle, Folder, Splits, dropped_schema, row_schema
from serving.bundles import make_bundle

REPLY: dict[str, Any] = {
    "kind": "reply", "input": ["question", "price"], "target": "answer", "instruction": "Be short.",
    "reply": {"facts": ["price"]},
}  # fmt: skip
COPY: dict[str, Any] = {"kind": "copywrite", "input": ["question", "price"], "target": "answer"}


def _table(part: str, many: int, words: int, task: dict[str, Any]) -> Table:
    made: list[dict[str, Any]] = [
        {
            "id": f"{part}-{at:02d}", "source": "s", "row_key": str(at), "group": None, "cluster": None,
            "time": datetime(2024, 1, 1, tzinfo=UTC), "dup_count": 1, "annotations": [], "edits": [],
            "input": {"question": f"what {part} {at} " + "cost " * words, "price": f"{at} yuan"},
            "target": {"answer": f"it is {at % 5} yuan"},
        }
        for at in range(many)
    ]  # fmt: skip
    return Table.records(made, row_schema(task["input"], task["target"]))


def _setting(context: Context, task: dict[str, Any], *, words: int = 1, asked: int = 1, **over: Any) -> Setting:
    folder = context.root / "bundle"
    if not folder.exists():
        make_bundle(folder, task=task, labels=[], max_tokens=6, temperature=1.0)
    schema = row_schema(task["input"], task["target"])
    splits = Splits(
        train=_table("train", 30, words, task),
        dev=_table("dev", 22, asked, task),
        calibration=_table("none", 0, 1, task),
        test=_table("none", 0, 1, task),
        dropped=Table.records([], dropped_schema(schema)),
    )
    config = EvaluateConfig(
        **{"replicates": 200, "generated_rows": 20, "untuned_rows": 20, "latency_rows": 0, "baselines": ["few_shot"]}
        | over
    )
    return Setting(Bundle(folder=Folder(folder)), splits, "dev", config, read_info(folder).task, 7, context)


def _asked(setting: Setting) -> tuple[list[list[dict[str, str]]], dict[str, int]]:
    task = setting.task
    exam, train = (Exam.of(part, task.input, task.target) for part in (setting.rows, setting.splits.train))
    return conversations(setting.predictor("base"), exam.inputs, train, setting)


def test_examples_are_earlier_turns_and_facts_stand_with_their_questions(context: Context) -> None:
    setting = _setting(context, REPLY, few_shot={"examples": 3})
    asked, told = _asked(setting)
    assert told == {"examples": 3, "wanted": 3, "fewer": 0}
    assert [turn["role"] for turn in asked[0]] == ["system", *["user", "assistant"] * 3, "user"]
    assert asked[0][0]["content"] == "Be short."
    assert asked[4][-1]["content"] == "price: 4 yuan\nwhat dev 4 cost"
    assert all(turn["content"].startswith("price: ") for turn in asked[0][1::2])
    assert asked[0][1:-1] == asked[9][1:-1], "every row sees the same examples"
    assert "dev" not in str(asked[0][1:-1])
    said = [turn["content"] for turn in asked[0][2::2]]
    assert len(set(said)) == 3, "no answer stands twice"
    assert _asked(setting) == (asked, told)


def test_only_what_fits_is_shown_and_a_long_row_sees_fewer(context: Context) -> None:
    setting = _setting(context, COPY, words=40, few_shot={"examples": 5})
    asked, told = _asked(setting)
    assert 0 < told["examples"] < told["wanted"] == 5
    base = setting.predictor("base")
    assert max(len(base.renderer.prompt_ids(turns)) for turns in asked) <= base.reads
    longer, told = _asked(_setting(context, COPY, words=40, asked=160, few_shot={"examples": 5}))
    assert told["fewer"] == 22  # the model reads 512 tokens; training cut these rows, so more of them is shown here
    assert len(longer[0]) < len(asked[0])
    with pytest.raises(UserError, match="no room for a single example"):
        _asked(_setting(context, COPY, words=500))


@pytest.mark.parametrize("task", [REPLY, COPY], ids=["reply", "copywrite"])
def test_it_is_judged_like_any_other_contestant(context: Context, task: dict[str, Any]) -> None:
    setting = _setting(context, task, baselines=["untuned", "few_shot"])
    report = generated.judge(setting)
    untuned, shown = report.baselines
    assert (untuned.error, shown.error) == ("", "")
    assert shown.metrics.keys() == untuned.metrics.keys()
    assert report.facts["baseline_rows"] == {"untuned": 20, "few_shot": 20}
    facts = report.facts["baseline_facts"]["few_shot"]
    assert (facts["examples"], facts["wanted"], facts["fewer"]) == (2, 2, 0)
    assert "cut_answers" in facts
    table = report.predictions.frame()
    assert table["few_shot"].to_list() != table["untuned"].to_list()
