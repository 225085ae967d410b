"""Dedup against a reference: what is known already goes, and says of which row it is a copy."""

from __future__ import annotations

import random
from typing import Any, Literal

import pytest

from fittingroom.engine import Context
from fittingroom.stages.dedup import DedupConfig, dedup
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.text.similarity import distinguishing, jaccard
from fittingroom.types import Rows, row_schema
from stages.test_dedup import LONG, MakeRows, copies


def referenced(rows: Rows, reference: Rows) -> Rows:
    """Rows beside a reference, whose ids begin with x."""
    records: list[dict[str, Any]] = [row | {"id": "x" + row["id"][1:]} for row in reference.kept.dicts()]
    return rows.model_copy(update={"tables": {"reference": Table.records(records, row_schema(["text"], "label"))}})


REFERENCE = [
    ("这件衣服质量真的很不错,会再来", None),
    (LONG, "bad"),
    ("差评", "good"),
    ("尺码不标准,面料舒服,推荐购买", None),
    ("包裹收到时已经破了,要求退款", "bad"),
    ("订单 10099 什么时候到,已经等了三天了", None),
]


def test_copies_of_a_reference_go_and_name_it(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = copies(make_rows)
    reference = make_rows(REFERENCE)
    out = dedup(referenced(rows, reference), dedup=DedupConfig(), task=task, context=context)
    gone = {row["id"]: (row["reason"], row["twin"]) for row in out.dropped.dicts()}
    assert gone == {
        "r000": ("copy of a reference row", "x000"),
        "r001": ("copy of a reference row", "x000"),
        "r002": ("copy of a reference row", "x001"),
        "r003": ("copy of a reference row", "x001"),
        "r004": ("copy of a reference row", "x001"),
        "r007": ("exact duplicate", "r005"),
        "r011": ("copy of a reference row", "x003"),
        "r012": ("copy of a reference row", "x004"),
    }
    scores = {row["id"]: row["score"] for row in out.dropped.dicts()}
    assert scores["r002"] == 1.0
    assert scores["r003"] == pytest.approx(jaccard(LONG, LONG + "s"))
    assert 0.8 < scores["r003"] < 1
    assert (out.facts["reference"], out.facts["known"], out.facts["exact"], out.facts["near"]) == (6, 7, 1, 0)
    assert out.kept.rows + out.dropped.rows == 15
    assert {row["id"]: row["dup_count"] for row in out.kept.dicts() if row["dup_count"] > 1} == {"r005": 2}


@pytest.mark.parametrize(("method", "known"), [("exact", 5), ("none", 0)])
def test_a_reference_goes_by_the_method(
    method: Literal["exact", "none"], known: int, make_rows: MakeRows, task: TaskConfig,
    context: Context,
) -> None:  # fmt: skip
    rows = referenced(copies(make_rows), make_rows(REFERENCE))
    out = dedup(rows, dedup=DedupConfig(method=method), task=task, context=context)
    assert out.facts["dropped_by_reason"].get("copy of a reference row", 0) == known


@pytest.mark.parametrize("seed", [1, 2])
def test_a_reference_of_many_rows_finds_what_comparing_all_finds(
    seed: int, make_rows: MakeRows, task: TaskConfig, context: Context
) -> None:
    draw = random.Random(seed)
    words = [
        "衣服",
        "鞋子",
        "质量",
        "物流",
        "客服",
        "颜色",
        "尺码",
        "退货",
        "换货",
        "快递",
        "包装",
        "面料",
        "很好",
        "不错",
    ]
    texts = ["".join(draw.choices(words, k=draw.randint(3, 40))) for _ in range(150)]
    changed = [
        "".join(text[:at] + draw.choice("的了呢") + text[at:]) for text in texts for at in [draw.randrange(len(text))]
    ]
    rows = make_rows([(text, draw.choice(["a", "b"])) for text in texts])
    reference = make_rows([(text, draw.choice(["a", "b", None])) for text in changed[:100]])
    out = dedup(referenced(rows, reference), dedup=DedupConfig(), task=task, context=context)
    wanted = set()
    known = [(row["input"]["text"], row["target"]["label"]) for row in reference.kept.dicts()]
    for row in rows.kept.dicts():
        text, label = row["input"]["text"], row["target"]["label"]
        if any(
            other in (None, label) and distinguishing(said) == distinguishing(text) and jaccard(said, text) >= 0.8
            for said, other in known
        ):
            wanted.add(row["id"])
    found = {row["id"] for row in out.dropped.dicts() if row["reason"] == "copy of a reference row"}
    assert found == wanted
    assert 10 < len(wanted) < 100
