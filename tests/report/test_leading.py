"""The scores of the best attempt count; what each attempt paid, the worst answers, reasons in Chinese."""

from __future__ import annotations

import pyarrow as pa
import pytest

from fittingroom.report import render_report
from fittingroom.report.data import AttemptView, ReportData
from fittingroom.report.markdown import render_markdown
from fittingroom.report.rows import telling_rows
from fittingroom.report.summary import summary_of
from fittingroom.tables import Table
from fittingroom.types import Score, Verdict
from report.samples import around, decided, evaluated, report_data


def fell_back(*scores: float) -> ReportData:
    """A failed run whose attempts had these scores."""
    whole = report_data()
    views = []
    for number, score in enumerate(scores, 1):
        attempt = whole.attempts[0].attempt.model_copy(
            update={"number": number, "metrics": {"dev.macro_f1": score}, "cost": {"USD": 0.25 * number}}
        )
        report = evaluated(score, tfidf=0.9)
        views.append(AttemptView(attempt=attempt, report=report, decision=decided(Verdict.FAIL, score)))
    run = whole.run.model_copy(update={"status": "failed", "metrics": {"dev.macro_f1": scores[-1]}, "release": None})
    return whole.model_copy(update={"attempts": views, "test": None, "run": run, "metric": "macro_f1"})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_failed_run_shows_the_scores_of_its_best_attempt(language: str) -> None:
    data = fell_back(0.5, 0.72, 0.41)
    summary = summary_of(data)
    assert (summary.attempt, summary.contestants[0].metrics["macro_f1"].value) == (2, 0.72)
    assert summary.checks == decided(Verdict.FAIL, 0.72).checks
    for text in (render_report(data, language), render_markdown(summary, language)):
        assert summary.whose is not None
        assert summary.whose.say(language) in text
    assert "<b>0.720</b>" in render_report(data, language), "the tile on top, too"


def test_of_equal_attempts_the_last_leads_and_nothing_need_be_said() -> None:
    data = fell_back(0.6, 0.72, 0.72)
    assert (summary_of(data).attempt, summary_of(data).whose) == (3, None)
    passed = report_data()
    assert (summary_of(passed).attempt, summary_of(passed).whose) == (2, None)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_each_attempt_paid_stands_everywhere(language: str) -> None:
    data = fell_back(0.5, 0.72)
    summary = summary_of(data)
    assert [line.cost for line in summary.attempts] == [{"USD": 0.25}, {"USD": 0.5}]
    for text in (render_report(data, language), render_markdown(summary, language)):
        assert "0.2500 USD" in text
        assert "0.5000 USD" in text
    assert "USD" not in render_markdown(summary_of(report_data()), language)


def test_the_worst_free_answers_are_shown_by_their_score() -> None:
    frame = pa.table(
        {
            "id": ["a", "b", "c", "d"],
            "group": ["a", "b", "c", "d"],
            "target": ["三天内发货", "129元", "转人工", "x" * 400],
            "predicted": ["三天内发货", "99元", "不知道", "y"],
            "rouge_l": [1.0, 0.5, 0.0, None],
            "fact_consistency": [1.0, 0.0, 1.0, 0.5],
        }
    )
    score = Score(name="model", metrics={"rouge_l": around(0.5), "fact_consistency": around(0.6)})
    report = evaluated(0.6, tfidf=0.7).model_copy(
        update={"predictions": Table.of(frame), "labels": [], "confusion": [], "model": score, "baselines": []}
    )
    assert [(row.id, row.score) for row in telling_rows(report)] == [("c", 0.0), ("b", 0.5)]
    lowest = telling_rows(report, "fact_consistency")
    assert [row.id for row in lowest] == ["b", "d"]
    assert len(lowest[1].target) == 301, "a long answer is cut"
    page = render_report(report_data(rows=lowest), "zh")
    assert "得分最低的回答" in page
    assert "99元" in page


def test_reasons_slices_and_claims_have_their_chinese() -> None:
    report = evaluated(0.6, tfidf=0.7)
    failed = Score(name="champion", metrics={}, error="no release yet", error_zh="还没有版本")
    entry = {"rows": 90, "groups": 80, "few": False, "metric": "ndcg@10", "ndcg@10": 0.5, "low": 0.4, "high": 0.6}
    facts = report.facts | {
        "slices": [{"by": "customer", "value": "new"} | entry, {"by": "goods", "value": "known"} | entry],
        "forgetting": {"error": "the folder is gone", "error_zh": "文件夹不存在"},
        "judge": {"error": "gives no answer", "error_zh": "没有应答"},
        "drawn_from": 9, "notes": [], "baselines": {}, "model": {"corpus_bleu": 0.1, "unsupported": {"price": 2}},
        "reach": {"model": {"coverage@10": 0.25, "novelty@10": 3.5}, "popularity": {"coverage@10": 0.01}},
    }  # fmt: skip
    judged = report.model_copy(update={"baselines": [failed], "facts": facts})
    view = report_data().attempts[0].model_copy(update={"report": judged})
    data = report_data(attempts=[view], test=None)
    chinese, english = render_report(data, "zh"), render_report(data, "en")
    for said in ("还没有版本", "文件夹不存在", "没有应答", "价格 2", "客户", "商品", "本模型 25.0%", "热门商品 1.0%"):
        assert said in chinese, said
        assert said not in english
    for said in ("no release yet", "the folder is gone", "gives no answer", "price 2", "our model 25.0%"):
        assert said in english, said
        assert said not in chinese
    assert "还没有版本" in render_markdown(summary_of(data), "zh")
