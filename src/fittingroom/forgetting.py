"""`forget`: a customer, or rows past their retention, erased from everything a workspace keeps.

The order makes a kill harmless. First it is written down who goes (`forgotten/`, keyed pseudonyms) and which rows; then
what stands around the store is cleaned, the store itself, and the pages that are made from it; at last the note of the
rows is taken away. A second start goes through the same steps, and finds less to do.

An object keeps its place with the rows taken out, and its manifest says so; the actions that led to it are forgotten,
so that a run makes it anew from what the sources hold then. Weights cannot forget: the releases that were made with
the rows are named instead.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from fittingroom import erasing
from fittingroom.errors import UserError
from fittingroom.history import History, exclusively, locked
from fittingroom.journal import alone, fsync_folder
from fittingroom.reporting import write_report
from fittingroom.serving import recorder
from fittingroom.serving.registry import releases
from fittingroom.sources import decisions, forgotten
from fittingroom.store import MANIFEST, Store, write_json
from fittingroom.types import Frozen

if TYPE_CHECKING:
    import pyarrow as pa

_NOTE = "rows.json"
"""In `forgotten/`, while an erasure is under way: ids of the rows, and the objects that held them."""
_MADE_FROM = ("train.parquet", "dev.parquet", "calibration.parquet")
"""Parts that a release is made with; the test part only judges it."""
_SEEN_BY = ("balance", "audit", "split")


class Forgotten(Frozen):
    """What was erased."""

    customers: int
    """How many are on the list of those who stay out."""
    rows: int
    """Rows, each counted once however often it was stored."""
    objects: int
    """Stored objects that held them."""
    decisions: int
    """Decisions of people on these rows."""
    sheets: list[str] = Field(default_factory=list)
    """Files of `review` and `discover` in the workspace that held them. Files handed out elsewhere are not reached."""
    requests: int
    """Recorded requests."""
    runs: list[str] = Field(default_factory=list)
    """Runs whose report or journal showed such a row."""
    releases: list[int] = Field(default_factory=list)
    """Releases that were trained, stopped or calibrated with these rows: weights cannot forget, so train them anew."""
    unsure: list[int] = Field(default_factory=list)
    """Releases whose rows are no longer in the store, so that nobody can tell."""


@dataclass(frozen=True)
class _Going:
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


def forget(
    root: Path,
    secret: bytes,
    *,
    customer: str = "",
    limits: Mapping[str, datetime] | None = None,
    requests_before: date | None = None,
) -> Forgotten:
    """Erase a customer (by the number that the sources know them by), or what is past its retention, or both.

    Whatever an earlier start left undone is done as well. Raises UserError while a run is under way.
    """
    customer = customer.strip()
    with alone(root / "locks" / "forget"):
        _refuse_while_running(root)
        listed = {entry.group: entry for entry in forgotten.entries(root, secret)}
        if customer:
            entry = forgotten.entry_of(secret, customer)
            listed[entry.group] = listed.get(entry.group, entry).model_copy(update={"done": ""})
        open_ones = [entry for entry in listed.values() if not entry.done]
        going = _Going(frozenset(name for entry in open_ones for name in entry.names), dict(limits or {}))
        _search(root, going)
        made, unsure = _releases(root, going)
        made = sorted({*made, *(number for entry in open_ones for number in entry.releases)})
        for entry in open_ones:
            forgotten.keep(root, entry.model_copy(update={"releases": made}))
        counts = _erase(root, going, requests_before)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for entry in open_ones:
            forgotten.keep(root, entry.model_copy(update={"releases": made, "done": now}))
        unsure = [number for number in unsure if number not in made]
        counts |= {"rows": len(going.ids), "objects": len(going.objects)}
        return Forgotten(customers=len(listed), releases=made, unsure=unsure, **counts)


def under_way(root: Path) -> str:
    """The id of a run that a process is working on; "" for none."""
    history = History(root)
    return next((name for name in history.ids() if locked(history.folder / name)), "")


def _refuse_while_running(root: Path) -> None:
    if name := under_way(root):
        raise UserError(
            "a run is under way and holds rows in memory: wait for its end, or stop it, and forget again",
            "有运行正在进行，内存中持有数据：请等它结束或先停止，再执行 forget",
            place=f"runs/{name}",
        )


# ---------------------------------------------------------------------------------------------- search


def _search(root: Path, going: _Going) -> None:
    """Find the rows, and write them down before anything is touched."""
    note = root / forgotten.FOLDER / _NOTE
    if note.is_file():
        left = json.loads(note.read_text(encoding="utf-8"))
        going.ids.update(left["ids"])
        going.objects.update(left["objects"])
    store = Store(root)
    aged = replace(going, names=frozenset(), ids=set(), texts=set())
    for digest, names in _tables(store):
        for name in names:
            if going.names:
                _search_file(store, digest, name, replace(going, limits={}))
            if going.limits:
                _search_file(store, digest, name, aged)
    if aged.ids:
        aged.ids.difference_update(_young(store, aged))
        going.ids.update(aged.ids)
        going.texts.update(aged.texts)
    write_json(note, {"ids": sorted(going.ids), "objects": sorted(going.objects)})
    note.chmod(0o600)


def _search_file(store: Store, digest: str, name: str, going: _Going) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = store.objects / digest / name
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        columns = _telling(schema)
        hit = False
        for batch in file.iter_batches(columns=columns):
            rows = batch.filter(_mask(batch, going, _made(store, digest)))
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
                rows = batch.filter(pc.is_in(batch.column("id"), gone))
                for fields in rows.column("input").to_pylist():
                    going.texts.add("\n".join(text for text in fields.values() if text))


def _young(store: Store, aged: _Going) -> set[str]:
    """Ids of old rows that another object holds with a later time: the row was changed, only the old one goes."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    gone, found = pa.array(sorted(aged.ids), pa.string()), set[str]()
    for digest, names in _tables(store):
        for name in names:
            with pq.ParquetFile(store.objects / digest / name) as file:
                if not {"id", "source", "time"} <= set(file.schema_arrow.names):
                    continue
                for batch in file.iter_batches(columns=["id", "source", "time"]):
                    batch = batch.filter(pc.and_(pc.is_in(batch.column("id"), gone), pc.is_valid(batch.column("time"))))
                    rows = batch.filter(pc.invert(_mask(batch, aged, _made(store, digest))))
                    found.update(rows.column("id").to_pylist())
    return found


def _tables(store: Store) -> Iterator[tuple[str, list[str]]]:
    """Every whole object with the tables in it."""
    for folder in sorted(store.objects.iterdir()) if store.objects.is_dir() else []:
        manifest = folder / MANIFEST
        if manifest.is_file():
            files: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
            names = [name for name in files if name.endswith(".parquet") and (folder / name).is_file()]
            if names or "values.json" in files:
                yield folder.name, names


def _made(store: Store, digest: str) -> datetime:
    return datetime.fromtimestamp((store.objects / digest / MANIFEST).stat().st_mtime, UTC)


def _telling(schema: pa.Schema) -> list[str]:
    """The columns by which `_mask` decides."""
    import pyarrow as pa

    return [field.name for field in schema if pa.types.is_string(field.type) or field.name == "time"]


def _mask(batch: pa.RecordBatch, going: _Going, made: datetime, gone: pa.Array | None = None) -> pa.Array:
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
            if pa.types.is_string(field_.type) and (whole or field_.name in ("group", "row_key")):
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


def _releases(root: Path, going: _Going) -> tuple[list[int], list[int]]:
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


# ---------------------------------------------------------------------------------------------- erase


def _erase(root: Path, going: _Going, requests_before: date | None) -> dict[str, Any]:
    """All the steps, the store after what stands around it, the pages after the store."""
    for name in ("aside", "scratch", "checks"):  # leftovers of kills, and what `check` makes anew each time
        shutil.rmtree(root / name, ignore_errors=True)
    store, history = Store(root), History(root)
    sheets = erasing.sheets_without(root, going.ids, going.texts)
    requests = recorder.erase(root / recorder.FOLDER, going.names, before=requests_before)
    decided = decisions.forget(root, going.ids)
    shown = [name for name in history.ids() if _shown_in(history.folder / name, going)]
    for name in shown:
        with exclusively(history.folder / name):
            erasing.journal_without(history.folder / name / "events.jsonl", going.ids)
    for path in sorted(store.actions.glob("*.json")) if store.actions.is_dir() else []:
        if erasing.mentioned(path.read_text(encoding="utf-8"), going.ids):
            path.unlink()
    store.forget_actions(going.objects)
    for digest, names in _tables(store):
        _erase_object(root, store, digest, names, going)
    store.forget_actions(going.objects)
    for name in shown:
        if (history.folder / name / "report.html").is_file():
            write_report(root, history, history.folder / name)
    (root / forgotten.FOLDER / _NOTE).unlink(missing_ok=True)
    return {"sheets": sheets, "requests": requests, "decisions": decided, "runs": shown}


def _shown_in(folder: Path, going: _Going) -> bool:
    """Whether a run's journal names one of the objects or rows: then its pages may show them."""
    journal = folder / "events.jsonl"
    text = journal.read_text(encoding="utf-8") if journal.is_file() else ""
    return any(digest in text for digest in going.objects) or erasing.mentioned(text, going.ids)


def _erase_object(root: Path, store: Store, digest: str, names: list[str], going: _Going) -> None:
    folder = store.objects / digest
    made = _made(store, digest)
    changed = [name for name in names if _erase_file(root, folder / name, going, made)]
    values = folder / "values.json"
    if values.is_file() and erasing.json_file_without(values, going.ids):
        changed.append("values.json")
    if changed or digest in going.objects:
        going.objects.add(digest)
        store.amend(digest, [*names, *(["values.json"] if values.is_file() else [])])


def _erase_file(root: Path, path: Path, going: _Going, made: datetime) -> bool:
    """Write a table again without the rows, if it holds any; whether it did."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    gone = pa.array(sorted(going.ids), pa.string())
    with pq.ParquetFile(path) as file:
        columns = _telling(file.schema_arrow)
        if not any(
            pc.any(_mask(batch, going, made, gone)).as_py()
            or ("twin" in columns and pc.any(pc.is_in(batch.column("twin"), gone)).as_py())
            for batch in file.iter_batches(columns=columns)
        ):
            return False
        aside = root / "aside" / uuid.uuid4().hex
        aside.parent.mkdir(exist_ok=True)
        with pq.ParquetWriter(aside, file.schema_arrow, compression="zstd") as writer:
            for batch in file.iter_batches():
                kept = batch.filter(pc.invert(_mask(batch, going, made, gone)))
                writer.write_batch(_without_twins(kept, gone) if "twin" in columns else kept)
    with aside.open("rb") as written:
        os.fsync(written.fileno())
    aside.replace(path)
    fsync_folder(path.parent)
    return True


def _without_twins(batch: pa.RecordBatch, gone: pa.Array) -> pa.RecordBatch:
    """The other row stays; it only no longer says whose copy it was."""
    import pyarrow as pa
    import pyarrow.compute as pc

    twins = batch.column("twin")
    twins = pc.if_else(pc.is_in(twins, gone), pa.scalar(None, pa.string()), twins)
    return batch.set_column(batch.schema.get_field_index("twin"), batch.schema.field("twin"), twins)
