"""From a stream of events to examples: what was known of a customer before a moment, and what was bought then.

One example per customer, moment and title. History, views and searches come from strictly before the moment; goods of
the same moment (a basket) never stand in each other's history, unless `order` says which came first. Nothing is read
but the redacted tables that `prepare` made, and what becomes no example is counted under its reason.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.sources.parts import SortedParts
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.recommend import HISTORY, PERSONAL, SEARCHED, VIEWED, joined, settings_of, title_of
from fittingroom.tasks.recommend_config import RecommendConfig
from fittingroom.types import Rows, row_schema

if TYPE_CHECKING:
    import polars as pl

EVENTS, GOODS = "events", "goods"
_FIELDS = (HISTORY, VIEWED, SEARCHED)
_BATCH = 20_000


class _Event(NamedTuple):
    id: str
    source: str
    row_key: str
    when: datetime | None
    place: float | None
    kind: str
    title: str
    terms: str

    @property
    def moment(self) -> tuple[datetime | None, float | None]:
        return self.when, self.place


def gathered(rows: Rows, task: TaskConfig, context: Context) -> Rows:
    """The rows with the examples that their events make, beside those that came as examples.

    Raises RecipeError for columns that are not there and for input fields that events do not make; UserError where no
    event tells whose it was, when it was, or what was bought.
    """
    settings = settings_of(task)
    _refuse_fields(task, settings)
    events, left_out = _read(rows.tables[EVENTS], settings), Counter[str]()
    known = _titles(rows.tables[GOODS], settings) if GOODS in rows.tables else None
    parts = SortedParts(context.scratch / "gathered", "kept", row_schema(task.input, task.target))
    for batch in rows.kept.batches():
        parts.take(_as_table(batch))
    counts = Counter[str]()
    made: list[dict[str, Any]] = []
    for group, of_one in groupby(_usable(events, left_out), key=lambda event: str(event["group"])):
        counts["customers"] += 1
        for row in _examples(_events_of(of_one, settings, known, left_out), settings, task, counts):
            made.append({**row, "group": group})
        if len(made) >= _BATCH:
            parts.add(made)
            counts["examples"] += len(made)
            made = []
    parts.add(made)
    counts["examples"] += len(made)
    if not counts["examples"]:
        raise _nothing_made(events.height, left_out, settings)
    facts = {"events": events.height, **dict(sorted(counts.items())), "left_out": dict(sorted(left_out.items()))}
    return rows.model_copy(update={"kept": parts.finish(), "facts": {**rows.facts, "gathered": facts}})


# ---------------------------------------------------------------------------------------------- reading


def _read(events: Table, settings: RecommendConfig) -> pl.DataFrame:
    """The events in the order of customer, time, place and id; columns that are not used are left where they are."""
    import polars as pl

    wanted = {"item": settings.item, "kind": settings.kind, "place": settings.order}
    there = events.columns
    for key, column in wanted.items():
        if column and column not in there:
            raise _no_column("order" if key == "place" else key, column, there, EVENTS)
    empty = pl.lit(None, pl.String)
    terms = pl.col(settings.terms) if settings.terms in there else empty
    return (
        events.lazy()
        .select(
            "id", "source", "row_key", "group", "time",
            pl.col(settings.item).alias("item"),
            (pl.col(settings.kind) if settings.kind else empty).alias("kind"),
            terms.alias("terms"),
            (pl.col(settings.order).cast(pl.Float64, strict=False) if settings.order else pl.lit(None, pl.Float64))
            .alias("place"),
        )
        .sort("group", "time", "place", "id")
        .collect()
    )  # fmt: skip


def _usable(events: pl.DataFrame, left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    """Events that say whose they were and when."""
    for event in events.iter_rows(named=True):
        if not event["group"]:
            left_out["no customer"] += 1
        elif event["time"] is None and event["place"] is None:
            left_out["no time"] += 1
        else:
            yield event


def _titles(goods: Table, settings: RecommendConfig) -> dict[str, str]:
    """Key of the goods -> title; goods without a title are there with an empty one."""
    if settings.title not in goods.columns:
        raise _no_column("title", settings.title, goods.columns, GOODS)
    keys, titles = goods.column("row_key").to_pylist(), goods.column(settings.title).to_pylist()
    return {key: title_of(title) for key, title in zip(keys, titles, strict=True)}


def _events_of(
    events: Iterable[Mapping[str, Any]], settings: RecommendConfig, known: Mapping[str, str] | None,
    left_out: Counter[str],
) -> Iterator[_Event]:  # fmt: skip
    """The events of one customer that can be used, with titles for goods."""
    for event in events:
        kind = (event["kind"] or "") if settings.kind else settings.bought[0]
        title, terms = "", title_of(event["terms"])
        if kind in settings.bought or kind == "view":
            item = (event["item"] or "").strip()
            title = title_of(item) if known is None else known.get(item, "")
            if not title:
                left_out["unknown goods" if item and known is not None and item not in known else "no title"] += 1
                continue
        elif kind != "search" or not terms:
            left_out["neither bought, viewed nor searched"] += 1
            continue
        head = (event["id"], event["source"], event["row_key"], event["time"], event["place"])
        yield _Event(*head, kind, title, terms)


# ---------------------------------------------------------------------------------------------- one customer


def _examples(
    events: Iterable[_Event], settings: RecommendConfig, task: TaskConfig, counts: Counter[str]
) -> list[dict[str, Any]]:
    """The examples of one customer, from moments in their order."""
    past = _Past(settings)
    made: deque[list[dict[str, Any]]] = deque(maxlen=settings.moments)
    for _, together in groupby(events, key=lambda event: event.moment):
        now = list(together)
        bought = {event.title: event for event in reversed(now) if event.kind in settings.bought}
        fresh = [event for title, event in bought.items() if settings.rebuy or title not in past.ever]
        counts["bought_before"] += len(bought) - len(fresh)
        if fresh:
            counts["moments_passed_over"] += len(made) == settings.moments
            given = past.fields(now[0].when)
            made.append([_row(event, given, task) for event in fresh])
        past.add(now)
    counts["moments"] += len(made)
    counts["moments_without_history"] += sum(not past_of(moment[0]) for moment in made)
    return [row for moment in made for row in moment]


def past_of(row: Mapping[str, Any]) -> bool:
    """Whether anything is known of the customer in an example."""
    return any(row["input"].values())


class _Past:
    """What is known of a customer so far."""

    def __init__(self, settings: RecommendConfig) -> None:
        self._settings = settings
        self.ever: set[str] = set()
        self._bought: dict[str, None] = {}
        """Titles, the newest last."""
        self._seen: dict[str, datetime | None] = {}
        self._searched: tuple[str, datetime | None] = ("", None)

    def add(self, events: Iterable[_Event]) -> None:
        """What happened at one moment."""
        for event in events:
            if event.kind in self._settings.bought:
                self.ever.add(event.title)
                self._bought.pop(event.title, None)
                self._bought[event.title] = None
            elif event.kind == "view":
                self._seen.pop(event.title, None)
                self._seen[event.title] = event.when
            else:
                self._searched = (event.terms, event.when)

    def fields(self, now: datetime | None) -> dict[str, str]:
        """What is known at a moment: the newest goods first, what is viewed and searched while it is fresh. Where goods
        are not bought again, all that the customer has: the model is told the newest of them, none is shown again.
        """
        if not self._settings.personal:
            return {HISTORY: "", VIEWED: "", SEARCHED: self._fresh_search(now)}
        viewed = [title for title, when in self._seen.items() if self._fresh(when, now)]
        bought = list(reversed(self._bought))
        return {
            HISTORY: joined(bought[: self._settings.history] if self._settings.rebuy else bought),
            VIEWED: joined(viewed[::-1][: self._settings.viewed]),
            SEARCHED: self._fresh_search(now),
        }

    def _fresh_search(self, now: datetime | None) -> str:
        terms, when = self._searched
        return terms if terms and self._fresh(when, now) else ""

    def _fresh(self, when: datetime | None, now: datetime | None) -> bool:
        """Without times only the order is known: then nothing is too old."""
        return when is None or now is None or now - when <= timedelta(hours=self._settings.session_hours)


def _row(event: _Event, given: Mapping[str, str], task: TaskConfig) -> dict[str, Any]:
    return {
        "id": event.id,
        "source": event.source,
        "row_key": event.row_key,
        "time": event.when,
        "input": {name: given[name] for name in task.input},
        "target": {task.target: event.title},
        "annotations": [],
        "cluster": None,
        "dup_count": 1,
        "edits": [],
    }


def _as_table(batch: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches([batch])


# ---------------------------------------------------------------------------------------------- refusals


def _refuse_fields(task: TaskConfig, settings: RecommendConfig) -> None:
    """Events make three fields and no other; and something must be left to say."""
    other = [name for name in task.input if name not in _FIELDS]
    if other:
        made = ", ".join(_FIELDS)
        raise RecipeError(
            f"events do not make the field {other[0]!r}: of them are made {made}",
            f"事件数据不产生字段 {other[0]!r}：可产生的字段为 {made}",
            place="task.input",
        )
    if not settings.personal and all(name in PERSONAL for name in task.input):
        raise RecipeError(
            "with `personal: false` nothing is left to tell the model: add `searched` to task.input, or serve what is "
            "popular, which needs no model",
            "设为 `personal: false` 后没有任何内容可以告诉模型：请在 task.input 中加入 `searched`，"
            "或直接推荐热门商品，那不需要模型",
            place="task.recommend.personal",
        )


def _no_column(key: str, column: str, there: list[str], table: str) -> RecipeError:
    own = ("id", "source", "row_key", "group", "time")
    listed = ", ".join(name for name in there if name not in own) or "-"
    return RecipeError(
        f"the {table} have no column {column!r}; there are: {listed}. Name the right one, or map it in the source "
        "under `fields`",
        f"{'事件' if table == EVENTS else '商品'}数据没有列 {column!r}；现有：{listed}。"
        "请改为正确的列名，或在数据源的 `fields` 中对应",
        place=f"task.recommend.{key}",
    )


def _nothing_made(events: int, left_out: Mapping[str, int], settings: RecommendConfig) -> UserError:
    """Say what is missing: the reason most events went for."""
    told = ", ".join(f"{reason}: {count}" for reason, count in sorted(left_out.items())) or "-"
    most = max(left_out, key=lambda reason: (left_out[reason], reason), default="")
    en, zh = _ADVICE.get(most, _ADVICE[""])
    return UserError(
        f"none of {events} events makes an example ({told}): {en}",
        f"{events} 个事件中没有一个能成为样本（{told}）：{zh}",
        place=EVENTS,
    )


_ADVICE = {
    "no customer": (
        "name the column of the customer (or basket) in the source: `group:`",
        "请在数据源中指定客户（或购物篮）列：`group:`",
    ),
    "no time": (
        "name the column of the time in the source (`time:`) or that of the order under `task.recommend.order`",
        "请在数据源中指定时间列（`time:`），或用 `task.recommend.order` 指定先后顺序列",
    ),
    "unknown goods": (
        "`task.recommend.item` must hold the `key` of the source of goods",
        "`task.recommend.item` 列必须是商品数据源的 `key`",
    ),
    "no title": (
        "`task.recommend.item` (or `title` of the goods) must hold titles",
        "`task.recommend.item`（或商品数据的 `title`）必须有标题",
    ),
    "neither bought, viewed nor searched": (
        "say under `task.recommend.bought` which values of `kind` are purchases",
        "请在 `task.recommend.bought` 中写明 `kind` 的哪些取值表示购买",
    ),
    "": ("customers need goods that they did not have, or `rebuy: true`", "客户需要购买过新商品，或设 `rebuy: true`"),
}
