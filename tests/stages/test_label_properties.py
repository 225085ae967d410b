"""Whatever people, rules and sources say: no row is lost, none is made up, and no id changes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.sources import decisions
from fittingroom.sources.decisions import Decision
from fittingroom.stages.balance import BalanceConfig, balance
from fittingroom.stages.label import LabelConfig, label
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rules import LabelRule
from fittingroom.types import Rows, Splits, dropped_schema, row_schema

TASK = TaskConfig(kind="classify", input=["text"], target="label")
SCHEMA = row_schema(["text"], "label")
LABELS = st.sampled_from(["x", "X ", "y", "z"])
TEXTS = st.sampled_from(
    ["退款", "想退款 refund", "refund please now", "好", "不好", "the coat is 3 sizes too big", "size", ""]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": TEXTS,
            "label": st.none() | LABELS,
            "votes": st.dictionaries(st.sampled_from(["a", "b", "c"]), LABELS, max_size=3),
            "review": st.dictionaries(st.sampled_from(["Li", "Wang"]), LABELS, max_size=2),
        }
    ),
    min_size=4,
    max_size=40,
)
RULES = [
    LabelRule(label="x", keywords=["退款", "refund"]),
    LabelRule(label="y", where="length(text) < 5"),
    LabelRule(label="z", regex="size"),
]
STEADY = settings(max_examples=30, derandomize=True, deadline=None)


def table(rows: list[dict[str, Any]]) -> Table:
    return Table.records(
        [
            {
                "id": f"r{number:03d}",
                "source": "s",
                "input": {"text": row["text"]},
                "target": {"label": row["label"]},
                "annotations": [{"annotator": who, "label": said} for who, said in row["votes"].items()],
                "dup_count": 1,
                "edits": [],
                "group": f"g{number // 3}",
            }
            for number, row in enumerate(rows)
        ],
        SCHEMA,
    )


@STEADY
@given(
    rows=ROWS,
    merge=st.sampled_from(["auto", "majority", "dawid_skene", "crowdlab"]),
    conflicts=st.sampled_from(["majority", "drop", "keep"]),
)
def test_label_keeps_or_drops_every_row_once(rows: list[dict[str, Any]], merge: Any, conflicts: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        context = Context(root=Path(folder), scratch=Path(folder), secret=b"test-key", threads=1)
        decisions.add(
            context.root,
            [
                Decision(id=f"r{number:03d}", label=said, annotator=who, at="2026-01-01")
                for number, row in enumerate(rows)
                for who, said in row["review"].items()
            ],
        )
        start = Rows(kept=table(rows), dropped=Table.records([], dropped_schema(SCHEMA)))
        config = LabelConfig(merge=merge, conflicts=conflicts, rules=RULES)
        try:
            out = label(start, label=config, task=TASK, context=context)
        except UserError:
            return  # one class, or none: told, not guessed
        kept, gone = out.kept.dicts(), out.dropped.dicts()
        assert sorted(row["id"] for row in [*kept, *gone]) == [f"r{number:03d}" for number in range(len(rows))]
        for row in kept:
            asked = rows[int(row["id"][1:])]
            assert row["target"]["label"]
            edits = {one["rule"] for one in row["edits"]}
            assert not ("weak label" in edits and (asked["label"] or asked["votes"] or asked["review"]))
            reviewed = {said.strip().casefold() for said in asked["review"].values()}
            if len(reviewed) == 1:
                assert row["target"]["label"].strip().casefold() in reviewed


@STEADY
@given(
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=4),
    method=st.sampled_from(["none", "weights", "oversample", "undersample", "tempered"]),
    temperature=st.floats(0, 1),
    cap=st.floats(1, 6),
    augment=st.sampled_from([0.0, 0.2]),
)
def test_balance_copies_and_drops_within_its_cap(
    counts: list[int], method: Any, temperature: float, cap: float, augment: float
) -> None:
    text = "the zip of this coat broke after two weeks and nobody answers"
    rows = [
        {"text": f"{text} {number}", "label": "xyzw"[kind], "votes": {}}
        for kind, count in enumerate(counts)
        for number in range(count)
    ]
    train = table(rows)
    empty = Table.of(train.arrow().slice(0, 0))
    splits = Splits(train=train, dev=train, calibration=empty, test=train, dropped=empty)
    config = BalanceConfig(method=method, temperature=temperature, max_factor=cap, augment=augment)
    with tempfile.TemporaryDirectory() as folder:
        context = Context(root=Path(folder), scratch=Path(folder), secret=b"test-key", threads=1)
        out = balance(splits, balance=config, task=TASK, seed=3, context=context)
    found = {row["id"]: row for row in out.train.dicts()}
    before = {row["id"]: row for row in train.dicts()}
    assert len(found) == out.train.rows
    originals = {name for name in found if "~" not in name}
    assert originals | {row["id"] for row in out.dropped.dicts()} == set(before)
    assert len(originals) + out.dropped.rows == len(before)
    for name, row in found.items():
        original = before[name.split("~")[0]]
        assert (row["group"], row["target"]) == (original["group"], original["target"])
        assert name in before or row["edits"]
    for kind, count in enumerate(counts):
        after = sum(row["target"]["label"] == "xyzw"[kind] for row in found.values())
        assert max(1, round(count / cap)) - 1 <= after <= round(count * cap) + 1
    assert (out.dev.digest, out.test.digest) == (splits.dev.digest, splits.test.digest)
