"""Take rows out of what a workspace keeps beside its store: sheets, exports, discoveries, journals.

Rows are known by their ids (24 hexadecimal digits, keyed), so no file of the shop's own is ever taken for one of ours.
Every file is written aside and renamed; doing it twice changes nothing.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from fittingroom.errors import UserError
from fittingroom.journal import fsync_folder
from fittingroom.sources.files import encoding_of

_ID = re.compile(r"[0-9a-f]{24}")
_OURS = frozenset(
    [
        "actions",
        "aside",
        "checks",
        "endpoints",
        "forgotten",
        "increments",
        "locks",
        "objects",
        "pairs",
        "registry",
        "requests",
        "reviews",
        "runs",
        "scratch",
        "searches",
    ]
)
"""Folders in which no sheet lies."""
_ENDINGS = (".csv", ".xlsx", ".jsonl", ".ndjson", ".json", ".yaml", ".yml")


def sheets_without(root: Path, ids: Set[str], texts: Set[str]) -> list[str]:
    """Take rows out of the sheets of `review` and `discover` that lie in the workspace; returns the files' names.

    `texts` are the rows' redacted texts: a discovery shows examples without ids.
    """
    changed = []
    for path in filter(_is_ours, ours(root, _ENDINGS)):
        form = path.suffix.lower()
        if form == ".csv":
            content = _csv_without(path, ids)
        elif form == ".xlsx":
            content = _xlsx_without(path, ids)
        elif form in (".jsonl", ".ndjson"):
            content = _lines_without(path, ids)
        elif form == ".json":
            content = _json_without(path, ids)
        else:
            content = _yaml_without(path, texts)
        if content is not None:
            replace(path, content)
            changed.append(str(path.relative_to(root)))
    return sorted(changed)


def json_file_without(path: Path, ids: Set[str]) -> bool:
    """Take ids out of a JSON file, wherever they stand; whether there were any."""
    text = path.read_text(encoding="utf-8")
    if not mentioned(text, ids):
        return False
    replace(path, json.dumps(without(json.loads(text), ids), ensure_ascii=False, indent=1).encode())
    return True


def journal_without(path: Path, ids: Set[str]) -> bool:
    """Take ids out of a journal, line by line; whether there were any."""
    text = path.read_text(encoding="utf-8")
    if not mentioned(text, ids):
        return False
    lines = [
        json.dumps(without(json.loads(line), ids), ensure_ascii=False) if mentioned(line, ids) else line
        for line in text.split("\n")
    ]
    replace(path, "\n".join(lines).encode())
    return True


def mentioned(text: str, ids: Set[str]) -> bool:
    """Whether any of the ids stands in a text."""
    return any(found in ids for found in _ID.findall(text))


def without(value: Any, ids: Set[str]) -> Any:
    """A JSON value without the ids: gone from lists and as keys, empty elsewhere."""
    if isinstance(value, dict):
        return {name: without(item, ids) for name, item in value.items() if name not in ids}
    if isinstance(value, list):
        return [without(item, ids) for item in value if not (isinstance(item, str) and item in ids)]
    return "" if isinstance(value, str) and value in ids else value


def replace(path: Path, content: bytes) -> None:
    """Write a file aside and put it in place, with the permissions of the one before."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    fsync_folder(path.parent)


def ours(root: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Files with one of these endings in the workspace, but for the folders that it keeps itself."""
    for folder, folders, names in os.walk(root):
        kept = _OURS if Path(folder) == root else frozenset()
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in kept)
        for name in sorted(names):
            path = Path(folder) / name
            if name.lower().endswith(endings) and not name.startswith(".") and path.is_file():
                yield path


def _is_ours(path: Path) -> bool:
    """Whether the beginning of a file looks like something that we wrote."""
    form = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(4096)
    if form == ".xlsx":
        return head.startswith(b"PK")
    if form == ".csv":
        first = head.replace(b"\0", b"").split(b"\n", 1)[0]
        return b"id" in first and (b"annotator" in first or b"label" in first)
    return (b'"id"' in head or b"discovery" in head or b'"clusters"' in head) and b"\0" not in head


def _csv_without(path: Path, ids: Set[str]) -> bytes | None:
    try:
        encoding = encoding_of(path, "", path.name)
        text = path.read_text(encoding=encoding).removeprefix("\ufeff")
    except (UnicodeDecodeError, UserError):
        return None
    if not mentioned(text, ids):
        return None
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    written = io.StringIO(newline="")
    kept = [row for row in rows if not ids & {cell.lstrip("'") for cell in row}]
    csv.writer(written, delimiter=delimiter).writerows(kept)
    marked = encoding.replace("-", "").replace("_", "").lower() in ("utf8", "utf8sig")
    return written.getvalue().encode("utf-8-sig" if marked else encoding)


def _xlsx_without(path: Path, ids: Set[str]) -> bytes | None:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        return None
    gone = 0
    for sheet in book.worksheets:
        hits = [
            number
            for number, values in enumerate(sheet.iter_rows(values_only=True), 1)
            if any(str(value).lstrip("'") in ids for value in values if value is not None)
        ]
        for number in reversed(hits):
            sheet.delete_rows(number)
        gone += len(hits)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue() if gone else None


def _lines_without(path: Path, ids: Set[str]) -> bytes | None:
    lines = path.read_bytes().split(b"\n")
    kept = [line for line in lines if not mentioned(line.decode("utf-8", "replace"), ids)]
    return b"\n".join(kept) if len(kept) < len(lines) else None


def _json_without(path: Path, ids: Set[str]) -> bytes | None:
    """Tasks of Label Studio, in which the row's id stands in `data`; or a discovery of the workspace."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    if not mentioned(text, ids):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, list):
        kept: Any = [one for one in value if not mentioned(json.dumps(one), ids)]
    else:
        kept = without(value, ids)
    return (json.dumps(kept, ensure_ascii=False, indent=1) + "\n").encode()


def _yaml_without(path: Path, texts: Set[str]) -> bytes | None:
    """A discovery that people edit: its examples are beginnings of texts."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        value = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    if not isinstance(value, dict) or "discovery" not in value or not isinstance(value.get("clusters"), list):
        return None
    gone = 0
    for cluster in value["clusters"]:
        shown = cluster.get("examples") or [] if isinstance(cluster, dict) else []
        kept = [one for one in shown if not _shows(str(one), texts)]
        if len(kept) < len(shown):
            cluster["examples"], gone = kept, gone + len(shown) - len(kept)
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    said = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=110)
    return f"{head}{said}".encode() if gone else None


def _shows(example: str, texts: Set[str]) -> bool:
    cut = example.removesuffix("…")
    return example in texts or (cut != example and any(text.startswith(cut) for text in texts))
