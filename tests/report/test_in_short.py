"""The report in short: attempts side by side, rows to look at, figures as JSON, Markdown for a pull request."""

from __future__ import annotations

import pyarrow as pa
import pytest

from fittingroom.report import render_report
from fittingroom.report.markdown import render_markdown
from fittingroom.report.rows import telling_rows
from fittingroom.report.summary import ReportSummary, summary_of
from fittingroom.report.words import WORDS
from fittingroom.tables import Table
from fittingroom.types import Came, EvalReport
from report.samples import evaluated, report_data


def judged(rows: list[tuple[str, str, str, list[float], str | None]]) -> EvalReport:
    """A report of these rows: id, target, predicted, probabilities, what TF-IDF said."""
    ids, targets, said, chances, tfidf = (list(column) for column in zip(*rows, strict=True))
    table = pa.table(
        {
            "id": ids,
            "group": ids,
            "target": targets,
            "predicted": said,
            "confidence": [max(one) for one in chances],
            "probabilities": chances,
            "majority": ["neutral"] * len(ids),
            "tfidf": pa.array(tfidf, pa.string()),
        }
    )
    return evaluated(0.6, tfidf=0.7).model_copy(update={"predictions": Table.of(table)})


ROWS = [
    ("right", "positive", "positive", [0.9, 0.05, 0.05], "negative"),
    ("slip", "positive", "neutral", [0.4, 0.5, 0.1], "positive"),
    ("awful", "negative", "positive", [0.98, 0.01, 0.01], "negative"),
    ("hard", "neutral", "negative", [0.1, 0.2, 0.7], "positive"),
    ("unasked", "neutral", "negative", [0.0, 0.3, 0.7], None),
]


def test_the_worst_are_those_whose_true_label_is_least_likely() -> None:
    worst = [row for row in telling_rows(judged(ROWS)) if row.kind == "worst"]

    assert [row.id for row in worst] == ["awful", "hard", "unasked", "slip"]
    assert [row.true_probability for row in worst] == [0.01, 0.2, 0.3, 0.4]


def test_surprising_is_what_a_baseline_that_reads_gets_right() -> None:
    """The majority's answer is no witness, and a baseline that was not asked is none."""
    surprising = [row for row in telling_rows(judged(ROWS)) if row.kind == "surprising"]

    assert [row.id for row in surprising] == ["awful", "slip"]


def test_answers_without_probabilities_have_no_such_rows() -> None:
    assert telling_rows(evaluated(0.6, tfidf=0.7)) == []


@pytest.mark.parametrize(("language", "expected"), [("en", "the loss falls further"), ("zh", "损失会继续下降")])
def test_attempts_stand_side_by_side(language: str, expected: str) -> None:
    page = render_report(report_data(), language)
    table = page[page.index("<table") : page.index("</table>")]

    assert table.count("<tr>") == 3, "a head and two attempts"
    assert expected in table
    assert "+0.200" in table, "0.61 -> 0.81"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_markdown_names_the_winner_and_each_condition(language: str) -> None:
    text = render_markdown(summary_of(report_data()), language)
    lines = text.splitlines()

    assert f"**{WORDS['model'].say(language)}**" in text
    assert any(WORDS["tfidf"].say(language) in line and "0.700" in line for line in lines)
    assert any("nano: the base model is not here" in line for line in lines), "what failed is told with its reason"
    assert sum("learning-rate-too-low" in line for line in lines) == 1
    assert WORDS["stand_in"].say(language) in text
    widths = [line.count("|") for line in lines if line.startswith("|")]
    assert set(widths) == {3, 5, 8}, "every row of a table has as many cells as its head"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("met", [True, False])
def test_the_markdown_says_whether_an_attempt_came_as_expected(language: str, met: bool) -> None:
    data = report_data()
    first, second = data.attempts
    came = Came(metric="dev.macro_f1", before=0.61, after=0.81, met=met)
    judged = second.model_copy(update={"attempt": second.attempt.model_copy(update={"came": came})})
    summary = summary_of(data.model_copy(update={"attempts": [first, judged]}))

    said = WORDS["met" if met else "not_met"].say(language)
    lines = [line for line in render_markdown(summary, language).splitlines() if said in line]
    assert len(lines) == 1, "the first attempt was expected to do nothing"
    assert f"0.810<br>{said}" in lines[0]
    assert summary.attempts[1].came == came


def test_markdown_keeps_foreign_text_as_text() -> None:
    data = report_data()
    named = data.model_copy(update={"run": data.run.model_copy(update={"name": "a|b <img> `c`\nd"})})

    text = render_markdown(summary_of(named))

    assert "<img>" not in text
    assert text.splitlines()[0] == "## a\\|b &lt;img> \\`c\\` d · passed"


def test_the_figures_hold_every_contestant_and_no_text() -> None:
    summary = summary_of(report_data(), "report.html")

    assert [one.name for one in summary.contestants] == ["model", "majority", "tfidf", "untuned"]
    assert summary.contestants[3].rows == 0
    assert summary.attempts[1].cause == "learning-rate-too-low"
    assert summary.calibration == {"ece": 0.05, "brier": 0.21, "log_loss": 0.44}
    assert "收到的衣服" not in summary.model_dump_json()
    assert ReportSummary.model_validate_json(summary.model_dump_json()) == summary
