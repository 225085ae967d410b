"""Judge, labeller and candidates are told on the page, in the Markdown and in the figures, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from fittingroom.report import render_report
from fittingroom.report.beside import beside
from fittingroom.report.data import ReportData, StageLine
from fittingroom.report.markdown import render_markdown
from fittingroom.report.summary import summary_of
from report.samples import evaluated, report_data

ACCOUNT: dict[str, Any] = {
    "questions": 80, "models": {"deepseek-chat-0324": 78}, "tokens": {"sent": 9000, "cached": 1000, "answered": 400},
    "cost": 0.0123, "currency": "CNY",
}  # fmt: skip
JUDGE: dict[str, Any] = {
    "against": "retrieval", "pairs": 40, "wins": 21, "losses": 12, "ties": 6, "torn": 3, "unscored": {"blank": 1},
    "win_rate": {"value": 0.615, "low": 0.48, "high": 0.74},
    "people": {"rows": 17, "share": 0.8241, "kappa": 0.61, "firm_rows": 15, "firm_share": 0.9}, **ACCOUNT,
}  # fmt: skip
LABELLER: dict[str, Any] = {
    "name": "outside", "unlabelled": 450, "used": 288, "agreement": {"rows": 95, "share": 0.9053, "kappa": 0.872},
    "order": {"rows": 94, "share": 0.9681, "kappa": 0.95}, "asked": 500, "labelled": 480,
    "not_used": {"outside the set": 12}, **ACCOUNT,
}  # fmt: skip


def told(judge: dict[str, Any] | None = None, label: dict[str, Any] | None = None, **facts: Any) -> ReportData:
    """A run whose test part was judged so, and whose last attempt labelled so."""
    data = report_data()
    facts |= {"judge": judge} if judge else {}
    report = evaluated(0.8, tfidf=0.7).model_copy(update={"facts": facts, "timing": {}})
    line = StageLine(stage="label", facts={"endpoint": label} if label else {})
    views = [view.model_copy(update={"stages": [*view.stages, line]}) for view in data.attempts]
    assert data.test is not None
    return data.model_copy(update={"attempts": views, "test": data.test.model_copy(update={"report": report})})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_judge_and_labeller_stand_everywhere(language: str) -> None:
    data = told(JUDGE, LABELLER)
    pages = render_report(data, language), render_markdown(summary_of(data), language)

    for page in pages:
        for shown in ("deepseek-chat-0324", "78", "0.0123 CNY", "10,400", "21 : 12", "0.615", "82.4%", "0.610",
                      "288", "450", "90.5%", "0.872", "96.8%",
                      {"en": "blank 1", "zh": "空白回答 1"}[language]):  # fmt: skip
            assert shown in page, shown
    named = ("judge and people agree", "the labeller and people agree")
    assert all((name in pages[1]) is (language == "en") for name in named)
    assert len(summary_of(data).beside) == 11


def test_what_is_not_known_is_said() -> None:
    unknown = {**JUDGE, "cost": None, "people": {"rows": 0, "share": None, "kappa": None}, "win_rate": None}
    said = {one.name.en: one.said for one in beside(told(unknown))}

    assert "prices not known" in said["cost of the judge"].en
    assert "no person judged these pairs" in said["judge and people agree"].en
    (failed,) = beside(told({"error": "refused: no budget"}))
    assert failed.said.zh == "没有给出评判：refused: no budget"
    assert beside(told()) == []


def test_a_low_ranking_is_explained_by_its_candidates() -> None:
    data = told(candidates={"mean": 37.5, "recall": 0.412})

    assert "41.2% of what would be right is among the 37.5 candidates" in render_markdown(summary_of(data))
    assert "候选召回率" in render_report(data, "zh")


def test_orders_of_a_hosted_model_that_name_few_goods_are_told() -> None:
    api = {**ACCOUNT, "not_used": {"no number of the list": 2}, "short": 5}
    said = {one.name.en: one.said for one in beside(told(baseline_facts={"api": api}))}

    assert said["its answers that are unscored"].zh == "没有列表中的编号 2"
    assert said["its orders that name fewer goods than asked for"].en.startswith("5: ")
    assert "its orders that name fewer goods than asked for" not in {
        one.name.en for one in beside(told(baseline_facts={"api": {**api, "short": 0}}))
    }
