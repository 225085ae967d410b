"""Small charts as inline SVG. Colours come from the page's variables, so they follow dark mode.

Drawn 380 units wide: on a phone one unit is about one pixel, and the text stays readable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from fittingroom.report.html import Html, number, tag

WIDTH = 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 8, 24
_MOST_POINTS = 300


class Line(NamedTuple):
    """A curve."""

    name: str
    points: list[tuple[float, float]]
    colour: int = 1
    """1 to 4: the page's chart colours."""


class Bar(NamedTuple):
    """A value with its interval."""

    name: str
    value: float
    low: float
    high: float
    ours: bool = False


def lines(
    curves: Sequence[Line], *, title: str, mark: float | None = None, mark_name: str = "", log: bool = False
) -> Html:
    """Curves over steps (`log`: over the logarithm of what is above 0), with an optional vertical mark. Values that are
    no finite numbers are left out.
    """
    if log:
        curves = [curve._replace(points=[(math.log10(x), y) for x, y in curve.points if x > 0]) for curve in curves]
        mark = None if mark is None else math.log10(mark)
    curves = [Line(curve.name, _thinned(curve.points), curve.colour) for curve in curves]
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return Html("")
    height = 190
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    across = _Scale(min(xs), max(xs), _LEFT, WIDTH - _RIGHT)
    up = _Scale(min(ys), max(ys), height - _BOTTOM, _TOP)
    parts = _axes(across, up, height, log=log)
    if mark is not None and across.low <= mark <= across.high:
        x = across.at(mark)
        parts.append(tag("line", x1=x, x2=x, y1=_TOP, y2=height - _BOTTOM, class_="mark"))
        anchor = "end" if x > WIDTH / 2 else "start"
        parts.append(_label(mark_name, x + (-4 if anchor == "end" else 4), _TOP + 10, anchor))
    for curve in curves:
        drawn = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in curve.points)
        parts.append(tag("polyline", points=drawn, class_=f"curve c{curve.colour}"))
        if len(curve.points) <= 40:
            parts += [
                tag("circle", cx=across.at(x), cy=up.at(y), r=2.5, class_=f"dot c{curve.colour}")
                for x, y in curve.points
            ]
    legend = tag("p", *(tag("span", curve.name, class_=f"key c{curve.colour}") for curve in curves), class_="legend")
    return tag("figure", tag("figcaption", title), _svg(parts, height, title), legend)


def scatter(points: Sequence[tuple[float, float]], *, title: str, log: bool = False) -> Html:
    """Points, across on a logarithmic axis where `log` says so."""
    points = _thinned([(math.log10(x) if log and x > 0 else x, y) for x, y in points])
    if not points:
        return Html("")
    height = 190
    across = _Scale(min(x for x, _ in points), max(x for x, _ in points), _LEFT, WIDTH - _RIGHT)
    up = _Scale(min(y for _, y in points), max(y for _, y in points), height - _BOTTOM, _TOP)
    parts = _axes(across, up, height, log=log)
    parts += [tag("circle", cx=across.at(x), cy=up.at(y), r=4, class_="point ours") for x, y in points]
    return tag("figure", tag("figcaption", title), _svg(parts, height, title))


def bars(values: Sequence[Bar], *, title: str, limit: float | None = None, limit_name: str = "") -> Html:
    """Values from 0 to 1 with their intervals, one below the other; ours stands out; a limit is a line."""
    step, head = 34, 18 if limit is not None else 4
    height = head + step * len(values) + 20
    across = _Scale(0.0, 1.0, 8, WIDTH - 12, pad=False)
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = across.at(tick)
        parts.append(tag("line", x1=x, x2=x, y1=head, y2=height - 18, class_="grid"))
        parts.append(_label(number(tick, 2), x, height - 5, "middle"))
    for place, bar in enumerate(values):
        y = head + step * place + 24
        kind = "ours" if bar.ours else "theirs"
        parts.append(_label(f"{bar.name}  {bar.value:.3f}", 10, y - 10, "start", strong=bar.ours))
        parts.append(tag("line", x1=across.at(bar.low), x2=across.at(bar.high), y1=y, y2=y, class_=f"span {kind}"))
        parts.append(tag("circle", cx=across.at(bar.value), cy=y, r=5, class_=f"point {kind}"))
    if limit is not None:
        x = across.at(limit)
        parts.append(tag("line", x1=x, x2=x, y1=head - 4, y2=height - 18, class_="mark"))
        parts.append(_label(limit_name, x, 11, "end" if x > WIDTH / 2 else "start"))
    return tag("figure", tag("figcaption", title), _svg(parts, height, title))


def reliability(bins: Sequence[dict[str, float]], *, title: str, across_name: str, up_name: str) -> Html:
    """Accuracy over confidence: on the diagonal the model is as sure as it is right; the area of a dot is its rows."""
    height = 280
    across = _Scale(0.0, 1.0, _LEFT, WIDTH - _RIGHT, pad=False)
    up = _Scale(0.0, 1.0, height - 36, _TOP, pad=False)
    parts = _axes(across, up, height - 12)
    parts.append(tag("line", x1=across.at(0), y1=up.at(0), x2=across.at(1), y2=up.at(1), class_="mark"))
    most = max((entry["rows"] for entry in bins), default=1)
    for entry in bins:
        x, y = across.at(entry["confidence"]), up.at(entry["accuracy"])
        parts.append(tag("circle", cx=x, cy=y, r=3 + 9 * math.sqrt(entry["rows"] / most), class_="bubble"))
    parts.append(_label(f"{across_name} →", WIDTH - _RIGHT, height - 2, "end"))
    parts.append(_label(f"↑ {up_name}", _LEFT + 4, _TOP + 10, "start"))
    return tag("figure", tag("figcaption", title), _svg(parts, height, title))


def heat(matrix: Sequence[Sequence[int]], *, title: str) -> Html:
    """A confusion matrix too large for numbers: one square per cell, as dark as its share of the row."""
    many = len(matrix)
    side = (WIDTH - 4) / max(many, 1)
    parts = [tag("rect", x=2, y=2, width=WIDTH - 4, height=WIDTH - 4, class_="plate")]
    for i, row in enumerate(matrix):
        total = max(sum(row), 1)
        for j, cell in enumerate(row):
            if cell:
                kind = "right" if i == j else "wrong"
                parts.append(
                    tag(
                        "rect",
                        x=2 + j * side,
                        y=2 + i * side,
                        width=side,
                        height=side,
                        class_=kind,
                        opacity=cell / total,
                    )
                )
    return tag("figure", tag("figcaption", title), _svg(parts, WIDTH, title))


class _Scale:
    """From values to places on the paper; a range without width gets one."""

    def __init__(self, low: float, high: float, start: float, end: float, *, pad: bool = True) -> None:
        if high - low < 1e-12:
            low, high = low - 0.5, high + 0.5
        elif pad and start > end:  # upwards: some air above and below
            low, high = low - (high - low) * 0.05, high + (high - low) * 0.05
        self.low, self.high, self._start, self._end = low, high, start, end

    def at(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        """About four round numbers."""
        raw = (self.high - self.low) / 4
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
        first = math.ceil(self.low / step - 1e-9)
        return [round(place * step, 12) for place in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _axes(across: _Scale, up: _Scale, height: float, *, log: bool = False) -> list[Html]:
    parts = []
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(_label(f"{tick:g}", _LEFT - 5, y + 4, "end"))
    for tick in across.ticks():
        shown = f"{10**tick:.1g}" if log else f"{tick:g}"
        parts.append(_label(shown, across.at(tick), height - _BOTTOM + 14, "middle"))
    return parts


def _label(text: str, x: float, y: float, anchor: str, *, strong: bool = False) -> Html:
    return tag("text", text, x=x, y=y, text_anchor=anchor, class_="strong" if strong else None)


def _svg(parts: Sequence[Html], height: float, title: str) -> Html:
    return tag("svg", tag("title", title), *parts, viewBox=f"0 0 {WIDTH} {height:g}", role="img")


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Finite points only, and of very many every so-many-th and the last."""
    finite = [point for point in points if math.isfinite(point[0]) and math.isfinite(point[1])]
    if len(finite) <= _MOST_POINTS:
        return finite
    every = -(-len(finite) // _MOST_POINTS)
    return [*finite[:-1:every], finite[-1]]
