"""Labels by people, waiting for the rows they speak of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from fittingroom.errors import RecipeError
from fittingroom.sources.config import SourceConfig

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass
class Told:
    """One person's label for one row. `annotator` is a pseudonym."""

    source: str
    line: int
    annotator: str
    label: str
    time: datetime | None = None
    used: bool = False


class Annotations:
    """All annotations by the id of their row."""

    def __init__(self) -> None:
        self._told: dict[str, list[Told]] = {}

    def add(self, identity: str, told: Told) -> None:
        """Keep an annotation under the id of its row."""
        self._told.setdefault(identity, []).append(told)

    def of(self, identity: str) -> list[dict[str, str]]:
        """The annotations of a row by annotator, what each said last at the end; they count as used. The last word is
        the newest where the source names a `time`, else the one that is read last.
        """
        told = sorted(self._told.get(identity, ()), key=lambda one: (one.annotator, one.time or _LONG_AGO))
        for one in told:
            one.used = True
        return [{"annotator": one.annotator, "label": one.label} for one in told]

    @property
    def ids(self) -> Set[str]:
        """The rows that are spoken of."""
        return self._told.keys()

    def __iter__(self) -> Iterator[Told]:
        for told in self._told.values():
            yield from told


def target_source(name: str, source: SourceConfig, examples: Sequence[str]) -> str:
    """The name of the source whose rows are annotated. Raises RecipeError when the recipe leaves it open."""
    of = source.of or (examples[0] if len(examples) == 1 else "")
    if of not in examples:
        raise RecipeError(
            f"`of` must name the source of the annotated rows; there are: {', '.join(examples)}",
            f"of 必须写明被标注的数据源；现有：{'、'.join(examples)}",
            place=f"sources.{name}.of",
        )
    if not source.key:
        raise RecipeError(
            "annotations need `key`: the column that names the annotated row",
            "标注数据源需要 key：指出被标注行的列",
            place=f"sources.{name}.key",
        )
    return of
