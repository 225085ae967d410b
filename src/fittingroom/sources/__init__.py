"""Where rows come from: one module per kind, each with four functions.

    check(config, context)          raises SourceError for a source that cannot be opened
    read(config, context, reject)   yields batches of Arrow string columns; what cannot be read goes to `reject`
    fingerprint(config, context)    digest of the content (of SQL: of the rows that the query returns, read anew)
    size(config, context)           about how many rows there are, for the progress line

Every value is read as a string: an order number of 18 digits, a leading zero or the word "NA" must survive as it is.
`role` says what the rows are for; that is `prepare`'s matter, not a reader's.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.sources import chat, csv, excel, hub, jsonl, parquet, social, sql, weblog
from fittingroom.sources.config import SourceConfig

_KINDS: dict[str, ModuleType] = {
    "sql": sql,
    "csv": csv,
    "excel": excel,
    "jsonl": jsonl,
    "parquet": parquet,
    "weblog": weblog,
    "social": social,
    "chat": chat,
    "hub": hub,
}


def open_source(config: SourceConfig) -> ModuleType:
    """The module that reads this kind of source."""
    return _KINDS[config.kind]


def named(sources: Sequence[SourceConfig]) -> list[tuple[str, SourceConfig]]:
    """Every source with its name: its own, or its kind and position (`sql-1`). Raises RecipeError for a name twice."""
    pairs = [(source.name or f"{source.kind}-{place}", source) for place, source in enumerate(sources, start=1)]
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise RecipeError(
                f"two sources are named {name!r}; give each its own name",
                f"有两个数据源都叫 {name!r}；请各取一个名字",
                place="sources",
            )
        seen.add(name)
    return pairs


def check_source(config: SourceConfig, context: Context) -> None:
    """Raise SourceError or RecipeError when a source cannot be opened, before a run is written down."""
    open_source(config).check(config, context)
