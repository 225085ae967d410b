"""Objects of a JSON file: one per line, in one array, or in a list somewhere inside one document.

An array is read element by element, so that an export of gigabytes needs no memory of its own size. Numbers stay as
they were written.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fittingroom.errors import SourceError
from fittingroom.sources.batching import Item, as_text, parse_object
from fittingroom.sources.files import LONGEST_LINE, Reject, encoding_of, fault_of, lines, unpacked, whole

_CHUNK = 1 << 20
_LARGEST = 500_000_000
_WHITE = " \t\r\n\ufeff"
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


def objects(
    path: Path, place: str, reject: Reject, *, items: str = "", encoding: str = ""
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line, object). Of an array the number is an `Item`: an array may well stand on one line. `items` is the dotted
    path to the list in one document (then the number is the place in it).

    What is no object is rejected. Raises SourceError for an array that breaks off: what follows cannot be told apart.
    """
    encoding = encoding_of(path, encoding, place)
    if items:
        found: Iterator[tuple[int, Any]] = enumerate(_listed(path, place, encoding, items), start=1)
    elif is_array(path, encoding):
        elements = _elements(path, place, encoding)
        found = ((Item(line, item), value) for item, (line, value) in enumerate(elements, start=1))
    else:
        yield from _by_line(path, encoding, reject)
        return
    for number, value in found:
        if isinstance(value, dict):
            yield number, value
        else:
            reject(number, "not a JSON object", as_text(value) or "")


def is_array(path: Path, encoding: str) -> bool:
    """Whether the file begins with `[`."""
    head = next((line[:1000].strip(_WHITE) for _, line in lines(path, encoding) if line[:1000].strip(_WHITE)), "")
    return head.startswith("[")


def _by_line(path: Path, encoding: str, reject: Reject) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in lines(path, encoding):
        text = line.strip(_WHITE)
        if not text:
            continue
        fault = fault_of(line, encoding)
        if not fault:
            try:
                value = parse_object(text)
            except ValueError as error:
                fault = str(error)
        if fault:
            reject(number, fault, text)
        else:
            yield number, value


def _elements(path: Path, place: str, encoding: str) -> Iterator[tuple[int, Any]]:
    """(line of its beginning, element) of one array."""
    text, at, number, ended = "", 0, 1, False
    with whole(path), io.TextIOWrapper(unpacked(path), encoding=encoding, errors="surrogateescape") as file:
        text = file.read(_CHUNK).lstrip("\ufeff")
        at = text.index("[") + 1
        number += text.count("\n", 0, at)
        while True:
            start = _skip(text, at)
            number += text.count("\n", at, start)
            at = start
            if text[at : at + 1] == "]":
                return
            try:
                value, end = _DECODER.raw_decode(text, at)
            except (json.JSONDecodeError, RecursionError) as error:
                if ended or len(text) - at > LONGEST_LINE:
                    raise _broken(place, number) from error
                more = file.read(max(_CHUNK, len(text) - at))
                ended = not more
                text, at = text[at:] + more, 0
                continue
            number, at = number, end
            yield number, value
            number += text.count("\n", start, end)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _listed(path: Path, place: str, encoding: str, items: str) -> list[Any]:
    """The list at a dotted path of one document."""
    with whole(path), io.TextIOWrapper(unpacked(path), encoding=encoding, errors="surrogateescape") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise SourceError(
            f"one document of more than {_LARGEST:,} characters; write its list as JSON lines (jq -c '.{items}[]')",
            f"单个 JSON 文档超过 {_LARGEST:,} 个字符；请改存为 JSON Lines（jq -c '.{items}[]'）",
            place=place,
        )
    try:
        value = _DECODER.decode(text.lstrip("\ufeff"))
    except (json.JSONDecodeError, RecursionError) as error:
        raise _broken(place, getattr(error, "lineno", 1)) from error
    for step in items.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, list):
        raise SourceError(
            f"there is no list at {items!r}; correct `items`", f"{items!r} 处没有列表；请改正 items", place=place
        )
    return value


def _broken(place: str, line: int) -> SourceError:
    return SourceError(
        f"not JSON from line {line} on (cut off, or one object of over {LONGEST_LINE:,} characters); export it anew",
        f"从第 {line} 行起不是合法的 JSON（被截断，或单个对象过大）；请重新导出",
        place=place,
    )
