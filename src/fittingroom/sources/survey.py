"""A first look at a shop's data: which tables and files there are, and what their columns seem to be for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError, UserError
from fittingroom.sources import logformat, open_source
from fittingroom.sources.batching import LINE
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.conversation import told
from fittingroom.sources.database import has_written_secret, scheme_of
from fittingroom.sources.document import objects
from fittingroom.sources.files import encoding_of, lines
from fittingroom.sources.guess import Column, assign, column
from fittingroom.sources.sql import opened

LOOKED_AT = 2_000
"""Rows per table that are looked at."""
_MOST_FILES = 200
_TABLE_SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".xlsx": "excel", ".parquet": "parquet", ".db": "sql", ".sqlite": "sql",
    ".sqlite3": "sql", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".log": "weblog",
}  # fmt: skip
_ADAPTER: TypeAdapter[Any] = TypeAdapter(SourceConfig)


@dataclass
class Surveyed:
    """One table or file: how a recipe names it, and its columns."""

    name: str
    values: dict[str, str]
    """`kind` and place, as in a recipe."""
    rows: int
    """Rows that were looked at."""
    columns: list[Column] = field(default_factory=list)
    fault: str = ""
    """Why it could not be read; "" when it could."""
    rejected: int = 0

    def part(self, part: str) -> Column | None:
        """The column of a part, or None."""
        return next((one for one in self.columns if one.part == part), None)


def survey(where: str, context: Context) -> list[Surveyed]:
    """Look at a database or a folder (or file). Raises SourceError when nothing readable is there."""
    if "://" in where or where.startswith("${"):
        found = list(_of_database(_from_here(where, context), context))
    else:
        found = list(_of_folder(Path(where).expanduser().absolute(), context))
    if not any(one.columns for one in found):
        faults = "; ".join(f"{one.name}: {one.fault}" for one in found if one.fault)
        raise SourceError(
            f"holds no table that can be read{f' ({faults[:500]})' if faults else ''}",
            f"没有可读取的表{f'({faults[:500]})' if faults else ''}",
            place=where,
        )
    return found


def _from_here(url: str, context: Context) -> str:
    """The url as a recipe may hold it. A relative SQLite file is meant from where the user stands."""
    if has_written_secret(url):
        raise RecipeError(
            "a password must not stand in the url: put it into the environment and write ${NAME} in its place (in "
            "single quotes, so that the shell leaves it)",
            "url 里不能写密码：请放进环境变量，并在 url 中写 ${NAME}（用单引号，避免 shell 展开）",
            place="--source",
        )
    head, _, path = url.partition(":///")
    if head == "sqlite" and path and not path.startswith(("/", "${")) and Path(path).is_file():
        return f"sqlite:///{_in_recipe(Path(path).absolute(), context)}"
    return url


def _in_recipe(path: Path, context: Context) -> str:
    """A path as the recipe names it: relative inside the workspace, else absolute."""
    try:
        return path.relative_to(context.root).as_posix()
    except ValueError:
        return str(path)


def _of_database(url: str, context: Context) -> Iterator[Surveyed]:
    scheme_of(url)
    with closing(opened(url, context)) as database:
        tables = list(database.tables())
    for table in tables:
        yield _looked_at(table, {"kind": "sql", "url": url, "table": table}, context)


def _of_folder(folder: Path, context: Context) -> Iterator[Surveyed]:
    if not folder.exists():
        raise SourceError("there is no such folder or file", "没有这个文件夹或文件", place=str(folder))
    files = [folder] if folder.is_file() else _files(folder)
    for path in files:
        kind = _kind(path)
        if kind == "sql":
            yield from _of_database(f"sqlite:///{_in_recipe(path, context)}", context)
        elif kind:
            name = path.name if path == folder else path.relative_to(folder).as_posix()
            yield _looked_at(name, {"kind": kind, "path": _in_recipe(path, context)}, context)


def _files(folder: Path) -> list[Path]:
    """Files up to two folders deep, without hidden ones and what a workspace itself keeps."""
    own = {"objects", "runs", "checks", "scratch", "releases"}
    found: list[Path] = []
    for here, folders, names in os.walk(folder):
        deep = len(Path(here).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in own and deep < 2)
        found += [Path(here) / name for name in sorted(names) if not name.startswith(".")]
        if len(found) > _MOST_FILES:
            raise UserError(
                f"holds more than {_MOST_FILES} files; name a smaller folder",
                f"文件超过 {_MOST_FILES} 个；请指定更小的文件夹",
                place=str(folder),
            )
    return found


def _kind(path: Path) -> str:
    """Which reader a file is for; "" for none."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    kind = _TABLE_SUFFIXES.get(suffix.lower(), "weblog" if "access" in path.name else "")
    if not kind or path.stat().st_size == 0:
        return ""
    try:
        if kind == "json":
            return _json_kind(path)
        if kind == "weblog":
            return "weblog" if _is_weblog(path) else ""
    except UserError:
        return "jsonl" if kind == "json" else ""
    return kind


def _json_kind(path: Path) -> str:
    for _, record in objects(path, path.name, lambda *found: None):
        if told(record):
            return "chat"
        nested = any(isinstance(record.get(name), list) for name in ("replies", "comments"))
        array = next(lines(path, encoding_of(path, "", path.name)))[1].lstrip("\ufeff \t\r\n").startswith("[")
        return "social" if nested or array else "jsonl"
    return ""


def _is_weblog(path: Path) -> bool:
    read, _ = logformat.reader("", path.name)
    for number, line in lines(path, encoding_of(path, "", path.name)):
        if read(line.rstrip("\r\n")):
            return True
        if number == 20:
            break
    return False


def _looked_at(name: str, values: Mapping[str, str], context: Context) -> Surveyed:
    """The first rows of a table. A table that cannot be read is told as such: the others are still of use."""
    found = Surveyed(name, dict(values), 0)
    config = _ADAPTER.validate_python(dict(values))
    held: dict[str, list[str | None]] = {}
    rejected: list[int] = []
    try:
        open_source(config).check(config, context)
        batches = open_source(config).read(config, context, lambda line, reason, text: rejected.append(line))
        with closing(batches):
            for batch in batches:
                for column_name in batch.schema.names:
                    if column_name != LINE:
                        cells = held.setdefault(column_name, [None] * found.rows)
                        cells += batch.column(column_name).to_pylist()
                found.rows += batch.num_rows
                for cells in held.values():
                    cells += [None] * (found.rows - len(cells))
                if found.rows >= LOOKED_AT:
                    break
    except UserError as error:
        found.fault = error.en
        return found
    found.rejected = len(rejected)
    found.rows = min(found.rows, LOOKED_AT)
    found.columns = [column(column_name, cells[:LOOKED_AT]) for column_name, cells in held.items()]
    if values["kind"] != "weblog":
        assign(found.columns, found.rows)
    _fixed(found)
    return found


def _fixed(found: Surveyed) -> None:
    """What the reader itself decides is no matter of guessing."""
    fixed = {"weblog": {"visitor": "group", "time": "time"}, "chat": {"first": "text"}, "social": {"thread": "group"}}
    for column_name, part in fixed.get(found.values["kind"], {}).items():
        for one in found.columns:
            if one.part == part:
                one.part, one.because = "", ""
            if one.name == column_name:
                one.part = part  # type: ignore[assignment]
