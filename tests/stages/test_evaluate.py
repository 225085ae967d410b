"""Evaluate: judged through the serving path, beside baselines on the same rows."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fittingroom.engine import Context
from fittingroom.errors import ModelError, UserError
from fittingroom.stages.evaluate import EvaluateConfig, evaluate
from fittingroom.store import Store
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Bundle, EvalReport, Folder, Splits, dropped_schema, row_schema

TASK = TaskConfig(kind="classify", input=["review"], target="sentiment")
LABELS = ["bad", "good", "mixed"]
WORDS = {"good": "great lovely 很好 满意", "bad": "awful broken 差劲 退货", "mixed": "okay average 一般 凑合"}


class FakePredictor:
    """Stands where the served model stands: knows the words, and stumbles over `riddle` rows."""

    labels = LABELS
    info = SimpleNamespace(abstention=None, task=TASK)
    nan_on = "nan-row"
    fails = False
    forgets = False

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self.asked = 0

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        weights: str = "bundle",
        root: Path | None = None,
        secret: bytes = b"",
    ) -> FakePredictor:
        assert folder.name == "bundle"
        assert threads == 1
        assert secret == b"test-key"
        if weights == "base" and cls.fails:
            raise ModelError("the base model is not here", "找不到基础模型", place="nano")
        return cls(weights)

    def prompt_ids(self, given: dict[str, str]) -> tuple[list[int], int]:
        return [1], max(0, len(given["review"]) - 40)

    def decide(self, probabilities: np.ndarray) -> list[tuple[str, bool]]:
        return [(self.labels[at], False) for at in probabilities.argmax(axis=1).tolist()]

    def classify(self, raw: list[dict[str, str]]) -> list[SimpleNamespace]:
        self.asked += len(raw)
        shares = np.nan_to_num(self.score(raw))
        if self.forgets:  # alone, everything is the first label
            shares = np.eye(len(self.labels))[[0] * len(raw)]
        return [SimpleNamespace(label=label) for label, _ in self.decide(shares)]

    def score(self, inputs: list[dict[str, str]]) -> np.ndarray:
        rows = []
        for item in inputs:
            text = item["review"]
            hits = [float(any(word in text for word in WORDS[label].split())) for label in self.labels]
            if "riddle" in text or self.weights == "base":
                hits = [1.0, 0.0, 0.0]
            row = np.exp(2 * np.array(hits))
            rows.append(row / row.sum() if self.nan_on not in text else row * np.nan)
        return np.array(rows)


@pytest.fixture(autouse=True)
def predictor(monkeypatch: pytest.MonkeyPatch) -> type[FakePredictor]:
    module = ModuleType("fittingroom.serving.predictor")
    kind = type("Predictor", (FakePredictor,), {})
    module.Predictor = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return kind


def _row(part: str, number: int, label: str | None, text: str, **over: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": f"{part}-{number:04d}",
        "source": "shop",
        "row_key": str(number),
        "group": None,
        "time": None,
    }
    row |= {"input": {"review": text}, "target": {"sentiment": label}, "annotations": [], "cluster": None}
    return row | {"dup_count": 1, "edits": []} | over


def _part(part: str, rows: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        label = str(rng.choice(LABELS, p=[0.25, 0.6, 0.15]))
        word = str(rng.choice(WORDS[label].split()))
        filler = " ".join(str(rng.integers(100, 999)) for _ in range(int(rng.integers(1, 9))))
        made.append(_row(part, number, label, f"{word} {filler}" + (" riddle" if rng.random() < 0.1 else "")))
    return made


def _splits(**parts: list[dict[str, Any]]) -> Splits:
    schema = row_schema(["review"], "sentiment")
    tables = {name: Table.records(parts.get(name, []), schema) for name in ("train", "dev", "calibration", "test")}
    return Splits(**tables, dropped=Table.records(parts.get("dropped", []), dropped_schema(schema)))


def _bundle(tmp_path: Path) -> Bundle:
    (tmp_path / "bundle").mkdir(exist_ok=True)
    return Bundle(folder=Folder(tmp_path / "bundle"))


def _evaluate(splits: Splits, context: Context, **over: Any) -> EvalReport:
    config = EvaluateConfig(**{"replicates": 300, "forgetting": {"measure": False}} | over)
    return evaluate(_bundle(context.root), splits, evaluate=config, task=TASK, seed=7, part="dev", context=context)


def test_scores_are_those_of_the_predictions(context: Context) -> None:
    from sklearn.metrics import f1_score

    splits = _splits(train=_part("train", 200, 1), dev=_part("dev", 150, 2))
    report = _evaluate(splits, context)
    table = report.predictions.frame()
    assert table.height == report.rows == 150
    assert report.unscored == 0
    assert table["id"].to_list() == sorted(table["id"].to_list())
    for score in [report.model, *report.baselines]:
        said = table["predicted" if score.name == "model" else score.name].to_list()
        wanted = f1_score(table["target"].to_list(), said, average="macro", zero_division=0)
        assert score.metrics["macro_f1"].value == pytest.approx(wanted)
        assert score.metrics["macro_f1"].low <= wanted <= score.metrics["macro_f1"].high
    assert [score.name for score in report.baselines] == ["majority", "tfidf", "untuned"]
    assert set(table["majority"].to_list()) == {"good"}
    assert np.array(report.confusion).sum() == 150
    assert report.model.per_class["good"]["support"] == sum(report.confusion[LABELS.index("good")])
    beaten = report.baselines[0].difference["accuracy"]
    gap = report.model.metrics["accuracy"].value - report.baselines[0].metrics["accuracy"].value
    assert beaten.value == pytest.approx(gap)
    assert beaten.low > 0


def test_facts_hold_what_the_report_shows(context: Context) -> None:
    splits = _splits(train=_part("train", 200, 1), dev=_part("dev", 150, 2))
    facts = _evaluate(splits, context).facts
    assert facts["part_digest"] == splits.dev.digest
    assert sum(facts["distribution"]["predicted"].values()) == 150
    assert 0 < facts["calibration"]["ece"] < 1
    assert sum(entry["rows"] for entry in facts["calibration"]["bins"]) == 150
    for by in ("length", "script", "source", "class"):
        entries = [entry for entry in facts["slices"] if entry["by"] == by]
        assert sum(entry["rows"] for entry in entries) == 150
        assert all(entry["low"] <= entry["accuracy"] <= entry["high"] for entry in entries)
    assert {entry["value"] for entry in facts["slices"] if entry["by"] == "class"} == set(LABELS)


def test_the_untuned_model_sees_a_sample_and_is_paired_on_it(context: Context) -> None:
    splits = _splits(train=_part("train", 100, 1), dev=_part("dev", 150, 2))
    report = _evaluate(splits, context, untuned_rows=40)
    table = report.predictions.frame()
    asked = table.filter(table["untuned"].is_not_null())
    assert asked.height == report.facts["baseline_rows"]["untuned"] == 40
    untuned = report.baselines[2]
    ours = (asked["target"] == asked["predicted"]).mean()
    theirs = (asked["target"] == asked["untuned"]).mean()
    assert isinstance(ours, float)
    assert isinstance(theirs, float)
    assert untuned.metrics["accuracy"].value == pytest.approx(theirs)
    assert untuned.difference["accuracy"].value == pytest.approx(ours - theirs)
    assert asked["id"].to_list() != table["id"].to_list()[:40]


def test_a_baseline_that_fails_leaves_the_rest_standing(context: Context, predictor: type[FakePredictor]) -> None:
    predictor.fails = True
    rows = [_row("train", number, "good", "great") for number in range(30)]  # one class only: no linear model
    report = _evaluate(_splits(train=rows, dev=_part("dev", 60, 2)), context)
    majority, tfidf, untuned = report.baselines
    assert majority.metrics
    assert not majority.error
    assert tfidf.error
    assert not tfidf.metrics
    assert "base model is not here" in untuned.error
    assert report.predictions.columns[-1] == "majority"


def test_an_answer_that_depends_on_its_batch_is_seen(context: Context, predictor: type[FakePredictor]) -> None:
    splits = _splits(train=_part("train", 80, 1), dev=_part("dev", 60, 2))
    assert _evaluate(splits, context, latency_rows=30, baselines=[]).facts["alone"] == {"rows": 20, "same": 20}
    predictor.forgets = True
    alone = _evaluate(splits, context, latency_rows=30, baselines=[]).facts["alone"]
    assert alone["rows"] == 20
    assert alone["same"] < 15


def test_rows_that_cannot_be_judged_are_counted_and_wrong_for_nobody(context: Context) -> None:
    dev = [*_part("dev", 50, 2), _row("dev", 900, None, "no label"), _row("dev", 901, "good", "great nan-row")]
    report = _evaluate(_splits(train=_part("train", 80, 1), dev=dev), context)
    assert (report.rows, report.unscored) == (50, 2)
    assert "dev-0901" not in report.predictions.frame()["id"].to_list()


def test_a_part_without_labelled_rows_is_a_clear_error(context: Context) -> None:
    splits = _splits(train=_part("train", 80, 1), dev=[_row("dev", 1, None, "what")])
    with pytest.raises(UserError, match=r"dev: none of its 1 rows can be judged"):
        _evaluate(splits, context)


def test_a_model_that_gives_no_number_at_all_is_told_as_the_models_fault(context: Context) -> None:
    dev = [_row("dev", at, "good", "great nan-row") for at in range(5)] + [_row("dev", 9, None, "what")]
    with pytest.raises(
        UserError, match=r"dev: the model gave no finite number on any of its 5 labelled rows"
    ) as caught:
        _evaluate(_splits(train=_part("train", 80, 1), dev=dev), context)
    assert "add labelled rows" not in str(caught.value)
    assert "train.precision=fp32" in caught.value.text("zh")


def test_a_label_the_model_never_learned_is_wrong_not_an_error(context: Context) -> None:
    dev = [*_part("dev", 50, 2), _row("dev", 900, "strange", "great thing")]
    report = _evaluate(_splits(train=_part("train", 80, 1), dev=dev), context)
    assert report.labels == [*LABELS, "strange"]
    assert report.model.per_class["strange"]["recall"] == 0.0
    assert all(len(row) == 4 for row in report.predictions.frame()["probabilities"].to_list())


def test_customers_are_what_is_resampled(context: Context) -> None:
    dev = [row | {"group": f"c{index % 5}"} for index, row in enumerate(_part("dev", 100, 2))]
    report = _evaluate(_splits(train=_part("train", 80, 1), dev=dev), context)
    assert report.facts["groups"] == 5
    assert set(report.predictions.frame()["group"].to_list()) == {f"c{index}" for index in range(5)}


def test_baselines_learn_from_train_as_it_was_before_balancing(context: Context) -> None:
    train = _part("train", 80, 1)
    again = [
        row | {"id": f"{row['id']}~{copy}", "edits": [{"rule": "oversampled", "count": 1}]}
        for row in train
        if row["target"]["sentiment"] == "mixed"
        for copy in range(1, 20)
    ]
    report = _evaluate(_splits(train=[*train, *again], dev=_part("dev", 60, 2)), context)
    assert report.facts["train_rows"] == 80
    assert set(report.predictions.frame()["majority"].to_list()) == {"good"}
    kept = [row for row in train if row["target"]["sentiment"] != "good"]
    lost = [row | {"reason": "undersampled"} for row in train if row["target"]["sentiment"] == "good"]
    thinned = _splits(train=kept, dev=_part("dev", 60, 2), dropped=[*lost, lost[0] | {"id": "x", "reason": "other"}])
    assert _evaluate(thinned, context).predictions.digest == report.predictions.digest


def test_two_evaluations_are_the_same_object_in_the_store(context: Context, tmp_path: Path) -> None:
    splits = _splits(train=_part("train", 80, 1), dev=_part("dev", 60, 2))
    store = Store(tmp_path / "store")
    first = store.publish(_evaluate(splits, context))
    assert store.publish(_evaluate(splits, context)) == first
    assert store.load(first, EvalReport).model.metrics["accuracy"].value > 0.8


def test_a_baseline_stands_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        EvaluateConfig(baselines=["majority", "majority"])
