"""Tables that people fill in: CSV, Excel, JSON lines and Label Studio's JSON, written for them and read back.

What is written cannot become a formula or a rounded number in a spreadsheet; what comes back may be in any encoding
that a spreadsheet saves in. A file is written aside and renamed: it is there as a whole, or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

from fittingroom.errors import UserError
from fittingroom.journal import fsync_folder
from fittingroom.sources.files import encoding_of

Cell = str | float | None
FORMATS = ("csv", "xlsx", "jsonl", "labelstudio")
_ENDINGS = {".csv": "csv", ".xlsx": "xlsx", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "labelstudio"}
# A spreadsheet would take the first for a formula, and the second (an id such as 12e4567…) for a number.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"\d+(?:[eE]\d+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_EXCEL_ROWS, _EXCEL_CELL = 1_048_576, 32_767
_MODEL = "fittingroom audit"


class Line(NamedTuple):
    """One filled-in row: where it stands, for people, and its cells by column, stripped."""

    place: str
    cells: dict[str, str]


def format_of(path: Path, chosen: str = "") -> str:
    """The format chosen, or the one that the file's ending says. Raises UserError."""
    found = chosen or _ENDINGS.get(path.suffix.lower(), "")
    if found not in FORMATS:
        raise UserError(
            "end the file's name with .csv, .xlsx, .jsonl or .json (Label Studio), or choose --format",
            "文件名请以 .csv、.xlsx、.jsonl 或 .json(Label Studio)结尾，或用 --format 指定",
            place=str(path),
        )
    return found


def write(
    path: Path, rows: Sequence[Mapping[str, Cell]], columns: Sequence[str], form: str, labels: Sequence[str]
) -> None:
    """Write rows; `labels` are the choices that Label Studio offers."""
    if form == "csv":
        keep(path, _csv(rows, columns))
    elif form == "xlsx":
        keep(path, _xlsx(rows, columns, path))
    elif form == "jsonl":
        lines = (json.dumps({name: row.get(name) for name in columns}, ensure_ascii=False) for row in rows)
        keep(path, "".join(f"{line}\n" for line in lines).encode())
    else:
        tasks = [_task(row, columns, labels) for row in rows]
        keep(path, (json.dumps(tasks, ensure_ascii=False, indent=1) + "\n").encode())


def shown(text: str) -> str:
    """A text as a cell of Excel can hold it: no control characters."""
    return _CONTROL.sub(" ", text)


def fits(text: str) -> bool:
    """Whether a cell of Excel holds all of a text."""
    return len(text) <= _EXCEL_CELL


def read(path: Path, form: str, needed: Sequence[str]) -> Iterator[Line]:
    """The rows of a file that people filled in. Raises UserError that names file, row and what is wrong with it."""
    if not path.is_file():
        raise UserError("there is no such file", "没有这个文件", place=str(path))
    if form == "csv":
        yield from _from_csv(path, needed)
    elif form == "xlsx":
        yield from _from_xlsx(path, needed)
    elif form == "jsonl":
        yield from _from_jsonl(path)
    else:
        yield from _from_label_studio(path)


def keep(path: Path, content: bytes) -> None:
    """Write a file aside and put it in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    fsync_folder(path.parent)


# ---------------------------------------------------------------------------------------------- out


def _csv(rows: Sequence[Mapping[str, Cell]], columns: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(columns), extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(row.get(name)) for name in columns})
    return text.getvalue().encode("utf-8-sig")  # the mark makes spreadsheets read UTF-8


def _harmless(value: Cell) -> Cell:
    if isinstance(value, str) and (value.startswith(_FORMULA) or _NUMBER.fullmatch(value)):
        return f"'{value}"
    return value


def _xlsx(rows: Sequence[Mapping[str, Cell]], columns: Sequence[str], path: Path) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    if len(rows) >= _EXCEL_ROWS:
        raise UserError(
            f"a sheet holds {_EXCEL_ROWS - 1:,} rows, there are {len(rows):,}: choose csv or jsonl",
            f"一张工作表最多 {_EXCEL_ROWS - 1:,} 行，现有 {len(rows):,} 行：请改用 csv 或 jsonl",
            place=str(path),
        )
    book = Workbook(write_only=True)
    sheet = book.create_sheet("review")
    sheet.freeze_panes = "A2"
    for name, width in zip("ABCDEFGHIJKLMNOP", columns, strict=False):
        sheet.column_dimensions[name].width = 60 if width == "text" else 16
    sheet.append(list(columns))
    for row in rows:
        cells = []
        for name in columns:
            value = row.get(name)
            if isinstance(value, str):
                clean = shown(value)
                cell = WriteOnlyCell(sheet, clean if len(clean) <= _EXCEL_CELL else f"{clean[: _EXCEL_CELL - 1]}…")
                cell.data_type = "s"  # never a formula
            else:
                cell = WriteOnlyCell(sheet, value)
            cells.append(cell)
        sheet.append(cells)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _task(row: Mapping[str, Cell], columns: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """A task of Label Studio; the suggestion stands in it as a prediction."""
    data: dict[str, Any] = {name: row.get(name) for name in columns if name not in ("label", "annotator")}
    data["choices"] = [{"value": label} for label in labels]
    task: dict[str, Any] = {"data": data}
    if row.get("suggested"):
        choice = {"from_name": "label", "to_name": "text", "type": "choices"}
        chosen = {**choice, "value": {"choices": [row["suggested"]]}}
        task["predictions"] = [{"model_version": _MODEL, "score": row.get("confidence"), "result": [chosen]}]
    return task


# ---------------------------------------------------------------------------------------------- in


def _from_csv(path: Path, needed: Sequence[str]) -> Iterator[Line]:
    encoding = encoding_of(path, "", str(path))
    try:
        text = path.read_text(encoding=encoding)
    except UnicodeDecodeError:
        raise UserError(
            "holds bytes that are no text: save it as CSV in UTF-8, or as .xlsx",
            "含有无法识别的字节：请存为 UTF-8 的 CSV，或存为 .xlsx",
            place=str(path),
        ) from None
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        _demand(path, columns, needed)
        for values in reader:
            if any(value.strip() for value in values):
                cells = dict(zip(columns, (_bare(value) for value in values), strict=False))
                yield Line(f"{path}, line {reader.line_num}", cells)
    except csv.Error:
        raise UserError(
            "is torn here: a quotation mark is open or out of place",
            "此处损坏：引号没有配对或位置不对",
            place=f"{path}, line {reader.line_num}",
        ) from None


def _bare(value: str) -> str:
    value = value.strip()
    return value[1:] if value.startswith("'") and _harmless(value[1:]) != value[1:] else value


def _from_xlsx(path: Path, needed: Sequence[str]) -> Iterator[Line]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        columns = [_cell(value) for value in next(rows, ())]
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise UserError(
            "cannot be read as an Excel file (.xlsx)", "无法作为 Excel 文件（.xlsx）读取", place=str(path)
        ) from None
    try:
        _demand(path, columns, needed)
        for number, values in enumerate(rows, 2):
            cells = dict(zip(columns, (_cell(value) for value in values), strict=False))
            if any(cells.values()):
                yield Line(f"{path}, row {number}", cells)
    finally:
        book.close()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _from_jsonl(path: Path) -> Iterator[Line]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            found = json.loads(line.decode("utf-8-sig"))
            if not isinstance(found, dict):
                raise ValueError
        except ValueError:
            raise UserError("is no JSON object", "不是 JSON 对象", place=place) from None
        yield Line(place, {str(name): _cell(value) for name, value in found.items()})


def _from_label_studio(path: Path) -> Iterator[Line]:
    """One line per annotation; skipped tasks and annotations that were cancelled say nothing."""
    try:
        tasks = json.loads(path.read_bytes().decode("utf-8-sig"))
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise ValueError
    except ValueError:
        raise UserError(
            "is no export of Label Studio: a JSON list of tasks (choose JSON there, not JSON-MIN)",
            "不是 Label Studio 的导出文件：应为任务的 JSON 列表（导出时选 JSON，不选 JSON-MIN）",
            place=str(path),
        ) from None
    for number, task in enumerate(tasks, 1):
        data = task.get("data")
        cells = (
            {name: _cell(value) for name, value in data.items() if name != "choices"} if isinstance(data, dict) else {}
        )
        for annotation in task.get("annotations") or []:
            if annotation.get("was_cancelled"):
                continue
            chosen = [
                choice
                for result in annotation.get("result") or []
                if result.get("type") == "choices"
                for choice in result.get("value", {}).get("choices", [])
            ]
            if len(chosen) > 1:
                raise UserError(
                    f"{len(chosen)} labels are chosen, a row has one",
                    f"选了 {len(chosen)} 个标签，每行只能有一个",
                    place=f"{path}, task {number}, label",
                )
            when = str(annotation.get("updated_at") or annotation.get("created_at") or "")
            said = {"label": _cell(chosen[0]) if chosen else "", "annotator": _who(annotation), "at": when}
            yield Line(f"{path}, task {number}", {**cells, **said})


def _who(annotation: Mapping[str, Any]) -> str:
    who = annotation.get("completed_by")
    return _cell(who.get("email") or who.get("id")) if isinstance(who, dict) else _cell(who)


def _demand(path: Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in columns]
    if missing:
        raise UserError(
            f"the column {missing[0]!r} is missing; there are: {', '.join(columns) or '-'}",
            f"缺少列 {missing[0]!r}；现有：{'、'.join(columns) or '-'}",
            place=str(path),
        )
