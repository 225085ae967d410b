"""Label: spellings united, annotators merged, contradictions settled, nothing lost without a reason."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.stages.label import VERSION, LabelConfig, label
from fittingroom.tasks.config import TaskConfig
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
        1,
        "ff15cbb9e9cf6c672c085b37c9112027",
        "d383ee6ff514d261aff600b5b85f0dfa",
    )
