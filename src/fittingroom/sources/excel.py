"""Excel workbooks (.xlsx), row by row.

Excel keeps 15 digits of a number. A longer one was rounded when it was typed; it is passed on in Excel's own form
(1.23456789012346E+17), so that a key of this kind is refused by name instead of matching a wrong row. Cells that are
formatted as text (order numbers, leading zeros) come as they were typed; a number shown with leading zeros keeps them.
"""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources.batching import columnar
from fittingroom.sources.config import ExcelSource
from fittingroom.sources.files import Reject, digest, locate

if TYPE_CHECKING:
    import pyarrow as pa

_ZEROS = re.compile(r"0{2,20}")
_EXACT = 10**15


def check(config: ExcelSource, context: Context) -> None:
    """The workbook opens and has the sheet, and a row of column names."""
    with _sheet(config, context) as sheet:
        _header(_cells(sheet), config)


def fingerprint(config: ExcelSource, context: Context) -> str:
    """Digest of the file's bytes."""
    return digest(config.path, context)


def size(config: ExcelSource, context: Context) -> int:
    """The number of rows, from the sheet's own account."""
    with _sheet(config, context) as sheet:
        return int(sheet.max_row or 1)


def read(config: ExcelSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All rows; one with values beyond the named columns is rejected, an empty one is none."""
    with _sheet(config, context) as sheet:
        cells = _cells(sheet)
        names = _header(cells, config)
        yield from columnar(names, _rows(cells, len(names), reject))


def _rows(
    cells: Iterator[tuple[int, list[str | None]]], width: int, reject: Reject
) -> Iterator[tuple[int, list[str | None]]]:
    for number, values in cells:
        beyond = [value for value in values[width:] if value is not None]
        if beyond:
            known = " ".join(value for value in values if value is not None)
            reject(number, f"values beyond the {width} named columns", known)
        elif any(value is not None for value in values):
            yield number, (values + [None] * width)[:width]


def _header(cells: Iterator[tuple[int, list[str | None]]], config: ExcelSource) -> list[str]:
    found = next((values for _, values in cells if any(value is not None for value in values)), None)
    if found is None:
        raise SourceError("the sheet is empty", "工作表是空的", place=config.path)
    while found and found[-1] is None:
        found.pop()
    names = [(value or "").strip() or f"column_{place}" for place, value in enumerate(found, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(
            f"the header names {', '.join(twice)} twice; rename one of them",
            f"表头里 {', '.join(twice)} 出现了两次；请改名",
            place=config.path,
        )
    return names


@contextmanager
def _sheet(config: ExcelSource, context: Context) -> Iterator[Any]:
    """The sheet, streamed. Raises SourceError for a file that is no workbook, or has no such sheet."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    path = locate(config.path, context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and drop-down lists that openpyxl does not know
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise SourceError(
                "is not a whole .xlsx workbook; open it and save it again as .xlsx (an old .xls or a password too)",
                "不是完整的 .xlsx 文件；请打开后另存为 .xlsx（旧 .xls 或带密码的文件同理）",
                place=config.path,
            ) from error
        try:
            names = [sheet.title for sheet in book.worksheets]
            if not names or (config.sheet and config.sheet not in names):
                raise SourceError(
                    f"there is no sheet {config.sheet!r}; there are: {', '.join(names) or 'none'}",
                    f"没有工作表 {config.sheet!r}；现有：{'、'.join(names) or '无'}",
                    place=config.path,
                )
            sheet = book[config.sheet or names[0]]
            yield sheet
        finally:
            book.close()


def _cells(sheet: Any) -> Iterator[tuple[int, list[str | None]]]:
    sheet.reset_dimensions()  # many programs write a wrong one
    for number, row in enumerate(sheet.iter_rows(), start=1):
        yield number, [_as_text(cell) for cell in row]


def _as_text(cell: Any) -> str | None:
    value = cell.value
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ") if value.time() != datetime.time() else value.date().isoformat()
    if isinstance(value, (int, float)):
        return _number(value, str(cell.number_format))
    return str(value)


def _number(value: int | float, form: str) -> str:
    if isinstance(value, float) and not value.is_integer():
        return repr(value)
    if abs(value) >= _EXACT:
        return f"{value:.14E}"
    text = str(int(value))
    return text.zfill(len(form)) if _ZEROS.fullmatch(form) else text
