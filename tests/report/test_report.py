"""The report: whole, self-contained, safe, and plain about who wins."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from fittingroom.report import AttemptView, Change, ReportData, render_report
from fittingroom.report.data import StageLine
from fittingroom.report.story import road
from fittingroom.report.words import WORDS, speaker
from fittingroom.types import Attempt, EvalReport, RunSummary, Score, Text, Verdict
from report.samples import around, curves, decided, evaluated, finding, metrics, report_data

VOID = {"meta", "br", "hr", "img", "line", "rect", "circle", "path", "polyline"}
NASTY = """<script>alert("1")</script><img src=x onerror='alert(2)'> & "quoted" </style></title>"""


class _Parsed(HTMLParser):
    """Elements, attributes and text; insists that every element is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_whole_and_fetches_nothing(language: str) -> None:
    page = render_report(report_data(), language)
    parsed = _Parsed(page)
    assert page.startswith("<!doctype html>")
    assert not {"script", "iframe", "link", "object", "img", "form"} & set(parsed.names)
    names = {name for name, _ in parsed.attributes}
    assert not {"src", "href", "action", "srcset"} & names
    assert not [name for name in names if name.startswith("on")]
    assert not re.search(r"https?://|url\(|@import", page)
    assert "default-src 'none'" in page.replace("&#x27;", "'")
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page


def test_both_languages_show_the_same_numbers() -> None:
    english, chinese = (_Parsed(render_report(report_data(), language)).text for language in ("en", "zh"))
    numbers = re.compile(r"\d\.\d{3}")
    assert sorted(numbers.findall(english)) == sorted(numbers.findall(chinese))
    assert 'lang="zh-CN"' in render_report(report_data(), "zh")
    assert "数据之路" in chinese
    assert "The road of the data" in english
    assert not re.search(r"[\u4e00-\u9fff]", english.replace("收到的衣服颜色不对", ""))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_foreign_text_stays_text(language: str) -> None:
    data = report_data(
        run=RunSummary(id=NASTY, name=NASTY, status="failed", message=Text(en=NASTY, zh=NASTY), digests={NASTY: NASTY}),
        fields=[NASTY],
        target=NASTY,
        base=NASTY,
        recipe=NASTY,
        command=NASTY,
        versions={NASTY: NASTY},
        test=None,
    )
    nasty = evaluated(0.6, tfidf=0.7, labels=[NASTY, "b"])
    facts = nasty.facts | {NASTY: {NASTY: NASTY}}
    facts["slices"] = [{"by": "source", "value": NASTY, "rows": 3, "accuracy": 0.1, "low": 0.0, "high": 0.4}]
    nasty = nasty.model_copy(update={"facts": facts})
    view = data.attempts[1].model_copy(
        update={
            "findings": [finding(NASTY)],
            "report": nasty,
            "changed": [Change(path=NASTY, before={NASTY: [NASTY]}, after=NASTY)],
            "stages": [
                line.model_copy(
                    update={"stage": NASTY, "reasons": {NASTY: 1}, "facts": {NASTY: NASTY, "d": {NASTY: NASTY}}}
                )
                for line in data.attempts[0].stages
            ],
        }
    )
    page = render_report(data.model_copy(update={"attempts": [view]}), language)
    parsed = _Parsed(page)
    assert not {"script", "img"} & set(parsed.names)
    assert parsed.names.count("style") == 1
    assert parsed.text.count('<script>alert("1")</script>') >= 15
    assert not [name for name, _ in parsed.attributes if name == "onerror"]


def test_who_wins_is_said_plainly() -> None:
    data = report_data(test=None)
    lost = data.attempts[0].model_copy(update={"report": evaluated(0.61, tfidf=0.70)})
    page = render_report(data.model_copy(update={"attempts": [lost]}))
    assert "The TF-IDF + linear model wins: macro F1 0.700 against our 0.610" in page
    assert "it is the better choice for this task" in page
    assert "Our model beats the most frequent answer: macro F1 0.610 against 0.300" in page
    assert "untuned model: not scored (nano: the base model is not here)" in page
    chinese = _Parsed(render_report(data.model_copy(update={"attempts": [lost]}), "zh")).text
    assert "TF-IDF + 线性模型更好" in chinese
    near = data.attempts[0].model_copy(update={"report": evaluated(0.70, tfidf=0.69)})
    assert "cannot be told apart" in render_report(data.model_copy(update={"attempts": [near]}))


def test_a_sampled_comparison_says_on_how_many_rows() -> None:
    report = evaluated(0.8, tfidf=0.7)
    untuned = Score(name="untuned", metrics=metrics(0.2), difference={"macro_f1": around(0.6)})
    report = report.model_copy(update={"baselines": [untuned], "facts": {"baseline_rows": {"untuned": 100}}})
    view = report_data().attempts[1].model_copy(update={"report": report})
    assert "Compared on a sample of 100 rows" in render_report(report_data(attempts=[view], test=None))


def test_the_stand_in_is_named_for_what_it_is() -> None:
    assert "say nothing about real DeepSeek models" in render_report(report_data())
    assert "不能说明真实 DeepSeek 模型" in render_report(report_data(), "zh")
    assert "say nothing about" not in render_report(report_data(base="deepseek-ai/DeepSeek-V2-Lite"))


def test_the_loop_is_told() -> None:
    text = _Parsed(render_report(report_data())).text
    assert "Cause: Learning rate too low → train.learning_rate = 0.0003 → dev macro F1 0.810" in text
    assert "Came: macro F1 0.610 → 0.810 (+0.200)" in text
    assert "Expected: the loss falls further" in text
    assert "exact duplicate: 180; near duplicate: 120" in text
    assert "fittingroom run recipe.yaml" in text
    assert "opened once" in text


def test_a_second_opening_is_flagged() -> None:
    test = report_data().test
    assert test is not None
    page = render_report(report_data(test=test.model_copy(update={"opening": 2})))
    assert "2 releases have seen this test part" in page


def test_the_road_balances() -> None:
    page = render_report(report_data())
    row = page[page.index("prepare: read, clean") :]
    row = row[: row.index("</tr>")]
    assert re.findall(r'<td class="number">(\d+)</td>', row) == ["3064", "3000", "60", "4"]


def test_agreement_and_rules_are_shown() -> None:
    line = StageLine(
        stage="label",
        rows={"kept": 9, "dropped": 1},
        reasons={"rules disagree": 1},
        facts={
            "agreement": {
                "annotators": 3,
                "fleiss_kappa": 0.6125,
                "krippendorff_alpha": 0.5875,
                "competence": {"a": 0.9},
            },
            "rules": {"coverage": 0.4375, "conflicts": 1, "by_rule": [{"label": "refund", "rows": 4, "overlaps": 1}]},
        },
    )
    page = str(road([line], speaker("zh"), "zh"))
    for shown in ("规则互相矛盾", "fleiss_kappa", "0.6125", "0.5875", "0.4375", "label: refund, rows: 4, overlaps: 1"):
        assert shown in page


def test_an_attempt_that_was_blocked_has_a_page() -> None:
    attempt = Attempt(number=1, config_digest="a", minutes=0.1)
    data = report_data(
        run=RunSummary(id="x", name="x", status="failed"),
        attempts=[AttemptView(attempt=attempt, findings=[finding()])],
        test=None,
    )
    text = _Parsed(render_report(data)).text
    assert "ended before training" in text
    assert "Scores" not in text
    assert _Parsed(render_report(report_data(attempts=[], test=None), "zh")).text


def test_many_classes_become_a_picture() -> None:
    labels = [f"intent_{index:02d}" for index in range(77)]
    page = render_report(report_data(test=None, attempts=[_with(evaluated(0.8, tfidf=0.7, labels=labels))]))
    parsed = _Parsed(page)
    assert parsed.names.count("rect") > 1000
    assert 'class="cell"' not in page
    assert re.search(r"intent_\d\d → intent_\d\d", parsed.text)
    assert len(page) < 900_000


def test_curves_leave_out_what_is_no_number_and_stay_small() -> None:
    steps, evals = curves(5000, diverges=True)
    view = report_data().attempts[1].model_copy(update={"steps": steps, "evals": evals})
    page = render_report(report_data(attempts=[view]))
    assert "nan" not in " ".join(re.findall(r'points="([^"]*)"', page))
    assert len(page) < 150_000
    assert page.count("polyline") >= 5


def test_every_status_and_verdict_has_a_word() -> None:
    for key in ("running", "waiting", "passed", "failed", "inconclusive", "interrupted", "error", *Verdict):
        assert speaker("en")(key) == WORDS[key].en
        assert speaker("zh")(key) != key
    assert all(text.en.strip() and text.zh.strip() for text in WORDS.values())
    assert decided(Verdict.PASS, 0.81).checks[0].reason.zh in render_report(report_data(test=None), "zh")


def _with(report: EvalReport) -> AttemptView:
    view: AttemptView = report_data().attempts[1].model_copy(update={"report": report})
    return view


def test_the_same_data_give_the_same_page() -> None:
    data: ReportData = report_data()
    assert render_report(data, "zh") == render_report(report_data(), "zh")


def test_how_many_examples_stood_in_the_prompt_is_told() -> None:
    english, chinese = (_Parsed(render_report(report_data(), language)).text for language in ("en", "zh"))
    assert "5 / 8 examples stand in its prompt; in 2 long rows fewer" in english
    assert "提示中放入 5 / 8 个示例；其中 2 行较长，放入的更少" in chinese
