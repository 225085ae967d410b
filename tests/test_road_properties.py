"""Whatever comes in: every row comes out once, under the id it had, and no group stands on two sides of the split.

Random shops walk the data road from their sources to balanced parts; after each stage the rows are counted.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.sources.rows import row_id
from fittingroom.stages.audit import AuditConfig, audit
from fittingroom.stages.balance import BalanceConfig, balance
from fittingroom.stages.dedup import DedupConfig, dedup
from fittingroom.stages.label import LabelConfig, label
from fittingroom.stages.prepare import PrepareConfig, prepare
from fittingroom.stages.split import SplitConfig, split
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, Splits
from sources.reading import source

TASK = TaskConfig(kind="classify", input=["text"], target="label")
SECRET = b"test-key"
TEXTS = st.one_of(
    st.sampled_from(
        [
            "质量很好，下次还来",
            "质量很好，下次还来！",
            "想退款，订单号202311090012345678",
            "此用户没有填写评价",
            "",
            "<p></p>",
            "where is my parcel",
            "Where is my parcel?",
            "我的电话13812345678谢谢",
            "兼职日结300元，加微信abc12345",
            "the coat is 3 sizes too big and the zip broke",
            "the coat is 4 sizes too big and the zip broke",
            "锟斤拷锟斤拷",
        ]
    ),
    st.text(st.sampled_from("好坏退货快慢很不 abcde1，！"), min_size=4, max_size=12),
)
ROW = st.fixed_dictionaries(
    {
        "text": TEXTS,
        "customer": st.sampled_from(["", "", "", *(f"c{number}" for number in range(30))]),
        "label": st.sampled_from(["x", "X ", "y", "y", ""]),
        "key": st.sampled_from(["", "", "1", "2", "3"]),
    }
)
SHOPS = st.lists(ROW, min_size=30, max_size=70)
STEADY = settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def ids(table: Table | None) -> list[str]:
    return table.arrow().column("id").to_pylist() if table is not None else []


def written(folder: Path, rows: list[dict[str, str]]) -> list[str]:
    """The shop as CSV: some keys are there twice, some rows are torn; returns the keys."""
    keys = [row["key"] or f"k{number}" for number, row in enumerate(rows)]
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "customer", "text", "label"])
        for number, (key, row) in enumerate(zip(keys, rows, strict=True)):
            cells = [key, row["customer"], row["text"], row["label"]]
            writer.writerow([*cells, "one too many"] if number % 11 == 10 else cells)
    return keys


def counted(before: list[str], kept: Table, dropped: Table) -> None:
    """Every id is in exactly one of the two, and no other."""
    assert sorted([*ids(kept), *ids(dropped)]) == sorted(before)


@STEADY
@given(rows=SHOPS, by_time=st.just(False), method=st.sampled_from(["none", "oversample", "undersample", "tempered"]))
def test_rows_in_are_kept_dropped_or_rejected(rows: list[dict[str, str]], by_time: bool, method: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = Context(root=folder, scratch=folder / "scratch", secret=SECRET, threads=1)
        keys = written(folder, rows)
        sources = [source(kind="csv", name="m", path="m.csv", key="id", group="customer")]
        try:
            prepared = prepare(sources=sources, prepare=PrepareConfig(), task=TASK, context=context)
        except UserError:
            return  # not one row could be read
        assert prepared.rejected is not None
        assert prepared.kept.rows + prepared.dropped.rows + prepared.rejected.rows == len(rows)
        expected = {row_id(SECRET, "m", key) for key in keys}
        assert set(ids(prepared.kept)) | set(ids(prepared.dropped)) <= expected
        assert len({*ids(prepared.kept), *ids(prepared.dropped)}) == prepared.kept.rows + prepared.dropped.rows
        assert "13812345678" not in str([prepared.kept.dicts(), prepared.dropped.dicts(), prepared.rejected.dicts()])
        try:
            _walk(prepared, context, method)
        except UserError:
            return  # too few rows, or of one class: said, not guessed


def _walk(prepared: Rows, context: Context, method: Any) -> None:
    labelled = label(prepared, label=LabelConfig(), task=TASK, context=context)
    counted(ids(prepared.kept), labelled.kept, labelled.dropped)
    single = dedup(labelled, dedup=DedupConfig(), task=TASK, context=context)
    counted(ids(labelled.kept), single.kept, single.dropped)
    assert sum(single.kept.arrow().column("dup_count").to_pylist()) == labelled.kept.rows
    config = SplitConfig(dev=0.2, calibration=0.0, test=0.2, min_per_class=1)
    parted = split(single, split=config, task=TASK, seed=3, context=context)
    whole = [name for table in parted.parts().values() for name in ids(table)]
    assert sorted(whole) == sorted(ids(single.kept))
    _proven(parted)
    audited = audit(parted, audit=AuditConfig(), task=TASK, seed=3, context=context)
    everyone = [name for table in audited.parts().values() for name in ids(table)]
    assert sorted([*everyone, *ids(audited.dropped)]) == sorted(whole)
    balanced = balance(audited, balance=BalanceConfig(method=method), task=TASK, seed=3, context=context)
    originals = [name for name in ids(balanced.train) if "~" not in name]
    assert sorted([*originals, *ids(balanced.dropped)]) == sorted(ids(audited.train))
    for part in ("dev", "calibration", "test"):
        assert ids(balanced.parts()[part]) == ids(audited.parts()[part])


def _proven(parted: Splits) -> None:
    """The proof, taken anew from the tables."""
    for column in ("group", "cluster"):
        seen: dict[str, set[str]] = {}
        for part, table in parted.parts().items():
            for value in table.arrow().column(column).to_pylist():
                if value is not None:
                    seen.setdefault(value, set()).add(part)
        assert all(len(parts) == 1 for parts in seen.values())
    assert parted.facts["proof"] == {"shared_cluster": 0, "shared_group": 0}


@STEADY
@given(
    found=st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.none() | st.integers(0, 12),
            st.none() | st.integers(0, 40),
            st.none() | st.integers(0, 99),
        ),
        min_size=20,
        max_size=120,
    ),
    by_time=st.booleans(),
    seed=st.integers(0, 99),
)
def test_no_split_tears_apart_what_belongs_together(found: list[tuple[Any, ...]], by_time: bool, seed: int) -> None:
    from datetime import UTC, datetime, timedelta

    from fittingroom.types import dropped_schema, row_schema

    start = datetime(2026, 1, 1, tzinfo=UTC)
    records = [
        {
            "id": f"r{number:03d}", "source": "s", "row_key": str(number), "input": {"text": f"t{number}"},
            "target": {"label": name}, "annotations": [], "dup_count": 1, "edits": [],
            "group": None if group is None else f"g{group}", "cluster": None if cluster is None else f"c{cluster}",
            "time": None if hour is None else start + timedelta(hours=hour),
        }
        for number, (name, group, cluster, hour) in enumerate(found)
    ]  # fmt: skip
    schema = row_schema(["text"], "label")
    rows = Rows(kept=Table.records(records, schema), dropped=Table.records([], dropped_schema(schema)))
    with tempfile.TemporaryDirectory() as name:
        context = Context(root=Path(name), scratch=Path(name), secret=SECRET, threads=1)
        try:
            out = split(rows, split=SplitConfig(by_time=by_time), task=TASK, seed=seed, context=context)
        except UserError:
            return
        assert sorted(name for table in out.parts().values() for name in ids(table)) == ids(rows.kept)
        proof = dict(out.facts["proof"])
        tested, trained = ([row["time"] for row in part.dicts()] for part in (out.test, out.train))
        dated = [when for when in tested if when is not None]
        if by_time:
            assert proof.pop("newer_in_train") == sum(
                bool(dated) and one is not None and one > min(dated) for one in trained
            )
            proof.pop("older_in_test")
        assert set(proof.values()) == {0}
