"""Slices: how well the model does by length, script, source, time, class, and on rare classes.

A mean hides who is served badly. Each slice is told with its interval, and with the word `few` where its rows come from
fewer than 30 customers or conversations: such an interval is wide, and its ends are not to be trusted to the digit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.statistics.intervals import Resamples, resamples
from fittingroom.text.language import script_of
from fittingroom.types import Interval, Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.statistics.judging import Exam

WORDS: dict[str, Text] = {
    name: Text(en=en, zh=zh)
    for name, en, zh in (
        ("length", "length (characters)", "长度（字符）"),
        ("script", "script", "文字种类"),
        ("source", "source", "数据源"),
        ("class", "true class", "真实类别"),
        ("time", "time", "时间"),
        ("frequency", "classes in train", "训练集中的类别"),
        ("rare", "rare", "罕见"),
        ("common", "common", "常见"),
        ("scope", "scope", "范围"),
        ("in scope", "in scope", "范围之内"),
        ("out of scope", "out of scope", "范围之外"),
        ("goods", "goods", "商品"),
        ("customer", "customer", "客户"),
        ("history", "things known of the customer", "已知的客户记录数"),
        ("known", "known", "已知"),
        ("new", "new", "新"),
        ("zh", "Chinese", "中文"),
        ("en", "English", "英文"),
        ("mixed", "mixed", "混合"),
        ("other", "other", "其他"),
    )
}
"""Kinds of slices and names of slices that are words of ours; labels, sources and limits stand for themselves."""
_NAMED = frozenset({"script", "frequency", "scope", "goods", "customer"})
"""Kinds whose slices are named by such words."""
FEW = 30
"""Groups below which a slice is told to be small."""
_REPLICATES = 400


def slice_name(by: str, value: str) -> Text:
    """A slice in words: its kind, and which of them."""
    kind = WORDS.get(by, Text(en=by, zh=by))
    which = value_name(by, value)
    return Text(en=f"{kind.en} {which.en}".rstrip(), zh=f"{kind.zh} {which.zh}".rstrip())


def value_name(by: str, value: str) -> Text:
    """Which slice of its kind it is: a word of ours, else as it is."""
    return WORDS.get(value, Text(en=value, zh=value)) if by in _NAMED else Text(en=value, zh=value)


class Cut(NamedTuple):
    """One way to divide the rows."""

    by: str
    column: Sequence[str]
    """[n]: the slice of each row; empty for a row that belongs to none."""
    order: Sequence[str]
    """Names of the slices, in the order in which they are shown."""


def cuts(exam: Exam, *, rare: Mapping[str, int] | None = None, rare_below: int = 0, outside: str = "") -> list[Cut]:
    """Length (terciles, in characters), script, source, time (terciles, where rows tell theirs).

    `rare`: class -> rows in train; then also true class, and rare against common classes. `outside`: the label that
    means none of the others; then also in and out of scope.
    """
    made = [_by_length(exam), _plain("script", [script_of(text) for text in exam.texts()])]
    made += [_plain("source", exam.sources), *_by_time(exam)]
    if rare is not None:
        made.append(_plain("class", exam.targets))
        column = ["rare" if rare.get(label, 0) < rare_below else "common" for label in exam.targets]
        made.append(Cut("frequency", column, ["rare", "common"]))
    if outside:
        column = ["out of scope" if label == outside else "in scope" for label in exam.targets]
        made.append(Cut("scope", column, ["in scope", "out of scope"]))
    return made


def sliced(
    made: Sequence[Cut],
    units: Sequence[str],
    metric: str,
    score: Callable[[NDArray[np.int64], Resamples], Interval | None],
    *,
    seed: int,
) -> list[dict[str, Any]]:
    """Each slice: by, value, rows, groups, few, metric, the metric's value under its own name, low, high.

    `units` [n] are what is resampled; `score` judges the rows at the places it is given on the draws it is given (None
    where the metric applies to none of them: the slice is left out).
    """
    import numpy as np

    found: list[dict[str, Any]] = []
    for by, column, order in made:
        kinds = np.asarray(column, dtype=object)
        for value in dict.fromkeys(order):
            places = np.flatnonzero(kinds == value)
            if not len(places):
                continue
            drawn = resamples([units[place] for place in places.tolist()], replicates=_REPLICATES, seed=seed)
            judged = score(places, drawn)
            if judged is None:
                continue
            entry = {"by": by, "value": value, "rows": len(places), "groups": drawn.groups, "few": drawn.groups < FEW}
            found.append({**entry, "metric": metric, metric: judged.value, "low": judged.low, "high": judged.high})
    return found


def _plain(by: str, column: Sequence[str]) -> Cut:
    return Cut(by, column, sorted(set(column)))


def _by_length(exam: Exam) -> Cut:
    import numpy as np

    lengths = np.array([len(text) for text in exam.texts()])
    limits = np.quantile(lengths, [1 / 3, 2 / 3]).astype(np.int64)
    names = [f"≤ {limits[0]}", f"{limits[0] + 1} – {limits[1]}", f"> {limits[1]}"]
    return Cut("length", [names[int((length > limits).sum())] for length in lengths], names)


def _by_time(exam: Exam) -> list[Cut]:
    """Terciles of the rows that tell their time; none where fewer than three different days do."""
    there = [stamp for stamp in exam.times if stamp is not None]
    days = sorted({stamp.date() for stamp in there})
    if len(days) < 3:
        return []
    limits = [sorted(stamp.date() for stamp in there)[int(len(there) * share)] for share in (1 / 3, 2 / 3)]
    names = [f"< {limits[0]}", f"{limits[0]} – {limits[1]}", f"≥ {limits[1]}"]
    column = ["" if stamp is None else names[bisect_right(limits, stamp.date())] for stamp in exam.times]
    return [Cut("time", column, names)]
