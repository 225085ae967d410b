"""How a line of an access log is taken apart: the combined and common formats, or any nginx `log_format`.

The string of `log_format` may be pasted as it stands in nginx.conf, with or without the directive, its name, its quotes
and line breaks. What nginx escapes (`\\"`, `\\xE5`, or JSON with `escape=json`) is read back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from fittingroom.errors import RecipeError

QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(
    rf"^(\S+) \S+ (.{{1,200}}?) \[([^\]]{{10,40}})\] {QUOTED} (\d{{3}}) (\d+|-)(?: {QUOTED} {QUOTED})?(?:\s.*)?$"
)
_REQUEST = re.compile(r"^([A-Z]{3,10}) (\S+)(?: HTTP/[\d.]+)?$")
_HEX = re.compile(r"\\x([0-9A-Fa-f]{2})")
_DIRECTIVE = re.compile(r"^\s*log_format\s+\S+\s+")
_ESCAPE = re.compile(r"^\s*escape=(default|json|none)\s+")
_PIECE = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*""", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_SHAPES = {
    "time_local": r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}(?: [+-]\d{4})?",
    "time_iso8601": r"\d{4}-\d{2}-\d{2}T[\d:.]+(?:[+-]\d{2}:?\d{2}|Z)?",
    "msec": r"\d+(?:\.\d+)?",
    "status": r"\d{3}",
    "request_method": r"[A-Z]{0,10}",
    "remote_addr": r"[^\s\"\[\],|]*",
    "uri": r"\S*",
    "request_uri": r"\S*",
    "args": r"\S*",
    "query_string": r"\S*",
}
_TIMES = ("time_iso8601", "time_local", "msec")
_ADDRESSES = ("http_x_forwarded_for", "http_x_real_ip", "realip_remote_addr", "remote_addr", "remote_user")


@dataclass(frozen=True, slots=True)
class Hit:
    """One request of a log. `agent` is None when the format does not tell it."""

    address: str
    time: str
    method: str
    target: str
    status: str
    agent: str | None


Reader = Callable[[str], Hit | None]
"""A line -> what it says, or None when it is in another format."""


def reader(form: str, place: str) -> tuple[Reader, str]:
    """The reader of a format and the format's name for messages. Raises RecipeError for one that says too little."""
    if form in ("", "combined", "common"):
        return _common, "the common or combined log format"
    return _compiled(form, place), "the log_format of the recipe"


def _common(line: str) -> Hit | None:
    found = _COMBINED.match(line)
    if found is None:
        return None
    address, _, time, request, status, _, _, agent = found.groups()
    return Hit(address, time, *_target(request), status, agent)


def _target(request: str) -> tuple[str, str]:
    """Method and target of a request line; nginx writes bytes beyond ASCII as \\xE5."""
    found = _REQUEST.match(_HEX.sub(r"%\1", request.replace('\\"', '"')))
    return (found.group(1), found.group(2)) if found else ("", "")


def _compiled(form: str, place: str) -> Reader:
    text, escape = _text_of(form)
    pattern, names = _pattern(text)
    time = next((name for name in _TIMES if name in names), "")
    if not time or not ({"request", "request_uri", "uri"} & set(names)):
        raise RecipeError(
            "the log_format must hold a time ($time_local, $time_iso8601 or $msec) and a request ($request, "
            "$request_uri or $uri)",
            "log_format 中必须有时间（$time_local、$time_iso8601 或 $msec）和请求（$request、$request_uri 或 $uri）",
            place=place,
        )
    addresses = [name for name in _ADDRESSES if name in names]

    def read(line: str) -> Hit | None:
        found = pattern.fullmatch(line)
        if found is None:
            return None
        values = {name: _plain(value or "", escape) for name, value in zip(names, found.groups(), strict=True)}
        shown = next((values[name] for name in addresses if values[name] not in ("", "-")), "")
        method, target = _asked(values)
        agent = values.get("http_user_agent")
        status = values.get("status", "")
        return Hit(shown.partition(",")[0].strip(), values[time], method, target, status, agent)

    return read


def _text_of(form: str) -> tuple[str, str]:
    """The format itself and how it escapes, of a directive pasted from nginx.conf."""
    text = _DIRECTIVE.sub("", form.strip()).rstrip().removesuffix(";").rstrip()
    escape = _ESCAPE.match(text)
    if escape:
        text = text[escape.end() :]
    pieces = list(_PIECE.finditer(text))
    if pieces and "".join(piece.group() for piece in pieces) == text:
        parts = (piece.group(1) if piece.group(1) is not None else piece.group(2) for piece in pieces)
        text = "".join(re.sub(r"\\(['\"\\])", r"\1", part) for part in parts)
    return text, escape.group(1) if escape else "default"


def _pattern(text: str) -> tuple[re.Pattern[str], list[str]]:
    """A pattern with one group per variable, and the variables' names (a repeated one counts the first time)."""
    names: list[str] = []
    pattern, end = "", 0
    for found in _VARIABLE.finditer(text):
        pattern += re.escape(text[end : found.start()])
        name = found.group(1) or found.group(2)
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        if before == after == '"':
            shape = r'(?:[^"\\]|\\.)*'
        elif before == "[" and after == "]":
            shape = r"[^\]]*"
        else:
            shape = _SHAPES.get(name, r".*?")
        if name in names:
            pattern += f"(?:{shape})"
        else:
            pattern += f"({shape})"
            names.append(name)
        end = found.end()
    return re.compile(pattern + re.escape(text[end:]) + r"\s*"), names


def _asked(values: dict[str, str]) -> tuple[str, str]:
    if "request" in values:
        return _target(values["request"])
    target = values.get("request_uri") or values.get("uri", "")
    query = values.get("args", values.get("query_string", ""))
    if "request_uri" not in values and query not in ("", "-"):
        target += f"?{query}"
    return values.get("request_method", ""), _HEX.sub(r"%\1", target)


def _plain(value: str, escape: str) -> str:
    if escape == "json" and "\\" in value:
        try:
            return str(json.loads(f'"{value}"'))
        except ValueError:
            return value
    return value
