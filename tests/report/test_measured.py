"""What was measured beside the scores is told, in both languages, and nothing is told of what was not."""

from __future__ import annotations

import pytest

from fittingroom.report import render_report
from fittingroom.report.measured import measured
from fittingroom.report.words import speaker
from report.samples import evaluated, report_data


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_measurement_has_its_line(language: str) -> None:
    data = report_data().model_copy(update={"machine_hour": 3.6, "currency": "CNY"})
    page = measured(data, evaluated(0.8, tfidf=0.7), speaker(language), language)
    for shown in ("21", "48", "0.0200 CNY", "3.100 → 3.300", "+0.200", "91", "95.3", "93.0", "0.250", "5 / 8"):
        assert shown in page, shown
    assert ("release 3" if language == "en" else "第 3 版") in page
    assert "no target" not in page
    assert page.count("<tr>") == 12  # a head and eleven lines: nothing of the reason that met no row


def test_what_was_not_measured_is_not_told() -> None:
    bare = evaluated(0.8, tfidf=0.7).model_copy(update={"facts": {}, "timing": {}})
    assert measured(report_data(), bare, speaker("en"), "en") == ""
    failed = bare.model_copy(update={"facts": {"forgetting": {"error": "the base model is not here"}}})
    assert "not measured: the base model is not here" in measured(report_data(), failed, speaker("en"), "en")


def test_p_values_and_small_slices_stand_on_the_page() -> None:
    page = render_report(report_data(), "en")
    assert "· p 0.001" in page
    assert "few: hardly tells" in page
    assert "太少，难以说明问题" in render_report(report_data(), "zh")


def test_answers_without_a_set_of_labels_have_other_columns() -> None:
    report = evaluated(0.8, tfidf=0.7)
    named = {"rouge_l": report.model.metrics["accuracy"]}
    free = report.model_copy(
        update={
            "labels": [],
            "confusion": [],
            "model": report.model.model_copy(update={"metrics": named, "per_class": {}}),
            "baselines": [report.baselines[0].model_copy(update={"metrics": named, "difference": named})],
        }
    )
    data = report_data()
    views = [view.model_copy(update={"report": free}) for view in data.attempts]
    page = render_report(data.model_copy(update={"attempts": views, "test": None}), "en")
    assert "ROUGE-L" in page
    assert "Confusion matrix" not in page
