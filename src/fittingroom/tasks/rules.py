"""Weak labels: rules of the recipe that name a label for rows that nobody labelled.

A rule asks for keywords, a regular expression or a SQL condition; where several stand in one rule, all must hold. Rules
are guesses: they never speak against a person, and rows on which they contradict each other get no label from them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field, model_validator

from fittingroom.errors import RecipeError
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.leaving import placed
from fittingroom.tasks.rows import texts
from fittingroom.types import Frozen

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

_WORDY = re.compile(r"[a-z0-9]")


class LabelRule(Frozen):
    """One guess at a label."""

    label: str = Field(min_length=1)
    """What rows get on which the rule holds."""
    keywords: list[str] = Field(default_factory=list)
    """One of them stands in the text, whatever the case or width; `fit` is not found in `benefit`."""
    regex: str = ""
    """Found somewhere in the text (Rust's dialect: linear time, no look-around; `(?i)` ignores case)."""
    where: str = ""
    """A SQL condition on the input fields, `source` and `time`, such as `length(text) < 20 and text like '%退%'`."""

    @model_validator(mode="after")
    def _asks(self) -> LabelRule:
        if not (self.keywords or self.regex or self.where):
            raise ValueError("a rule needs keywords, regex or where")
        if any(not word.strip() for word in self.keywords):
            raise ValueError("an empty keyword would hold everywhere")
        return self


class Weak(NamedTuple):
    """What the rules say of the rows of a table."""

    votes: Mapping[int, Sequence[int]]
    """Row -> numbers of the rules that hold, for the rows on which any does."""
    rules: Sequence[LabelRule]
    rows: int
    """Rows of the table."""

    def labels(self, row: int) -> list[str]:
        """The different labels that rules name for a row, by how many rules name them, then by name."""
        counts: dict[str, int] = {}
        for number in self.votes[row]:
            counts[self.rules[number].label] = counts.get(self.rules[number].label, 0) + 1
        return sorted(counts, key=lambda name: (-counts[name], name))

    def facts(self, people: Sequence[str | None], given: int, disagreeing: int) -> dict[str, Any]:
        """Coverage, overlaps and conflicts, of all rules and of each; where people spoke, how often a rule says the
        same. `people` holds the label that people gave a row, or None.
        """
        every = [
            {"label": rule.label, "rows": 0, "overlaps": 0, "conflicts": 0, "checked": 0, "right": 0}
            for rule in self.rules
        ]
        overlaps = conflicts = 0
        for row, votes in self.votes.items():
            several = len(votes) > 1
            against = several and len(self.labels(row)) > 1
            overlaps += several
            conflicts += against
            for number in votes:
                mine: dict[str, Any] = every[number]
                mine["rows"] += 1
                mine["overlaps"] += several
                mine["conflicts"] += against and any(
                    self.rules[other].label != self.rules[number].label for other in votes
                )
                mine["checked"] += people[row] is not None
                mine["right"] += people[row] == self.rules[number].label
        return {
            "covered": len(self.votes),
            "coverage": round(len(self.votes) / self.rows, 6) if self.rows else 0.0,
            "overlaps": overlaps,
            "conflicts": conflicts,
            "labelled": given,
            "disagreeing": disagreeing,
            "by_rule": every,
        }


def hold(table: Table, rules: Sequence[LabelRule], task: TaskConfig) -> Weak:
    """Which rules hold on which rows. Raises RecipeError that names the rule that cannot be used."""
    votes: dict[int, list[int]] = {}
    for part, rows in placed(table):
        votes |= {part.start + row: found for row, found in _holding(rows, rules, task).items()}
    return Weak(votes, rules, table.rows)


def _holding(table: pa.Table, rules: Sequence[LabelRule], task: TaskConfig) -> dict[int, list[int]]:
    """Row of this part -> numbers of the rules that hold."""
    import numpy as np
    import polars as pl

    said = texts(table, task)
    frame: pl.DataFrame | None = None
    held = np.ones((len(rules), len(said)), dtype=bool)
    folded = pl.Series("text", [_folded(text) for text in said], dtype=pl.String)
    plain = pl.Series("text", said, dtype=pl.String)
    for number, rule in enumerate(rules):
        place = f"label.rules.{number}"
        if rule.keywords:
            held[number] &= _found(folded, _keyword_pattern(rule.keywords), f"{place}.keywords")
        if rule.regex:
            held[number] &= _found(plain, rule.regex, f"{place}.regex")
        if rule.where:
            frame = _frame(table, task) if frame is None else frame
            held[number] &= _condition(frame, rule.where, f"{place}.where")
    return {row: np.flatnonzero(held[:, row]).tolist() for row in np.flatnonzero(held.any(axis=0)).tolist()}


def has_keyword(said: Sequence[str], keywords: Sequence[str]) -> list[bool]:
    """Whether each text holds one of the keywords, as rules understand them."""
    import polars as pl

    folded = pl.Series("text", [_folded(text) for text in said], dtype=pl.String)
    return [bool(one) for one in _found(folded, _keyword_pattern(keywords), "keywords")]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _keyword_pattern(keywords: Sequence[str]) -> str:
    """A Latin letter or digit at a keyword's edge must not go on outside; Chinese words have no edges to look for."""
    found = []
    for keyword in keywords:
        word = _folded(keyword).strip()
        left = "(?:^|[^a-z0-9])" if _WORDY.match(word[0]) else ""
        right = "(?:$|[^a-z0-9])" if _WORDY.match(word[-1]) else ""
        found.append(f"{left}{re.escape(word)}{right}")
    return "|".join(found)


def _found(said: pl.Series, pattern: str, place: str) -> NDArray[np.bool_]:
    import polars as pl

    try:
        return said.str.contains(pattern, literal=False, strict=True).to_numpy()
    except pl.exceptions.PolarsError:
        raise RecipeError(
            "is no regular expression that can be used (look-around and back-references do not exist here)",
            "不是可用的正则表达式（不支持环视与反向引用）",
            place=place,
        ) from None


def _frame(table: pa.Table, task: TaskConfig) -> pl.DataFrame:
    """Input fields under their own names, beside `source` and `time`."""
    import polars as pl

    whole = pl.from_arrow(table.select(["source", "time", "input"]))
    assert isinstance(whole, pl.DataFrame)
    own = [name for name in ("source", "time") if name not in task.input]
    return whole.select(*own, *(pl.col("input").struct.field(name) for name in task.input))


def _condition(frame: pl.DataFrame, where: str, place: str) -> NDArray[np.bool_]:
    import polars as pl

    try:
        found = frame.select(pl.sql_expr(where).alias("held"))["held"]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise RecipeError(
            f"is no SQL condition on these columns: {', '.join(frame.columns)}",
            f"不是针对这些列的 SQL 条件：{'、'.join(frame.columns)}",
            place=place,
        ) from None
    if found.dtype != pl.Boolean:
        raise RecipeError(
            "must be true or false for every row, such as `length(text) < 20`",
            "必须对每一行给出真或假，例如 `length(text) < 20`",
            place=place,
        )
    if len(found) == 1 and frame.height != 1:  # a condition without a column
        found = pl.Series([found[0]] * frame.height, dtype=pl.Boolean)
    return found.fill_null(False).to_numpy()
