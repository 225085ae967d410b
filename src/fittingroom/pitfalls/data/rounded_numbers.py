"""Numbers were turned into floats.

What goes wrong
    A spreadsheet opened the export and saved it again: `123456789012345678` became `1.23E+17`, or its last digits
    became zeros, and leading zeros went.
Why it hurts
    Rows lose their keys or share one, so joins with annotations, orders and customers miss or meet the wrong row, and
    nobody notices for the table looks whole.
How it is detected
    Keys that were refused as rounded, keys of 16 and more digits of which nine in ten end in zeros from the 16th digit
    on (a spreadsheet keeps 15), and cells of inputs or side tables that are nothing but such a float. One is enough.
What the remedy does
    Advises to export the column as text, or from the database directly.
Not detected
    Rounded numbers of fewer than 16 digits that were written out, and lost leading zeros.
Source
    Ziemann, Eren, El-Osta, Gene name errors are widespread in the scientific literature, Genome Biology 2016;
    Microsoft: Excel keeps 15 significant digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, matching, sample, strings
from fittingroom.tables import Table
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text

_FLOAT = r"^\s*\d(?:\.\d+)?[eE]\+\d{2}\s*$"
_REFUSED = "the key was turned into a rounded number by a spreadsheet"
_LONG = re.compile(r"\d{16,24}")
_ROUND = re.compile(r"\d{15}0+")


class Settings(Frozen):
    """Limits."""

    cells: int = Field(default=0, ge=0)
    """Cells that may be rounded floats."""
    round_keys: float = Field(default=0.9, gt=0, le=1)
    """Share of the long keys that may end in zeros from the 16th digit on; of true keys one in ten or fewer do."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on rounded keys and cells."""
    refused = int(rows.facts.get("rejected_by_reason", {}).get(_REFUSED, 0))
    cells = len(matching(rows.kept, _FLOAT)) + sum(map(_floats, rows.tables.values()))
    long = [key for key in column(sample(rows.kept), "row_key") if key and _LONG.fullmatch(key)]
    rounded = sum(bool(_ROUND.fullmatch(key)) for key in long)
    zeros = rounded if len(long) >= 5 and rounded >= settings.round_keys * len(long) else 0
    total = refused + cells + zeros
    if total <= settings.cells:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"a spreadsheet rounded numbers: {refused} keys refused, {zeros} keys end in zeros, {cells} "
            "cells like 1.23E+17",
            zh=f"表格软件把编号四舍五入了：拒收主键 {refused} 个，末尾为零的主键 {zeros} 个，形如 1.23E+17 "
            f"的单元格 {cells} 个",
        ),
        measured={"cells": float(total), "refused": float(refused), "round_keys": float(zeros)},
        limits={"cells": float(settings.cells)},
        strength=float(total),
    )


def _floats(table: Table) -> int:
    """Cells of a side table that are nothing but a float of a spreadsheet."""
    import polars as pl

    names = strings(table)
    if not names:
        return 0
    found = table.lazy().select(pl.col(name).str.contains(_FLOAT).sum() for name in names).collect()
    return int(sum(value or 0 for value in found.row(0)))


remedy = advice(
    "Export the column of keys as text, or read it from the database (a `sql` source) instead of a spreadsheet",
    "把主键列按文本导出，或用 `sql` 数据源直接从数据库读取，不要经过表格软件",
)


ZH = Page(
    title="编号被变成了浮点数",
    what_goes_wrong="表格软件打开导出文件又存了一遍：`123456789012345678` 变成 `1.23E+17`，或末尾几位变成零，"
    "前导零也没了。",
    why_it_hurts="行失去主键或与别的行相同，与标注、订单、顾客的关联落空或接错行，而表面上整张表完好无损。",
    how_it_is_detected="被判为四舍五入而拒收的主键；16 位及以上的主键中，十个有九个从第 16 位起全为零（表格软件"
    "只保留 15 位）；输入或附表中内容只是这种浮点数的单元格。有一处即为发现。",
    what_the_remedy_does="建议把该列按文本导出，或直接从数据库读取。",
    not_detected="写全了的、不足 16 位的四舍五入；丢失的前导零。",
    source="Ziemann、Eren、El-Osta，Genome Biology 2016；微软：Excel 只保留 15 位有效数字。",
)

PITFALL = Pitfall("rounded-numbers", "prepare", Settings(), detect, remedy, ZH, rank=2)
