"""`forget`: a customer, or rows past their retention, erased from everything a workspace keeps.

The order makes a kill harmless. First it is written down who goes (`forgotten/`, keyed pseudonyms) and which rows; then
what stands around the store is cleaned, the store itself, and the pages that are made from it; at last the note of the
rows is taken away. A second start goes through the same steps, and finds less to do.

An object keeps its place with the rows taken out, and its manifest says so; the actions that led to it are forgotten,
so that a run makes it anew from what the sources hold then. Weights cannot forget: the releases that were made with
the rows are named instead.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from fittingroom import erasing
from fittingroom.errors import UserError
from fittingroom.exported import exports_without, showing
from fittingroom.history import History, exclusively, locked
from fittingroom.journal import alone, fsync_folder, held
from fittingroom.models import endpoint_kept
from fittingroom.reporting import write_report
from fittingroom.serving import recorder
from fittingroom.sources import decisions, forgotten, increment, preferences
from fittingroom.sources.recalled import GONE
from fittingroom.store import Store
from fittingroom.types import Frozen
from fittingroom.whereabouts import NOTE, Going, made_at, made_with, mask, search, silent, tables, telling

if TYPE_CHECKING:
    import pyarrow as pa


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
    """Files of `review`, `discover` and `export` in the workspace that held them. Files elsewhere are not reached."""
    left: list[str] = Field(default_factory=list)
    """Files in the workspace that show their texts but cannot be told line by line: to be deleted, or made anew."""
    requests: int
    """Recorded requests."""
    runs: list[str] = Field(default_factory=list)
    """Runs whose report or journal showed such a row."""
    releases: list[int] = Field(default_factory=list)
    """Releases that were trained, stopped or calibrated with these rows: weights cannot forget, so train them anew."""
    read_whole: bool = False
    """Whether what was kept of sources with a `cursor` went, so that the next run reads them whole."""
    unsure: list[int] = Field(default_factory=list)
    """Releases whose rows are no longer in the store, so that nobody can tell."""
    silent: list[str] = Field(default_factory=list)
    """Sources that do not say which customer a row is of: what they hold of the customer could not be found."""


def forget(
    root: Path,
    secret: bytes,
    *,
    customer: str = "",
    limits: Mapping[str, datetime] | None = None,
    requests_before: date | None = None,
) -> Forgotten:
    """Erase a customer (by the number that the sources know them by), or what is past its retention, or both.

    Whatever an earlier start left undone is done as well. Raises UserError while a run is under way, and, before
    anything is changed, when nothing was found of a new customer in sources that all do not say whose their rows are.
    """
    customer = customer.strip()
    with alone(root / "locks" / "forget"):
        _refuse_while_running(root)
        listed = {entry.group: entry for entry in forgotten.entries(root, secret)}
        if customer:
            entry = forgotten.entry_of(secret, customer)
            listed[entry.group] = listed.get(entry.group, entry).model_copy(update={"done": ""})
        open_ones = [entry for entry in listed.values() if not entry.done]
        going = Going(frozenset(name for entry in open_ones for name in entry.names), dict(limits or {}))
        search(root, going)
        mute, all_mute = silent(root) if customer else ([], False)
        if all_mute and not (going.objects or _is_met(root, entry)):
            (root / forgotten.FOLDER / NOTE).unlink(missing_ok=True)
            raise _nobody_can_tell(mute)
        made, unsure = made_with(root, going)
        made = sorted({*made, *(number for entry in open_ones for number in entry.releases)})
        for entry in open_ones:
            forgotten.keep(root, entry.model_copy(update={"releases": made}))
        # What is kept of them between runs has no lists of whose rows it holds: it goes as a whole, and is read anew.
        whole = bool(open_ones) and increment.forget(root)
        increment.expire(root, limits or {}, GONE)
        counts = _erase(root, going, requests_before)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for entry in open_ones:
            forgotten.keep(root, entry.model_copy(update={"releases": made, "done": now}))
        unsure = [number for number in unsure if number not in made]
        counts |= {"rows": len(going.ids), "objects": len(going.objects)}
        return Forgotten(customers=len(listed), releases=made, unsure=unsure, read_whole=whole, silent=mute, **counts)


def _is_met(root: Path, entry: forgotten.Entry) -> bool:
    """Whether a customer is on the list already, or has asked the server something."""
    return forgotten.known(root, entry.group) or recorder.mentions(root / recorder.FOLDER, entry.names)


def _nobody_can_tell(mute: list[str]) -> UserError:
    return UserError(
        "nothing of this customer was found, but these sources do not say which customer a row is of. Nothing was "
        "changed: name the column under `group` (`group: [customer_id, session_id]`), run the recipe, forget again",
        "没有找到该客户的数据，但这些数据源没有说明每行属于哪个客户。未做任何更改：请在 `group` 中写明该列"
        "（`group: [customer_id, session_id]`），运行配方后再执行 forget",
        place=", ".join(mute),
    )


def under_way(root: Path) -> str:
    """The id of a run that a process is working on; "" for none."""
    history = History(root)
    return next((name for name in history.ids() if locked(history.folder / name)), "")


def searching(root: Path) -> bool:
    """Whether a process searches in this workspace: it holds rows in memory, and trainings on them on disk."""
    return any(held(path) for path in (root / "locks").glob("search-*"))


def _refuse_while_running(root: Path) -> None:
    if searching(root):
        raise UserError(
            "a search is under way and holds rows in memory: wait for its end, or stop it, and forget again",
            "有搜索正在进行，内存中持有数据：请等它结束或先停止，再执行 forget",
            place="searches",
        )
    if name := under_way(root):
        raise UserError(
            "a run is under way and holds rows in memory: wait for its end, or stop it, and forget again",
            "有运行正在进行，内存中持有数据：请等它结束或先停止，再执行 forget",
            place=f"runs/{name}",
        )


# ---------------------------------------------------------------------------------------------- erase


def _erase(root: Path, going: Going, requests_before: date | None) -> dict[str, Any]:
    """All the steps, the store after what stands around it, the pages after the store."""
    for name in ("aside", "scratch", "checks"):  # leftovers of kills, and what `check` makes anew each time
        shutil.rmtree(root / name, ignore_errors=True)
    for trials in sorted(root.glob("searches/*/trials")):  # checkpoints of a search that was stopped, and its rows
        shutil.rmtree(trials, ignore_errors=True)
    store, history = Store(root), History(root)
    sheets = sorted([*erasing.sheets_without(root, going.ids, going.texts), *exports_without(root, going.ids)])
    left = showing(root, going.texts, _sources(root, history))
    requests = recorder.erase(root / recorder.FOLDER, going.names, before=requests_before)
    decided = decisions.forget(root, going.ids)
    endpoint_kept.forget(root, going.ids, going.names)
    preferences.forget(root, going.ids, going.names)
    shown = [name for name in history.ids() if _shown_in(history.folder / name, going)]
    for name in shown:
        with exclusively(history.folder / name):
            erasing.journal_without(history.folder / name / "events.jsonl", going.ids)
    for path in sorted(store.actions.glob("*.json")) if store.actions.is_dir() else []:
        if erasing.mentioned(path.read_text(encoding="utf-8"), going.ids):
            path.unlink()
    store.forget_actions(going.objects)
    for digest, names in tables(store):
        _erase_object(root, store, digest, names, going)
    store.forget_actions(going.objects)
    shown = sorted({*shown, *_predictions_without(root, history, going)})
    for name in shown:
        if (history.folder / name / "report.html").is_file():
            write_report(root, history, history.folder / name)
    (root / forgotten.FOLDER / NOTE).unlink(missing_ok=True)
    return {"sheets": sheets, "left": left, "requests": requests, "decisions": decided, "runs": shown}


def _sources(root: Path, history: History) -> set[Path]:
    """Files that recipes read: they are the shop's own."""
    configs = [history.config(history.folder / name) for name in history.ids()]
    paths = [getattr(source, "path", "") for config in configs for source in config.sources]
    return {(root / os.path.expandvars(path)).resolve() for path in paths if path}


def _shown_in(folder: Path, going: Going) -> bool:
    """Whether a run's journal names one of the objects or rows: then its pages may show them."""
    journal = folder / "events.jsonl"
    text = journal.read_text(encoding="utf-8") if journal.is_file() else ""
    return any(digest in text for digest in going.objects) or erasing.mentioned(text, going.ids)


def _predictions_without(root: Path, history: History, going: Going) -> list[str]:
    """Runs whose recorded predictions are files of their own (a copy of a workspace has no links) and held rows."""
    found = []
    for name in history.ids():
        files = [path for path in (history.folder / name).glob("*.parquet") if not path.is_symlink()]
        made = {path: datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in files}
        erased = [path for path in files if _erase_file(root, path, going, made[path])]
        found += [name] if erased else []
    return found


def _erase_object(root: Path, store: Store, digest: str, names: list[str], going: Going) -> None:
    folder = store.objects / digest
    made = made_at(store, digest)
    changed = [name for name in names if _erase_file(root, folder / name, going, made)]
    values = folder / "values.json"
    if values.is_file() and erasing.json_file_without(values, going.ids):
        changed.append("values.json")
    if changed or digest in going.objects:
        going.objects.add(digest)
        store.amend(digest, [*names, *(["values.json"] if values.is_file() else [])])


def _erase_file(root: Path, path: Path, going: Going, made: datetime) -> bool:
    """Write a table again without the rows, if it holds any; whether it did."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    gone = pa.array(sorted(going.ids), pa.string())
    with pq.ParquetFile(path) as file:
        columns = telling(file.schema_arrow)
        if not any(
            pc.any(mask(batch, going, made, gone)).as_py()
            or ("twin" in columns and pc.any(pc.is_in(batch.column("twin"), gone)).as_py())
            for batch in file.iter_batches(columns=columns)
        ):
            return False
        aside = root / "aside" / uuid.uuid4().hex
        aside.parent.mkdir(exist_ok=True)
        with pq.ParquetWriter(aside, file.schema_arrow, compression="zstd") as writer:
            for batch in file.iter_batches():
                kept = batch.filter(pc.invert(mask(batch, going, made, gone)))
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
