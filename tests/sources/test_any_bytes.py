"""Whatever stands in a file: it is read, rejected line by line, or refused with one clear error; nothing is lost."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.stages.prepare import PrepareConfig, prepare
from fittingroom.tasks.config import TaskConfig
from sources.reading import read, source

TASK = TaskConfig(kind="classify", input=["text"], target="label")
LINE = some.one_of(
    some.binary(max_size=30),
    some.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
    some.text("0123456789,;\"'\t|", max_size=12).map(str.encode),
    some.dictionaries(some.sampled_from(["id", "text", "label", "replies"]), some.text(max_size=5)).map(lambda one: json.dumps(one).encode()),  # noqa: E501
    some.sampled_from(["质量很好".encode(), "质量很好".encode("gbk"), b'[{"id": 1}', b"\x1f\x8b", b"1,ok,x"]),
)  # fmt: skip
FILE = some.lists(LINE, max_size=8).map(b"\n".join)
QUIET = settings(
    max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "social", "chat", "weblog"])
@given(content=FILE, packed=some.booleans())
@QUIET
def test_no_file_breaks_a_reader(context: Context, kind: str, content: bytes, packed: bool) -> None:
    (context.root / "any").write_bytes(gzip.compress(content) if packed else content)
    try:
        rows, rejected = read(source(kind=kind, path="any"), context)
    except UserError as error:
        assert error.zh  # noqa: PT017
        assert error.place  # noqa: PT017
    else:
        assert all(reason for _, reason, _ in rejected)
        assert len(rows) + len(rejected) <= content.count(b"\n") + content.count(b"\r") + content.count(b"{") + 1


@given(content=FILE)
@QUIET
def test_rows_in_are_kept_dropped_or_rejected(context: Context, content: bytes) -> None:
    (context.root / "any.csv").write_bytes(b"id,text,label\n1,fine,a\n" + content)
    config = source(kind="csv", path="any.csv", key="id")
    try:
        rows = prepare(sources=[config], prepare=PrepareConfig(), task=TASK, context=context)
    except UserError as error:
        assert error.place == "any.csv"  # noqa: PT017
        return
    account = rows.facts["sources"]["csv-1"]
    assert account["in"] == account["kept"] + account["dropped"] + account["rejected"]
    assert rows.rejected is not None
    assert (rows.kept.rows, rows.dropped.rows, rows.rejected.rows) == (
        account["kept"], account["dropped"], account["rejected"],
    )  # fmt: skip
