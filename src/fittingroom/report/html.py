"""HTML by functions: a string is text and gets escaped; only what `tag` made is taken as it is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

# Even if something foreign got into the page, a browser would fetch and run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_VOID = {"br", "hr", "img", "meta", "line", "rect", "circle", "path", "polyline"}


class Html(str):
    """Markup that is already safe."""

    __slots__ = ()


Child = str | Html | float | None


def tag(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """An element. `class_` is `class`, an underscore in a name is a hyphen; None and False leave an attribute out."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(_text(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID and not children:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Several pieces in a row."""
    return Html("".join(_safe(child) for child in children if child is not None))


def table(head: list[Child], rows: list[list[Child]], *, class_: str = "") -> Html:
    """A table that scrolls by itself on a narrow screen. Numbers stand right."""
    cells = [tag("tr", *(_cell(value) for value in row)) for row in rows]
    first = rows[0] if rows else []
    kinds = ["number" if place < len(first) and _is_number(first[place]) else None for place in range(len(head))]
    titles = (tag("th", name, class_=kind) for name, kind in zip(head, kinds, strict=True))
    body = tag("table", tag("thead", tag("tr", *titles)), tag("tbody", *cells))
    return tag("div", body, class_=f"scroll {class_}".strip())


def document(title: str, parts: Sequence[Child], language: str) -> str:
    """A whole page with its style inside; nothing is fetched from anywhere, and there is no script."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(files("fittingroom.report").joinpath("templates/style.css").read_text(encoding="utf-8"))),
    )
    body = tag("body", tag("main", *parts))
    return "<!doctype html>\n" + tag("html", head, body, lang=language) + "\n"


def details(summary: Child, *children: Child, opened: bool = False) -> Html:
    """A part that folds, without a script."""
    return tag("details", tag("summary", summary), *children, open=opened)


def number(value: float, digits: int = 3) -> str:
    """A number for people: whole numbers as they are, others with so many digits; very small or large ones as 1e-05."""
    if value != value:
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.{digits}f}" if 10**-digits <= abs(value) < 1e6 else f"{value:.2g}"


def _cell(value: Child) -> Html:
    if isinstance(value, Html) and value.startswith("<td"):
        return value
    return tag("td", value, class_="number" if _is_number(value) else None)


def _is_number(value: Child) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _safe(child: Child) -> str:
    return child if isinstance(child, Html) else escape(_text(child))


def _text(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
