"""Free answers are judged row by row, beside retrieval and template, and silence never wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.evaluating import generated
from fittingroom.evaluating.baselines import champion
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.measures import Measure
from fittingroom.evaluating.setting import Setting
from fittingroom.statistics.generation.overlap import corpus_bleu, rouge_l
from fittingroom.statistics.judging import Exam
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Bundle, EvalReport, Folder, Splits, dropped_schema, row_schema

TASK = TaskConfig(
    kind="reply",
    input=["question", "price"],
    target="answer",
    reply={"facts": ["price"], "hand_over": ["转人工"]},
)
ASKED = {"多少钱": "这款{price}元哦亲", "什么时候发货": "亲，拍下后很快就发货", "我要投诉": "马上为您转人工客服"}


def _table(rows: Sequence[tuple[str, str, str]], task: TaskConfig = TASK) -> Table:
    schema = row_schema(task.input, task.target)
    made: list[dict[str, Any]] = [
        {
            "id": f"{name}", "source": "s", "group": f"g{name[-2:]}", "input": {"question": asked, "price": "129元"},
            "target": {"answer": said}, "annotations": [], "dup_count": 1, "edits": [],
        }
        for name, asked, said in rows
    ]  # fmt: skip
    return Table.records(made, schema)


def _rows(part: str, count: int) -> list[tuple[str, str, str]]:
    kinds = list(ASKED.items())
    return [(f"{part}{at:02d}", f"{kinds[at % 3][0]} {at}", kinds[at % 3][1].format(price=129)) for at in range(count)]


def _setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: Callable[[dict[str, str]], str], **config: Any
) -> Setting:
    class Stand:
        renderer = SimpleNamespace(think=config.pop("think", "none"))

        def generate(self, inputs: Sequence[dict[str, str]], progress: Any = None) -> list[tuple[str, str]]:
            if progress is not None:
                progress(len(inputs), len(inputs))
            said = [says(given) for given in inputs]
            return [(text, "length" if text.endswith("…") else "stop") for text in said]

        def prompt_ids(self, given: dict[str, str]) -> tuple[list[int], int]:
            return [1], 0

    monkeypatch.setattr(Setting, "predictor", lambda self, weights="bundle": Stand())
    train, dev = _table(_rows("t", 60)), _table(_rows("d", 45))
    empty = _table([])
    dropped = Table.records([], dropped_schema(row_schema(TASK.input, TASK.target)))
    splits = Splits(train=train, dev=dev, calibration=empty, test=empty, dropped=dropped)
    context = Context(root=tmp_path, scratch=tmp_path, secret=b"test-key", threads=1)
    used = {"baselines": ["retrieval", "template", "untuned"], "replicates": 200, **config}
    (tmp_path / "bundle").mkdir(exist_ok=True)
    return Setting(Bundle(folder=Folder(tmp_path / "bundle")), splits, "dev", EvaluateConfig(**used), TASK, 3, context)


def _right(given: dict[str, str]) -> str:
    return next(said.format(price=129) for asked, said in ASKED.items() if given["question"].startswith(asked))


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EvalReport:
    return generated.judge(_setting(monkeypatch, tmp_path, _right))


def test_the_model_and_its_baselines_are_judged_on_the_same_rows(report: EvalReport) -> None:
    assert (report.rows, report.unscored, report.labels, report.confusion) == (45, 0, [], [])
    ours = report.model.metrics
    assert ours["rouge_l"].value == ours["exact_match"].value == ours["fact_consistency"].value == 1.0
    assert ours["hand_over_recall"].value == 1.0
    retrieval, template, untuned = report.baselines
    assert retrieval.metrics["rouge_l"].value == 1.0  # the same question stands in train
    assert retrieval.difference["rouge_l"].value == 0.0
    # The most frequent answers are equally frequent: the first in alphabetical order is said everywhere.
    assert template.metrics["exact_match"].value == pytest.approx(1 / 3)
    gap = template.difference["exact_match"]
    assert gap.value == pytest.approx(2 / 3)
    assert 0.4 < gap.low < gap.value < gap.high < 0.9
    assert template.p_values["exact_match"] < 0.05
    assert untuned.metrics.keys() == ours.keys()


def test_predictions_hold_every_value_and_every_answer(report: EvalReport) -> None:
    rows = report.predictions.frame().to_dicts()
    assert len(rows) == 45
    for row in rows:
        assert row["rouge_l"] == round(rouge_l(row["predicted"], row["target"]), 6)
        assert (row["hand_over_recall"] is None) == ("转人工" not in row["target"])
        assert row["retrieval"] == row["target"]
    column = np.array([row["chrf"] for row in rows])
    assert report.model.metrics["chrf"].value == pytest.approx(column.mean())
    told = report.facts["model"]
    said, wanted = [row["predicted"] for row in rows], [row["target"] for row in rows]
    assert told["corpus_bleu"] == pytest.approx(corpus_bleu(said, wanted), abs=1e-6)
    assert report.facts["notes"] == []


def test_a_made_up_price_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = generated.judge(_setting(monkeypatch, tmp_path, lambda given: "只要99元", baselines=["template"]))
    assert found.model.metrics["fact_consistency"].value == 0.0
    assert found.facts["model"]["unsupported"] == {"price": 45}
    assert found.model.metrics["hand_over_recall"].value == 0.0


def test_blank_answers_score_nothing_and_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = generated.judge(_setting(monkeypatch, tmp_path, lambda given: " 。", baselines=["template"]))
    assert {interval.value for interval in found.model.metrics.values()} == {0.0}
    assert found.facts["model"]["blank"] == 45
    assert "no word at all" in found.facts["notes"][0]["en"]
    assert "没有任何文字" in found.facts["notes"][0]["zh"]


def test_a_sample_is_judged_and_told_of_how_many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = generated.judge(_setting(monkeypatch, tmp_path, _right, generated_rows=20, untuned_rows=20))
    again = generated.judge(_setting(monkeypatch, tmp_path, _right, generated_rows=20, untuned_rows=20))
    assert (first.rows, first.facts["drawn_from"], first.unscored) == (20, 45, 0)
    assert first.predictions.digest == again.predictions.digest


def test_a_baseline_that_cannot_be_leaves_the_rest_standing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = generated.judge(_setting(monkeypatch, tmp_path, _right, baselines=["tfidf", "template"]))
    assert "free text" in found.baselines[0].error
    assert found.baselines[1].metrics


def test_a_part_without_answers_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setting = _setting(monkeypatch, tmp_path, _right)
    object.__setattr__(setting, "part", "test")
    with pytest.raises(UserError, match="none of its 0 rows"):
        generated.judge(setting)


def test_copies_are_measured_by_their_attributes() -> None:
    task = TaskConfig(kind="copywrite", input=["goods"], target="copy")
    goods = ["颜色#红色*版型#宽松", "颜色#蓝色*版型#宽松", "颜色#蓝色*版型#修身", "颜色#红色*版型#修身"]
    copies = [f"这条裙子{text.split('*')[0][3:]}又{text.split('*')[1][3:]}，百搭好看显瘦遮肉" for text in goods]
    names = [f"r{at}" for at in range(4)]
    exam = Exam(names, names, ["s"] * 4, [{"goods": text} for text in goods], copies)
    measure = Measure.of(task, exam)
    assert measure.known == ["修身", "宽松", "红色", "蓝色"]
    values = measure.values(exam, [copies[0], "蓝色宽松", "国家级蓝色", ""])
    assert values["coverage"].tolist() == [1.0, 1.0, 0.5, 0.0]
    assert values["faithfulness"].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert values["lawful"].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert values["own_words"].tolist()[:2] == [0.0, 1.0]
    assert all(((column >= 0) & (column <= 1)).all() for column in values.values())


def test_a_thought_is_not_part_of_the_answer_and_one_that_was_cut_leaves_it_blank(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def says(given: dict[str, str]) -> str:
        if given["question"].startswith("我要投诉"):
            return "顾客很生气，我想…"
        return f"他问价格</think>{_right(given)}"

    report = generated.judge(_setting(monkeypatch, tmp_path, says, think="keep", baselines=[], latency_rows=12))
    rows = report.predictions.dicts()
    assert {row["predicted"] for row in rows if "129" in row["target"]} == {"这款129元哦亲"}
    assert report.facts["truncated_thoughts"] == report.facts["cut_answers"] == 15
    assert report.model.metrics["exact_match"].value == pytest.approx(2 / 3)
    assert report.facts["truncated"] == {"rows": 0, "share": 0.0, "tokens": 0}
    assert report.timing["latency_rows"] == 12


def test_thoughts_that_were_cut_are_counted_for_every_contestant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A base model that never comes to speak must not look as if it had nothing to say."""
    setting = _setting(monkeypatch, tmp_path, lambda given: "我想…", think="keep", baselines=["untuned"])
    facts = generated.judge(setting).facts["baseline_facts"]["untuned"]
    assert facts["truncated_thoughts"] == facts["cut_answers"] > 0


def test_the_champion_answers_the_same_rows_or_says_why_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setting = _setting(monkeypatch, tmp_path, _right, baselines=["champion"])
    score = generated.judge(setting).baselines[0]
    assert "no release stands behind the alias champion" in score.error
    assert "还没有指向任何版本" in score.why("zh")
    release = SimpleNamespace(version=3)
    monkeypatch.setattr(champion, "former", lambda setting, fields: (setting.predictor(), release))
    report = generated.judge(setting)
    assert report.baselines[0].metrics["exact_match"].value == 1.0
    assert report.facts["baseline_rows"] == {"champion": 45}
    assert report.facts["baseline_facts"] == {"champion": {"cut_answers": 0, "truncated_thoughts": 0}}


def test_the_report_says_what_has_no_value_per_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from fittingroom.report.measured import free

    found = generated.judge(_setting(monkeypatch, tmp_path, lambda given: "只要99元", baselines=["template"]))
    told = {name.en: said.en for name, said in free(found.facts)}
    assert told["rows drawn from"] == "45 rows"
    assert told["claims that stand in no fact"] == "price 45"
    assert "template" in told["BLEU of all answers together"]
    assert found.facts["truncated"]["rows"] == 0
    assert found.timing["latency_rows"] == 45.0, "all rows that there are"
