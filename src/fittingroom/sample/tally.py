"""Planted, found, missed, false: one line per kind of fault, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fittingroom.types import Frozen


class Line(Frozen):
    """One kind of fault."""

    kind: str
    planted: int
    found: int
    missed: int
    false: int | None = None
    """Found where none was planted and none is; None where the question has no meaning."""
    note: str = ""

    @property
    def recall(self) -> float | None:
        """Found of planted."""
        return self.found / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        """Right of what was found."""
        if self.false is None or not self.found + self.false:
            return None
        return self.found / (self.found + self.false)


def measure_broken(name: str, broken: Iterable[int], rejected: Iterable[int]) -> Line:
    """Broken lines of a file against those that `prepare` rejected, by line number."""
    planted, seen = set(broken), set(rejected)
    found = len(planted & seen)
    return Line(
        kind=f"broken lines: {name}",
        planted=len(planted),
        found=found,
        missed=len(planted) - found,
        false=len(seen - planted),
    )


def table(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table."""
    head = "| Kind | planted | found | missed | false | precision | recall | note |"
    rows = [head, "|---|---:|---:|---:|---:|---:|---:|---|"]
    for line in lines:
        false = "–" if line.false is None else str(line.false)
        rows.append(
            f"| {line.kind} | {line.planted} | {line.found} | {line.missed} | {false} | {_share(line.precision)} | "
            f"{_share(line.recall)} | {line.note} |"
        )
    return "\n".join(rows) + "\n"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
