"""Where a customer's rows are in a workspace, and rows past their retention: objects, ids, texts, releases.

A row is known by whose it is (`group`, `row_key`, any column of a side table; the side table `people` where the group
is the conversation), by its age, and, where a table holds none of these (a review queue, predictions), by its id. What
was found is written down before anything is touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.history import History
from fittingroom.journal import Journal
from fittingroom.serving.registry import releases
from fittingroom.sources import forgotten, named
from fittingroom.sources.people import PEOPLE
from fittingroom.sources.rows import Layout, conversation_column, joining_column
from fittingroom.store import MANIFEST, Store, write_json
from fittingroom.types import Rows

if TYPE_CHECKING:
    import pyarrow as pa

    from fittingroom.tables import Table

NOTE = "rows.json"
"""In `forgotten/`, while an erasure is under way: ids of the rows, and the objects that held them."""
_MADE_FROM = ("train.parquet", "dev.parquet", "calibration.parquet")
"""Parts that a release is made with; the test part only judges it."""
_WHOSE = ("group", "row_key", "person")
_SEEN_BY = ("balance", "audit", "split")


@dataclass(frozen=True)
class Going:
    """Who and what goes, and what was found of it."""

    names: frozenset[str]
    """Pseudonyms of customers."""
    limits: Mapping[str, datetime]
    """Source -> rows from before go."""
    ids: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    """Redacted texts of the rows, in memory only."""
    made_from: set[str] = field(default_factory=set)
    """Objects with such rows in a part that a release is made with."""


def search(root: Path, going: Going) -> None:
    """Find the rows, and write them down before anything is touched."""
    note = root / forgotten.FOLDER / NOTE
    if note.is_file():
        left = json.loads(note.read_text(encoding="utf-8"))
        going.ids.update(left["ids"])
        going.objects.update(left["objects"])
    store = Store(root)
    aged = replace(going, names=frozenset(), ids=set(), texts=set())
    for digest, names in tables(store):
        for name in names:
            if going.names:
                _search_file(store, digest, name, replace(going, limits={}))
            if going.limits:
                _search_file(store, digest, name, aged)
    if going.ids:
        for digest, names in tables(store):
            for name in names:
                _search_ids(store, digest, name, going)
    if aged.ids:
        aged.ids.difference_update(_young(store, aged))
        going.ids.update(aged.ids)
        going.texts.update(aged.texts)
    write_json(note, {"ids": sorted(going.ids), "objects": sorted(going.objects)})
    note.chmod(0o600)


def _search_file(store: Store, digest: str, name: str, going: Going) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = store.objects / digest / name
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        columns = telling(schema)
        hit = False
        for batch in file.iter_batches(columns=columns):
            rows = batch.filter(mask(batch, going, made_at(store, digest)))
            hit |= rows.num_rows > 0
            if "id" in columns:
                going.ids.update(rows.column("id").to_pylist())
        if not hit:
            return
        going.objects.add(digest)
        if name in _MADE_FROM:
            going.made_from.add(digest)
        if "input" in schema.names:
            gone = pa.array(sorted(going.ids), pa.string())
            for batch in file.iter_batches(columns=["id", "input"]):
                _note_texts(batch.filter(pc.is_in(batch.column("id"), gone)), going)


def _search_ids(store: Store, digest: str, name: str, going: Going) -> None:
    """Find rows that say nothing but their id of whose they are, and their repetitions (`id~1`)."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    gone = pa.array(sorted(going.ids), pa.string())
    with pq.ParquetFile(store.objects / digest / name) as file:
        columns = [column for column in ("id", "input") if column in file.schema_arrow.names]
        for batch in file.iter_batches(columns=columns) if "id" in columns else ():
            first = pc.replace_substring_regex(batch.column("id"), "~.*", "")
            rows = batch.filter(pc.fill_null(pc.is_in(first, gone), False))
            if not rows.num_rows:
                continue
            going.ids.update(rows.column("id").to_pylist())
            going.objects.add(digest)
            if name in _MADE_FROM:
                going.made_from.add(digest)
            if "input" in columns:
                _note_texts(rows, going)


def _note_texts(rows: pa.RecordBatch, going: Going) -> None:
    for fields in rows.column("input").to_pylist():
        going.texts.add("\n".join(text for text in fields.values() if text))
        if len(fields) > 1:  # as the model is asked
            going.texts.add("\n".join(f"{name}: {text or ''}" for name, text in fields.items()))


def _young(store: Store, aged: Going) -> set[str]:
    """Ids of old rows that another object holds with a later time: the row was changed, only the old one goes."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    gone, found = pa.array(sorted(aged.ids), pa.string()), set[str]()
    for digest, names in tables(store):
        for name in names:
            with pq.ParquetFile(store.objects / digest / name) as file:
                if not {"id", "source", "time"} <= set(file.schema_arrow.names):
                    continue
                for batch in file.iter_batches(columns=["id", "source", "time"]):
                    batch = batch.filter(pc.and_(pc.is_in(batch.column("id"), gone), pc.is_valid(batch.column("time"))))
                    rows = batch.filter(pc.invert(mask(batch, aged, made_at(store, digest))))
                    found.update(rows.column("id").to_pylist())
    return found


def tables(store: Store) -> Iterator[tuple[str, list[str]]]:
    """Every whole object with the tables in it."""
    for folder in sorted(store.objects.iterdir()) if store.objects.is_dir() else []:
        manifest = folder / MANIFEST
        if manifest.is_file():
            files: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
            names = [name for name in files if name.endswith(".parquet") and (folder / name).is_file()]
            if names or "values.json" in files:
                yield folder.name, names


def made_at(store: Store, digest: str) -> datetime:
    return datetime.fromtimestamp((store.objects / digest / MANIFEST).stat().st_mtime, UTC)


def telling(schema: pa.Schema) -> list[str]:
    """The columns by which `_mask` decides."""
    import pyarrow as pa

    return [field.name for field in schema if pa.types.is_string(field.type) or field.name == "time"]


def mask(batch: pa.RecordBatch, going: Going, made: datetime, gone: pa.Array | None = None) -> pa.Array:
    """Which rows go: by whose they are, by their age, and by their id where `gone` says which."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = batch.schema.names
    found = pa.array([False] * batch.num_rows, pa.bool_())
    if going.names:
        people = pa.array(sorted(going.names), pa.string())
        # A side table may name a customer in any column; of other tables only strings at the top are looked at.
        whole = "row_key" in names
        for field_ in batch.schema:
            if pa.types.is_string(field_.type) and (whole or field_.name in _WHOSE):
                found = pc.or_(found, pc.fill_null(pc.is_in(batch.column(field_.name), people), False))
    if gone is not None and "id" in names:
        found = pc.or_(found, pc.is_in(batch.column("id"), gone))
    for source, limit in going.limits.items() if "source" in names else ():
        of_it = pc.fill_null(pc.equal(batch.column("source"), source), False)
        if "time" in names:
            old = pc.less(batch.column("time"), pa.scalar(limit, pa.timestamp("us", "UTC")))
            old = pc.fill_null(
                old, made < limit
            )  # stored before its source had a retention: the time of reading counts
            found = pc.or_(found, pc.and_(of_it, old))
        elif "line" in names and made < limit:  # so it does for rejected rows
            found = pc.or_(found, of_it)
    return found


def made_with(root: Path, going: Going) -> tuple[list[int], list[int]]:
    """Releases that were made with these rows, and those of which nobody can tell any more."""
    history, store = History(root), Store(root)
    known = set(history.ids())
    made, unsure = [], []
    for release in releases(root):
        digests = history.summary(history.folder / release.run).digests if release.run in known else {}
        parts = [digests[stage] for stage in _SEEN_BY if stage in digests]
        if going.made_from.intersection(parts):
            made.append(release.version)
        elif not parts or not store.has(parts[0]):
            unsure.append(release.version)
    return made, unsure


def silent(root: Path) -> tuple[list[str], bool]:
    """Sources of examples of which nobody can tell which customer a row is of, as far as runs have read them, by name;
    and whether all of them are such. A column named in the recipe but not like a conversation counts as a customer's.
    """
    history, store = History(root), Store(root)
    mute, speaking = set[str](), set[str]()
    for name in history.ids():
        events = Journal(history.folder / name / "events.jsonl").read()
        done = [one["digest"] for one in events if one["kind"] == "stage_done" and one["stage"] == "prepare"]
        if not done or not store.has(done[-1]):
            continue
        people = store.load(done[-1], Rows).tables.get(PEOPLE)
        told = {one["source"] for one in _columns_of(people) if not conversation_column(one["column"])}
        for source, config in named(history.config(history.folder / name).sources):
            if config.role in ("examples", "reference"):
                layout = Layout.of(config)
                named_so = [column for column in (layout.group, *layout.others) if column]
                known = any(not conversation_column(column) for column in named_so) or source in told
                (speaking if known or joining_column(layout.key) == "customer" else mute).add(source)
    return sorted(mute), bool(mute) and not speaking


def _columns_of(people: Table | None) -> list[dict[str, str]]:
    """Which columns of which sources the side table `people` speaks of."""
    if people is None:
        return []
    found: list[dict[str, str]] = (
        people.arrow().select(["source", "column"]).group_by(["source", "column"]).aggregate([]).to_pylist()
    )
    return found
