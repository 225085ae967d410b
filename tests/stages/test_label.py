"""Label: spellings united, annotators merged, contradictions settled, nothing lost without a reason."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.sources import decisions
from fittingroom.sources.decisions import Decision
from fittingroom.stages.label import VERSION, LabelConfig, label, observes
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rules import LabelRule
from fittingroom.types import Rows, dropped_schema, row_schema

MakeRows = Callable[..., Rows]


def said(rows: Rows) -> dict[str, str]:
    return {row["id"]: row["target"]["label"] for row in rows.kept.dicts()}


def gone(rows: Rows) -> dict[str, tuple[str, str | None]]:
    return {row["id"]: (row["reason"], row["twin"]) for row in rows.dropped.dicts()}


def votes(**given: str) -> list[dict[str, str]]:
    return [{"annotator": name, "label": value} for name, value in given.items()]


def test_spellings_and_aliases_lead_to_the_declared_label(make_rows: MakeRows, context: Context) -> None:
    task = TaskConfig(kind="classify", input=["text"], target="label", labels=["Good", "Bad"], aliases={"差": "Bad"})
    rows = make_rows([("a1", "good"), ("b2", " ＧＯＯＤ "), ("c3", "差"), ("d4", "so-so"), ("e5", None), ("f6", "  ")])
    out = label(rows, label=LabelConfig(), task=task, context=context)
    assert said(out) == {"r000": "Good", "r001": "Good", "r002": "Bad"}
    assert gone(out) == {
        "r003": ("unknown label", None),
        "r004": ("not labelled", None),
        "r005": ("not labelled", None),
    }
    assert out.dropped.dicts()[0]["target"]["label"] == "so-so"
    assert out.kept.dicts()[0]["edits"] == [{"rule": "label", "count": 1}]
    assert out.kept.schema == row_schema(["text"], "label")
    assert out.dropped.schema == dropped_schema(row_schema(["text"], "label"))


def test_without_labels_the_usual_spelling_wins(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = make_rows([("a1", "Return"), ("b2", "Return"), ("c3", "return "), ("d4", "Ask")])
    assert set(said(label(rows, label=LabelConfig(), task=task, context=context)).values()) == {"Return", "Ask"}


def test_one_other_annotator_cannot_overrule_the_source(
    make_rows: MakeRows, task: TaskConfig, context: Context
) -> None:
    rows = make_rows(
        [
            {"text": "a1", "label": "x", "annotations": votes(ann="y")},
            {"text": "b2", "label": "y", "annotations": votes(ann="y")},
            {"text": "c3", "label": None, "annotations": votes(ann="x")},
            {"text": "d4", "label": None, "annotations": votes(ann="x", bob="y")},
            {"text": "e5", "label": "x", "annotations": votes(ann="y", bob="y")},
        ]
    )
    out = label(rows, label=LabelConfig(merge="majority"), task=task, context=context)
    assert said(out) == {"r000": "x", "r001": "y", "r002": "x", "r004": "y"}
    assert gone(out) == {"r003": ("annotators disagree", None)}
    assert out.facts["agreement"]["method"] == "majority"
    assert out.facts["annotated"] == 5


def test_several_annotators_are_weighed_by_competence(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    """Two careless annotators outvote a careful one; Dawid and Skene's model listens to the careful one."""
    dice = random.Random(1)
    truth, found = [], []
    for number in range(300):
        right = dice.choice(["x", "y"])
        other = "y" if right == "x" else "x"
        given = {name: right if dice.random() < skill else other for name, skill in (("b", 0.55), ("c", 0.6))}
        careful = right if dice.random() < 0.97 else other
        second = right if dice.random() < 0.95 else other
        truth.append(right)
        text = f"text number {number} {dice.random()}"
        found.append({"text": text, "label": careful, "annotations": votes(a=second, **given)})
    config = {"task": task, "context": context}
    weighed = said(label(make_rows(found), label=LabelConfig(conflicts="keep"), **config))
    voted = said(label(make_rows(found), label=LabelConfig(conflicts="keep", merge="majority"), **config))

    def right(labels: dict[str, str]) -> float:
        return sum(labels[f"r{number:03d}"] == value for number, value in enumerate(truth)) / len(truth)

    assert right(weighed) > 0.93
    assert right(weighed) > right(voted)
    agreement = label(make_rows(found), label=LabelConfig(), **config).facts["agreement"]
    assert agreement["method"] == "dawid_skene"
    assert agreement["competence"]["a"] > agreement["competence"]["b"] + 0.2
    assert 0 < agreement["krippendorff_alpha"] < 1


def contradicting(make_rows: MakeRows) -> Rows:
    return make_rows(
        [
            ("这件衣服质量真的很不错,会再来", "good"),
            ("这件衣服质量真的很不错,会再来!", "good"),
            ("这件衣服,质量真的很不错,会再来", "bad"),
            ("颜色一般般", "good"),
            ("颜色一般般。", "bad"),
            ("the zip of this coat broke after the very first week of wearing it outside", "bad"),
            ("the zip of this coat broke after the very first week of wearing it outside.", "bad"),
            ("the zip of this coat broke after the very first week of wearing it outsides", "good"),
            ("尺码标准,推荐购买", "good"),
            ("尺码不标准,推荐购买", "bad"),
        ]
    )


def test_clear_majority_stays_and_ties_go(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    out = label(contradicting(make_rows), label=LabelConfig(), task=task, context=context)
    assert set(said(out)) == {"r000", "r001", "r005", "r006", "r008", "r009"}
    assert gone(out) == {
        "r002": ("conflicting labels", "r000"),
        "r003": ("conflicting labels", "r004"),
        "r004": ("conflicting labels", "r003"),
        "r007": ("conflicting labels", "r005"),
    }
    facts = out.facts
    assert (facts["conflicts_exact"], facts["conflicts_near"], facts["resolved"], facts["dropped"]) == (5, 3, 2, 4)
    assert out.kept.rows + out.dropped.rows == 10


@pytest.mark.parametrize(("conflicts", "kept"), [("drop", 2), ("keep", 10)])
def test_other_ways_with_conflicts(
    make_rows: MakeRows, task: TaskConfig, context: Context, conflicts: Any, kept: int
) -> None:
    out = label(contradicting(make_rows), label=LabelConfig(conflicts=conflicts), task=task, context=context)
    assert out.kept.rows == kept
    assert out.facts["conflicts_exact"] == 5


def test_annotated_rows_weigh_more_in_a_conflict(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = make_rows(
        [
            {"text": "颜色一般般", "label": "good", "annotations": votes(a="good", b="good")},
            ("颜色一般般", "bad"),
            ("别的东西", "bad"),
        ]
    )
    out = label(rows, label=LabelConfig(), task=task, context=context)
    assert said(out) == {"r000": "good", "r002": "bad"}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([("a1", "x"), ("b2", "x"), ("c3", None)], "all 2 labelled rows carry one label 'x'.*not labelled: 1"),
        ([("a1", None), ("b2", "")], "none of 2 rows has a usable label in the field 'label'.*not labelled: 2"),
        ([("颜色一般般", "x"), ("颜色一般般", "y")], "none of 2 rows.*conflicting labels: 2"),
    ],
)
def test_one_class_is_refused(
    make_rows: MakeRows, task: TaskConfig, context: Context, found: list[Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        label(make_rows(found), label=LabelConfig(), task=task, context=context)
    assert caught.value.place == "task.target"


def test_contradictory_label_lists_are_refused(make_rows: MakeRows, context: Context) -> None:
    rows = make_rows([("a1", "x"), ("b2", "y")])
    for more, message in (({"labels": ["x", "X"]}, "differ only"), ({"labels": ["x"], "aliases": {"a": "z"}}, "alias")):
        task = TaskConfig(kind="classify", input=["text"], target="label", **more)
        with pytest.raises(RecipeError, match=message):
            label(rows, label=LabelConfig(), task=task, context=context)


def test_golden(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    """When this fails and VERSION stayed, stored results are stale: raise VERSION and put in the new digests."""
    out = label(contradicting(make_rows), label=LabelConfig(), task=task, context=context)
    assert (VERSION, out.kept.digest, out.dropped.digest) == (
        7,
        "ff15cbb9e9cf6c672c085b37c9112027",
        "d383ee6ff514d261aff600b5b85f0dfa",
    )


def rule(label: str, **asks: Any) -> LabelRule:
    return LabelRule(label=label, **asks)


def test_rules_label_what_nobody_labelled_and_never_overrule_people(make_rows: MakeRows, context: Context) -> None:
    task = TaskConfig(kind="classify", input=["text"], target="label", labels=["refund", "praise", "size"])
    rows = make_rows(
        [
            ("想退款,麻烦快点", "praise"),  # a person's label stays, right or not
            ("ＲＥＦＵＮＤ please", None),  # full width and case do not matter
            ("a refunded benefit", None),  # neither `refund` nor `fit` stands here as a word
            ("不合身 fit很差", None),  # Chinese beside Latin is no part of the word
            ("很好", None),
            ("退款 but does it fit", None),  # contradiction
            ("so-so", "so-so"),  # a person said something that is no label
            {"text": "差 refund", "label": None, "annotations": votes(a="size", b="praise")},
        ]
    )
    rules = [
        rule("Refund", keywords=["退款", "refund"]),
        rule("size", regex=r"(?i)合身|\bsize\b"),
        rule("size", keywords=["fit"]),
        rule("praise", where="length(text) <= 6 and text like '%好%'"),
        rule("praise", keywords=["so-so"]),
    ]
    out = label(rows, label=LabelConfig(rules=rules), task=task, context=context)
    assert said(out) == {"r000": "praise", "r001": "refund", "r003": "size", "r004": "praise"}
    assert gone(out) == {
        "r002": ("not labelled", None),
        "r005": ("rules disagree", None),
        "r006": ("unknown label", None),
        "r007": ("annotators disagree", None),
    }
    edits = {row["id"]: [one["rule"] for one in row["edits"]] for row in out.kept.dicts()}
    assert edits == {"r000": [], "r001": ["weak label"], "r003": ["weak label"], "r004": ["weak label"]}
    facts = out.facts["rules"]
    assert (facts["covered"], facts["overlaps"], facts["conflicts"]) == (7, 2, 1)
    assert (facts["labelled"], facts["disagreeing"]) == (3, 1)
    first = facts["by_rule"][0]
    assert first == {"label": "refund", "rows": 4, "overlaps": 1, "conflicts": 1, "checked": 1, "right": 0}
    assert out.kept.rows + out.dropped.rows == 8


def test_a_weak_label_has_no_vote_against_a_person(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = make_rows([("颜色一般般", "good"), ("颜色一般般。", None), ("颜色一般般!", None), ("另一件", "bad")])
    out = label(rows, label=LabelConfig(rules=[rule("bad", keywords=["一般"])]), task=task, context=context)
    assert said(out) == {"r000": "good", "r003": "bad"}
    assert gone(out)["r001"] == ("conflicting labels", "r000")


@pytest.mark.parametrize(
    ("asks", "place", "message"),
    [
        ({"regex": "(?=x)"}, "label.rules.0.regex", "look-around"),
        ({"where": "nope = 1"}, "label.rules.0.where", "columns: source, time, text"),
        ({"where": "drop table x"}, "label.rules.0.where", "no SQL condition"),
        ({"where": "length(text)"}, "label.rules.0.where", "true or false"),
    ],
)
def test_rules_that_cannot_be_used(
    make_rows: MakeRows, task: TaskConfig, context: Context, asks: Any, place: str, message: str
) -> None:
    rows = make_rows([("a1", "x"), ("b2", "y"), ("c3", None)])
    with pytest.raises(RecipeError, match=message) as caught:
        label(rows, label=LabelConfig(rules=[rule("x", **asks)]), task=task, context=context)
    assert caught.value.place == place


def test_a_rule_with_an_unknown_label_is_refused(make_rows: MakeRows, context: Context) -> None:
    task = TaskConfig(kind="classify", input=["text"], target="label", labels=["x", "y"])
    with pytest.raises(RecipeError, match="no label of the task"):
        label(
            make_rows([("a1", "x"), ("b2", "y")]),
            label=LabelConfig(rules=[rule("z", keywords=["a"])]), task=task, context=context,
        )  # fmt: skip
    for asks in ({}, {"keywords": [" "]}):
        with pytest.raises(ValueError, match=r"keyword|needs"):
            rule("x", **asks)


def test_review_outranks_everything(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = make_rows(
        [
            ("颜色一般般", "good"),
            ("颜色一般般。", "good"),
            ("颜色一般般!", "good"),
            {"text": "b2", "label": "good", "annotations": votes(a="good", b="good")},
            ("c3", None),
            ("d4", "bad"),
        ]
    )

    def decide(row: str, value: str, who: str, day: int, by: Any = "review") -> Decision:
        return Decision(id=row, label=value, annotator=who, at=f"2026-01-0{day}", by=by)

    before = observes(context=context)
    decisions.add(
        context.root,
        [
            decide("r000", "bad", "Li", 1),
            decide("r003", "bad", "Li", 1),
            decide("r003", "good", "Wang", 2),
            decide("r003", "bad", "Zhou", 3),
            decide("r004", "good", "Li", 1, "discover"),
            decide("r005", "good", "Li", 1, "discover"),
        ],
    )
    assert before == {}
    assert observes(context=context)["reviews"]
    out = label(rows, label=LabelConfig(), task=task, context=context)
    # The equal texts of r000 follow the person; a name given in `discover` counts as one annotator and no more.
    assert said(out) == {"r000": "bad", "r003": "bad", "r004": "good", "r005": "bad"}
    assert {name: why for name, (why, _) in gone(out).items()} == {
        "r001": "conflicting labels",
        "r002": "conflicting labels",
    }
    kept = {row["id"]: row for row in out.kept.dicts()}
    assert {"annotator": "review:Wang", "label": "good"} in kept["r003"]["annotations"]
    assert {"annotator": "discover:Li", "label": "good"} in kept["r004"]["annotations"]
    assert kept["r000"]["edits"] == [{"rule": "reviewed", "count": 1}]
    assert out.facts["reviewed"] == 2


def test_crowdlab_listens_to_a_model_where_the_crowd_is_poor(
    shop_rows: MakeRows, make_rows: MakeRows, task: TaskConfig, context: Context
) -> None:
    dice = random.Random(5)
    kinds = ["ask", "blame", "praise"]
    records = shop_rows(400).kept.dicts()
    truth = {}
    for record in records:
        right = record["target"]["label"]
        truth[record["id"]] = right
        record["annotations"] = [
            {"annotator": f"a{number}", "label": right if dice.random() < 0.55 else dice.choice(kinds)}
            for number in dice.sample(range(6), 3)
        ]
    found = [
        {"text": one["input"]["text"], "label": None, "annotations": one["annotations"], "group": one["group"]}
        for one in records
    ]

    def right(method: Any) -> tuple[float, dict[str, Any]]:
        out = label(make_rows(found), label=LabelConfig(merge=method, conflicts="keep"), task=task, context=context)
        labels = said(out)
        hits = [labels.get(f"r{number:03d}") == truth[one["id"]] for number, one in enumerate(records)]
        return sum(hits) / len(hits), out.facts["agreement"]

    crowd, facts = right("crowdlab")
    skene, _ = right("dawid_skene")
    assert facts["method"] == "crowdlab"
    assert facts["model_accuracy"] > 0.65
    assert len(facts["competence"]) == 6
    assert crowd > skene > right("majority")[0]
