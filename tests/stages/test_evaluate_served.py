"""Evaluate with a real bundle: what is judged is what the server would answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.serving.predictor import Predictor
from fittingroom.stages.evaluate import EvaluateConfig, evaluate
from fittingroom.stages.gate import GateConfig, gate
from fittingroom.tables import Table
from fittingroom.types import Bundle, Folder, Splits, dropped_schema, row_schema
from serving.bundles import make_bundle


def test_the_report_says_what_the_predictor_answers(context: Context, tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "bundle")
    predictor = Predictor.load(folder, threads=1)
    task = predictor.info.task
    field, labels = task.input[0], predictor.labels

    def row(part: str, number: int) -> dict[str, Any]:
        label = labels[number % len(labels)]
        made: dict[str, Any] = {
            "id": f"{part}-{number}",
            "source": "s",
            "row_key": str(number),
            "group": None,
            "time": None,
        }
        made |= {"input": dict.fromkeys(task.input, f"text {number} {label}"), "annotations": [], "cluster": None}
        return made | {"target": {task.target: label}, "dup_count": 1, "edits": []}

    schema = row_schema(task.input, task.target)
    parts = {part: Table.records([row(part, number) for number in range(many)], schema)
             for part, many in (("train", 40), ("dev", 30), ("calibration", 0), ("test", 0))}  # fmt: skip
    splits = Splits(**parts, dropped=Table.records([], dropped_schema(schema)))
    config = EvaluateConfig(replicates=200, untuned_rows=20)
    report = evaluate(
        Bundle(folder=Folder(folder)), splits, evaluate=config, task=task, seed=1, part="dev", context=context
    )
    assert [score.error for score in report.baselines] == ["", "", ""]
    rows = report.predictions.dicts()
    texts = {row["id"]: row["input"][field] for row in parts["dev"].dicts()}
    answers = predictor.classify([dict.fromkeys(task.input, texts[row["id"]]) for row in rows])
    assert [row["predicted"] for row in rows] == [answer.label for answer in answers]
    assert max(abs(row["confidence"] - answer.confidence) for row, answer in zip(rows, answers, strict=True)) < 1e-5
    base = Predictor.load(folder, threads=1, weights="base", root=tmp_path)
    asked = [row for row in rows if row["untuned"] is not None]
    said = base.score([dict.fromkeys(task.input, texts[row["id"]]) for row in asked]).argmax(axis=1)
    assert [row["untuned"] for row in asked] == [labels[index] for index in said]
    assert len(asked) == 20
    assert len(gate(report, gate=GateConfig()).checks) == 3
