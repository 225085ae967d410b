"""The measuring itself is measured: on outputs of a road that finds everything, nothing, and too much."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from fittingroom.sample.check import measure
from fittingroom.sample.tally import Line, measure_broken, table
from fittingroom.sample.truth import Planted, Rates, Truth
from fittingroom.tables import Table
from fittingroom.types import Output, Rows, Splits, dropped_schema, row_schema

SCHEMA = row_schema(["text"], "label")
REVIEW = pa.schema([("id", pa.string()), ("suggested", pa.string())])

TEXTS = {
    "1": ("今天收到的杯子非常好用下次还来", "good"),
    "2": ("今天收到的杯子非常好用下次还来", "good"),  # exact copy of 1
    "3": ("水壶用了两天就漏水真的太失望了", "bad"),
    "4": ("水壶用了两天就漏水真的太失望了啊", "bad"),  # near copy of 3
    "5": ("<p>鞋子很合脚</p>", "good"),
    "6": ("é\x9e\x8bå\xad\x90å¾\x88å¥½", "good"),
    "7": ("裤子太短<think>", "bad"),
    "8": ("打我138 0000 1111谁也不接", "bad"),
    "9": ("帽子刚刚好", "bad"),  # wrong label
    "10": ("围巾颜色不错", "good"),
    "11": ("围巾颜色不错", "bad"),  # conflict with 10
    "12": ("订单20250101的床单洗了就缩水", "bad"),  # a family
    "13": ("订单20250202的床单洗了就缩水", "bad"),
    "14": ("加微信abc123日赚五百", "good"),
    "15": ("袜子一般般", "good"),
    "16": ("尺子量得很准", "rare"),
}
TRUTH = Truth(
    seed=1,
    rates=Rates(),
    rows_in=11,
    rows_out=16,
    planted={
        "exact_duplicate": [Planted(key="2", twin="1")],
        "near_duplicate": [Planted(key="4", twin="3")],
        "html": [Planted(key="5", original="鞋子很合脚")],
        "mojibake": [Planted(key="6", original="鞋子很好")],
        "control_token": [Planted(key="7", original="裤子太短", gone=("<think>",))],
        "personal": [Planted(key="8", variant="mobile/spaced", gone=("13800001111",))],
        "wrong_label": [Planted(key="9", given="bad", right="good")],
        "conflicting_label": [Planted(key="11", twin="10", given="bad", right="good")],
        "number_copy": [Planted(key="12", family="f"), Planted(key="13", family="f")],
        "spam": [Planted(key="14")],
    },
    labels={key: label for key, (_, label) in TEXTS.items()} | {"9": "good", "11": "good"},
    rare={"label": "rare", "before": 9, "after": 1},
)


def row(key: str, text: str, label: str, *rules: str) -> dict[str, Any]:
    edits = [{"rule": rule, "count": 1} for rule in rules]
    return {
        "id": f"id-{key}", "source": "shop", "row_key": key, "group": None, "time": None, "input": {"text": text},
        "target": {"label": label}, "annotations": [], "cluster": None, "dup_count": 1, "edits": edits,
    }  # fmt: skip


def rows(kept: dict[str, dict[str, Any]], gone: dict[str, tuple[dict[str, Any], str, str | None]]) -> Rows:
    dropped = [{**one, "reason": reason, "twin": twin, "score": None} for one, reason, twin in gone.values()]
    return Rows(kept=Table.records(list(kept.values()), SCHEMA), dropped=Table.records(dropped, dropped_schema(SCHEMA)))


def splits(parts: dict[str, list[dict[str, Any]]], flagged: list[tuple[str, str]]) -> Splits:
    filled = {part: Table.records(parts.get(part, []), SCHEMA) for part in ("train", "dev", "calibration", "test")}
    review = [{"id": f"id-{key}", "suggested": label} for key, label in flagged]
    return Splits(**filled, dropped=Table.records([], dropped_schema(SCHEMA)), review=Table.records(review, REVIEW))


def outputs(
    *,
    mended: bool,
    drops: dict[str, dict[str, tuple[str, str | None]]],
    test: set[str],
    flagged: list[tuple[str, str]],
    lost: str = "",
) -> dict[str, Output]:
    """Outputs of a road on which `drops` go at their stages; `mended` texts are repaired; the audit loses `lost`."""
    good = {"5": ("鞋子很合脚", "markup"), "6": ("鞋子很好", "mojibake"), "7": ("裤子太短〈think〉", "control token")}
    good["8"] = ("打我[MOBILE]谁也不接", "mobile")
    kept = {}
    for key, (text, label) in TEXTS.items():
        text, *rules = good[key] if mended and key in good else (text,)
        kept[key] = row(key, text, label, *rules)
    found: dict[str, Output] = {}
    for stage in ("prepare", "label", "dedup"):
        gone = {key: (kept.pop(key), reason, twin) for key, (reason, twin) in drops.get(stage, {}).items()}
        found[stage] = rows(kept, gone)
    parts = {
        "train": [one for key, one in kept.items() if key not in test],
        "test": [one for key, one in kept.items() if key in test],
    }
    left = {part: [one for one in some if one["row_key"] != lost] for part, some in parts.items()}
    return found | {"split": splits(parts, []), "audit": splits(left, flagged)}


def by_kind(found: dict[str, Output], findings: set[str]) -> dict[str, Line]:
    lines = measure(
        TRUTH, found, source="shop", field="text", target="label", row_id=lambda key: f"id-{key}", findings=findings
    )
    return {line.kind: line for line in lines}


ALL = {
    "prepare": {"14": ("spam", None)},
    "label": {"10": ("conflicting labels", "id-11"), "11": ("conflicting labels", "id-10")},
    "dedup": {"2": ("exact duplicate", "id-1"), "3": ("near duplicate", "id-4")},
}


def test_a_road_that_finds_everything() -> None:
    lines = by_kind(
        outputs(mended=True, drops=ALL, test={"12", "13"}, flagged=[("9", "good")]), findings={"class-imbalance"}
    )
    assert len(lines) == 11
    for line in lines.values():
        assert line.missed == 0, line
        assert line.found == line.planted == 1, line
        assert line.recall == 1
        assert not line.false
    assert lines["wrong labels"].note == "right label suggested for 1"
    assert lines["wrong labels"].precision == 1
    assert lines["rows of the rare class"].note.endswith("class-imbalance named")


def test_a_road_that_finds_nothing() -> None:
    lines = by_kind(outputs(mended=False, drops={}, test={"12"}, flagged=[], lost="16"), findings=set())
    assert len(lines) == 11
    assert all(line.missed == 1 and line.found == 0 and line.recall == 0 for line in lines.values())
    assert lines["personal data: mobile"].note == "missed: mobile/spaced"
    assert lines["wrong labels"].precision is None


def test_what_is_found_wrongly_is_false() -> None:
    drops = {
        "prepare": {"15": ("spam", None)},
        "label": {"8": ("conflicting labels", "id-7")},
        "dedup": {"12": ("near duplicate", "id-13"), "5": ("exact duplicate", "id-1")},
    }
    found = outputs(mended=True, drops=drops, test=set(), flagged=[("1", "bad"), ("9", "bad")])
    lines = by_kind(found, findings=set())
    assert lines["spam"].false == 1
    assert lines["conflicting labels"].false == 1
    assert lines["near duplicate"].false == 1, "the two differ in a number"
    assert lines["exact duplicate"].false == 1
    assert lines["families that differ in number or name"].false == 1
    wrong = lines["wrong labels"]
    assert (wrong.found, wrong.false, wrong.precision) == (1, 1, 0.5)
    assert wrong.note == "right label suggested for 0"


def test_copies_above_the_threshold_are_not_false_even_when_nobody_planted_them() -> None:
    extra = {"15": ("near duplicate", "id-20")}
    found = outputs(mended=True, drops={**ALL, "dedup": ALL["dedup"]}, test=set(), flagged=[])
    label, dedup = found["label"], found["dedup"]
    assert isinstance(label, Rows)
    assert isinstance(dedup, Rows)
    twin, copy = (
        row("20", "袜子一般般但是价格便宜所以给好评", "good"),
        row("21", "袜子一般般但是价格便宜所以给好评吧", "good"),
    )
    both = Table.records([*label.kept.dicts(), twin, copy], SCHEMA)
    gone = [*dedup.dropped.dicts(), {**copy, "reason": extra["15"][0], "twin": "id-20", "score": 0.9}]
    found["label"] = label.model_copy(update={"kept": both})
    found["prepare"] = found["label"]
    found["dedup"] = dedup.model_copy(update={"dropped": Table.records(gone, dropped_schema(SCHEMA))})
    assert by_kind(found, set())["near duplicate"].false == 0


def test_markup_of_their_own_is_not_false() -> None:
    found = outputs(mended=True, drops=ALL, test=set(), flagged=[])
    prepared = found["prepare"]
    assert isinstance(prepared, Rows)
    rows_ = prepared.kept.dicts()
    next(one for one in rows_ if one["row_key"] == "15")["edits"] = [{"rule": "entity", "count": 1}]
    found["prepare"] = prepared.model_copy(update={"kept": Table.records(rows_, SCHEMA)})
    assert by_kind(found, set())["html"].false == 1
    lines = measure(
        TRUTH,
        found,
        source="shop",
        field="text",
        target="label",
        row_id=lambda key: f"id-{key}",
        untouched={"15": "袜子&mdash;一般般"},
    )
    assert next(line for line in lines if line.kind == "html").false == 0


def test_broken_lines() -> None:
    line = measure_broken("log", [3, 8], [3, 9])
    assert (line.planted, line.found, line.missed, line.false) == (2, 1, 1, 1)


def test_the_table_is_markdown() -> None:
    text = table(
        [
            Line(kind="spam", planted=4, found=3, missed=1, false=0, note="x"),
            Line(kind="y", planted=0, found=0, missed=0),
        ]
    )
    assert text.splitlines()[2] == "| spam | 4 | 3 | 1 | 0 | 100.0% | 75.0% | x |"
    assert text.splitlines()[3] == "| y | 0 | 0 | 0 | – | – | – |  |"


def test_a_missing_stage_is_named() -> None:
    with pytest.raises(KeyError, match="prepare"):
        measure(TRUTH, {}, source="shop", field="text", target="label", row_id=str)
