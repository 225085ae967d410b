"""The store: content-addressed, whole or not there, refusing what was touched."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from fittingroom.errors import StoreError
from fittingroom.store import Store, digest_of
from fittingroom.tables import Table
from fittingroom.types import Bundle, Folder, Rows

SCHEMA = pa.schema([("id", pa.string())])


def _rows(*ids: str) -> Rows:
    table = Table.records([{"id": name} for name in ids], SCHEMA)
    return Rows(
        kept=table, dropped=Table.records([], SCHEMA), tables={"goods": table}, facts={"n": len(ids), "名": "值"}
    )


def test_round_trip_of_tables_and_values(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.publish(_rows("a", "b"))
    back = store.load(digest, Rows)
    assert back.kept.dicts() == [{"id": "a"}, {"id": "b"}]
    assert back.tables["goods"].rows == 2
    assert back.rejected is None
    assert back.facts == {"n": 2, "名": "值"}
    assert store.verify(digest) == []


def test_same_content_same_digest_and_nothing_written_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.publish(_rows("a", "b"))
    stamp = (tmp_path / "objects" / first / "manifest.json").stat().st_mtime_ns
    assert store.publish(_rows("b", "a")) == first
    assert (tmp_path / "objects" / first / "manifest.json").stat().st_mtime_ns == stamp
    assert store.publish(_rows("a", "c")) != first


def test_volatile_fields_are_no_part_of_the_digest(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "w.bin").write_bytes(b"weights")
    store = Store(tmp_path / "store")
    quick = store.publish(Bundle(folder=Folder(files), timing={"seconds": 1.0}))
    assert store.publish(Bundle(folder=Folder(files), timing={"seconds": 9.0})) == quick
    (files / "w.bin").write_bytes(b"others")
    assert store.publish(Bundle(folder=Folder(files))) != quick


def test_damage_is_seen(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.publish(_rows("a"))
    (tmp_path / "objects" / digest / "kept.parquet").write_bytes(b"torn")
    assert not store.has(digest)
    assert store.verify(digest) == ["kept.parquet"]
    store.discard(digest)
    assert store.publish(_rows("a")) == digest
    assert store.has(digest)


def test_missing_and_wrong_kind_are_clear_errors(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="not in the store"):
        store.load("0" * 32, Rows)
    digest = store.publish(_rows("a"))
    with pytest.raises(StoreError, match="holds a Rows"):
        store.load(digest, Bundle)


def test_a_torn_publish_leaves_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("fittingroom.store.write_json", fail)
    with pytest.raises(OSError, match="no space"):
        store.publish(_rows("a"))
    assert not (tmp_path / "objects").exists() or not list((tmp_path / "objects").iterdir())


def test_actions_are_remembered(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = digest_of({"stage": "x", "b": 1, "a": 2})
    assert key == digest_of({"a": 2, "b": 1, "stage": "x"})
    assert store.recall(key) is None
    store.remember(key, {"digest": "d"})
    assert store.recall(key) == {"digest": "d"}
