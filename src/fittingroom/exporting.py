"""`export`: the rows of a run, redacted as they are stored, in the formats that other fine-tuning tools read.

Every row becomes the conversation that our own training shows the model: the system turn, the customer's text, and the
label as the answer. `llamafactory` is alpaca with an entry in `dataset_info.json`. Beside the rows stands which line is
which row (`….rows.json`), so that `forget` can take a customer out of an export that lies in the workspace.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

from fittingroom.errors import StoreError, UserError
from fittingroom.exported import write_rows
from fittingroom.history import History
from fittingroom.journal import Journal
from fittingroom.models.render import whole
from fittingroom.sources.chat import INFO, update_dataset_info, write_chat, write_dataset_info
from fittingroom.sources.conversation import Conversation, Format
from fittingroom.store import Store
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.types import Frozen, Splits

ExportFormat = Literal["alpaca", "sharegpt", "messages", "prompt-completion", "llamafactory"]
Part = Literal["train", "dev", "calibration", "test"]
FORMATS: tuple[str, ...] = get_args(ExportFormat)
PARTS: tuple[str, ...] = get_args(Part)
_WRITTEN: dict[str, Format] = {
    "alpaca": "alpaca",
    "sharegpt": "sharegpt",
    "messages": "messages",
    "prompt-completion": "prompt_completion",
    "llamafactory": "alpaca",
}


class Exported(Frozen):
    """What was written."""

    rows: int
    part: str
    format: str
    files: list[str]
    """Relative to the folder: the rows as JSON lines, which row each line is, and `dataset_info.json` for
    LLaMA-Factory, or where it spoke of the file in another format."""


def write_export(root: Path, history: History, folder: Path, out: Path, form: str, part: str) -> Exported:
    """Write one part of a run's last balanced rows below `out`. Raises UserError for an unknown format or part,
    StoreError when the run did not come so far.
    """
    for given, known, what in ((form, FORMATS, "--format"), (part, PARTS, "--part")):
        if given not in known:
            raise UserError(f"is one of {', '.join(known)}", f"取值：{'、'.join(known)}", place=f"{what} {given}")
    splits = _balanced(root, folder)
    task = history.config(folder).task
    table = splits.parts()[part]
    if not table.rows:
        raise UserError("has no rows in this run", "在这次运行中没有数据", place=f"--part {part}")
    out.mkdir(parents=True, exist_ok=True)
    name = f"{history.config(folder).name}-{part}"
    file = out / f"{name}.jsonl"
    kind = _WRITTEN[form]
    rows = write_chat(file, _conversations(table, task, job_of(task).labels(splits, task)), kind)
    ids = chain.from_iterable(batch.column("id").to_pylist() for batch in table.batches())
    files = [file.name, write_rows(file, ids).name]
    if form == "llamafactory":
        write_dataset_info(out, name, file.name, kind)
        files.append(INFO)
    elif update_dataset_info(out, file.name, kind):
        files.append(INFO)
    return Exported(rows=rows, part=part, format=form, files=files)


def _conversations(table: Table, task: TaskConfig, labels: list[str]) -> Iterator[Conversation]:
    job = job_of(task)
    for batch in table.batches():
        for row in batch.select(["input", "target"]).to_pylist():
            given = {name: text or "" for name, text in row["input"].items()}
            shown = job.choices(given, task, labels)
            asked = whole(job.messages(given, task, shown))
            system = "\n".join(turn["content"] for turn in asked if turn["role"] == "system")
            turns = [(turn["role"], turn["content"]) for turn in asked if turn["role"] != "system"]
            yield Conversation((*turns, ("assistant", job.answer(row["target"][task.target], task, shown))), system)


def _balanced(root: Path, folder: Path) -> Splits:
    """The rows that the last attempt trained on and was judged by."""
    store = Store(root)
    done = [
        event["digest"]
        for event in Journal(folder / "events.jsonl").read()
        if event["kind"] == "stage_done" and event["stage"] == "balance"
    ]
    if not done or not store.has(done[-1]):
        raise StoreError(
            "has no balanced rows in the store; run the recipe (again)",
            "存储中没有均衡后的数据；请（重新）运行配方",
            place=f"runs/{folder.name}",
        )
    return store.load(done[-1], Splits)
