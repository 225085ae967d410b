"""Dedup: copies go, meaning stays, and what belongs together is remembered."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from fittingroom.engine import Context
from fittingroom.stages.dedup import VERSION, DedupConfig, dedup
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.text.masking import masked
from fittingroom.text.similarity import jaccard
from fittingroom.types import Rows, dropped_schema, row_schema

MakeRows = Callable[..., Rows]

LONG = "the zip of this coat broke after the very first week of wearing it outside in the rain"


def copies(make_rows: MakeRows) -> Rows:
    return make_rows(
        [
            ("这件衣服质量真的很不错,会再来", "good"),
            ("这件衣服 质量真的很不错 会再来!", "good"),
            (LONG, "bad"),
            (LONG + "s", "bad"),
            (LONG + "s.", "bad"),
            ("好评", "good"),
            ("差评", "bad"),
            ("好评", "good"),
            ("订单 10023 什么时候到,已经等了三天了", "ask"),
            ("订单 10077 什么时候到,已经等了三天了", "ask"),
            ("尺码标准,面料舒服,推荐购买", "good"),
            ("尺码不标准,面料舒服,推荐购买", "good"),
            ("包裹收到时已经破了,要求退款", "bad"),
            ("包裹收到时已经破了,要求退款", "ask"),
            ("完全不同的一句话在这里", "ask"),
        ]
    )


def test_copies_go_and_meaning_stays(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    out = dedup(copies(make_rows), dedup=DedupConfig(), task=task, context=context)
    gone = {row["id"]: (row["reason"], row["twin"]) for row in out.dropped.dicts()}
    assert gone == {
        "r000": ("exact duplicate", "r001"),
        "r002": ("near duplicate", "r004"),
        "r003": ("exact duplicate", "r004"),
        "r007": ("exact duplicate", "r005"),
    }
    assert out.kept.rows + out.dropped.rows == 15
    assert (out.facts["exact"], out.facts["near"]) == (3, 1)
    assert {row["id"]: row["dup_count"] for row in out.kept.dicts() if row["dup_count"] > 1} == {
        "r001": 2,
        "r004": 3,
        "r005": 2,
    }
    assert out.kept.schema == row_schema(["text"], "label")
    assert out.dropped.schema == dropped_schema(row_schema(["text"], "label"))


def test_what_differs_in_number_negation_or_label_shares_a_cluster(
    make_rows: MakeRows, task: TaskConfig, context: Context
) -> None:
    out = dedup(copies(make_rows), dedup=DedupConfig(), task=task, context=context)
    cluster = {row["id"]: row["cluster"] for row in [*out.kept.dicts(), *out.dropped.dicts()]}
    for one, other in (("r008", "r009"), ("r012", "r013"), ("r000", "r001"), ("r002", "r004")):
        assert cluster[one] == cluster[other]
    assert cluster["r005"] != cluster["r006"]
    assert cluster["r014"] == "r014"
    assert None not in cluster.values()


def test_a_dropped_row_is_above_the_threshold_of_its_twin_and_no_chain_drops(
    make_rows: MakeRows, task: TaskConfig, context: Context
) -> None:
    words = [f"word{chr(97 + number)}" for number in range(26)]
    chain = [" ".join(words[start : start + 14]) for start in range(12)]
    out = dedup(make_rows([(text, "x") for text in chain]), dedup=DedupConfig(), task=task, context=context)
    text = {row["id"]: row["input"]["text"] for row in [*out.kept.dicts(), *out.dropped.dicts()]}
    assert out.dropped.rows > 0
    assert out.kept.rows > 1
    for row in out.dropped.dicts():
        assert row["score"] == pytest.approx(jaccard(text[row["id"]], text[row["twin"]]))
        assert row["score"] >= 0.8
        assert row["twin"] in {kept["id"] for kept in out.kept.dicts()}


def test_methods(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    exact = dedup(copies(make_rows), dedup=DedupConfig(method="exact"), task=task, context=context)
    none = dedup(copies(make_rows), dedup=DedupConfig(method="none"), task=task, context=context)
    assert {row["reason"] for row in exact.dropped.dicts()} == {"exact duplicate"}
    assert none.dropped.rows == 0
    clusters = {row["id"]: row["cluster"] for row in none.kept.dicts()}
    assert clusters["r000"] == clusters["r001"]


def test_result_does_not_depend_on_the_order_of_rows(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = copies(make_rows)
    order = list(range(rows.kept.rows))
    random.Random(3).shuffle(order)
    moved = Rows(kept=Table.of(rows.kept.arrow().take(order)), dropped=rows.dropped)
    one, other = (dedup(found, dedup=DedupConfig(), task=task, context=context) for found in (rows, moved))
    assert one.kept.digest == other.kept.digest
    assert one.dropped.digest == other.dropped.digest
    assert one.facts == other.facts


def test_a_chain_of_likeness_cannot_tie_everything_together(
    make_rows: MakeRows, task: TaskConfig, context: Context
) -> None:
    words = [f"{chr(97 + number % 26)}{chr(97 + number // 26)}word" for number in range(120)]
    chain = [(" ".join(words[start : start + 12]), "x") for start in range(0, 100, 2)]
    free = dedup(make_rows(chain), dedup=DedupConfig(largest_cluster=1.0), task=task, context=context)
    capped = dedup(make_rows(chain), dedup=DedupConfig(largest_cluster=0.2), task=task, context=context)
    assert free.facts["largest_cluster"] == 50
    assert capped.facts["largest_cluster"] <= 10
    assert capped.facts["clusters_over_cap"] == 1
    assert capped.facts["cluster_threshold_used"] > 0.6


def test_masks_numbers_and_names() -> None:
    assert masked("张先生的订单 A1002 到了") == masked("李女士的订单 B77 到了").replace("女士", "先生")
    assert masked("买了三件") == masked("买了12件")
    assert masked("Please call Mr. Smith about it") == masked("please call Mr. Jones about it")
    assert masked("good coat, Anna liked it") == masked("good coat, Brigitte liked it")
    assert masked("很好") != masked("很差")


def test_golden(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    """When this fails and VERSION stayed, stored results are stale: raise VERSION and put in the new digests."""
    out = dedup(copies(make_rows), dedup=DedupConfig(), task=task, context=context)
    assert (VERSION, out.kept.digest, out.dropped.digest) == (
        3,
        "941c89ebc9397c16c33dfd4529959ef8",
        "e0a0aa041cb86345b8d3e4b4b77b6e23",
    )
