"""Which line of an export is which row: `<name>.rows.json` beside it, by which `forget` finds the lines again.

The formats of other tools have no place for an id. So a digest of every line stands beside, under the id of its row: it
holds while lines are moved or taken out, by us or by others.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from itertools import chain
from pathlib import Path
from typing import Any

from fittingroom.erasing import ours, replace
from fittingroom.store import write_text

ROWS = ".rows.json"


def write_rows(file: Path, ids: Iterable[str]) -> Path:
    """Note the ids of an export's lines, which are in their order."""
    with file.open("rb") as lines:
        told = [[identity, _digest(line)] for identity, line in zip(ids, lines, strict=True)]
    path = file.with_name(f"{file.stem}{ROWS}")
    write_text(path, json.dumps({"rows_of": file.name, "lines": told}) + "\n")
    return path


def exports_without(root: Path, ids: Set[str]) -> list[str]:
    """Take rows out of the exports that lie in the workspace; returns the files' names. The lines go first and then the
    note, so that a kill between them is made good by the next start.
    """
    changed = []
    for path in ours(root, (ROWS,)):
        note = _note(path)
        gone = Counter(digest for identity, digest in note["lines"] if identity in ids)
        if not gone:
            continue
        file = path.parent / Path(note["rows_of"]).name
        if file.is_file():
            stays = Counter(digest for identity, digest in note["lines"] if identity not in ids)
            replace(file, _without(file, gone, stays))
            changed.append(str(file.relative_to(root)))
        kept = [line for line in note["lines"] if line[0] not in ids]
        replace(path, (json.dumps({**note, "lines": kept}) + "\n").encode())
    return sorted(changed)


def showing(root: Path, texts: Set[str], sources: Set[Path]) -> list[str]:
    """Files of JSON lines in the workspace that show one of these texts and are no source: exports of before there were
    notes beside them, or lines that somebody wrote anew.
    """
    if not texts:
        return []
    notes = [(path, _note(path)) for path in ours(root, (ROWS,))]
    noted = {path.parent / Path(note["rows_of"]).name: {line[1] for line in note["lines"]} for path, note in notes}
    found = []
    for path in ours(root, (".jsonl", ".ndjson")):
        known = noted.get(path, set[str]())  # lines of other rows, which may say the same
        with path.open("rb") as lines:
            shown = (one for line in lines if not known or _digest(line) not in known for one in _strings(line))
            if path.resolve() not in sources and any(one in texts for one in shown):
                found.append(str(path.relative_to(root)))
    return sorted(found)


def _digest(line: bytes) -> str:
    return hashlib.blake2b(line.rstrip(b"\r\n"), digest_size=8).hexdigest()


def _note(path: Path) -> dict[str, Any]:
    """What stands in a note; nothing for a file of somebody else's that is called like one."""
    try:
        value = json.loads(path.read_bytes())
        lines = [[str(identity), str(digest)] for identity, digest in value["lines"]]
        return {"rows_of": str(value["rows_of"]), "lines": lines}
    except (ValueError, KeyError, TypeError):
        return {"rows_of": "", "lines": []}


def _without(file: Path, gone: Counter[str], stays: Counter[str]) -> bytes:
    """Equal lines are as good as each other: of them as many go as rows do. Those of rows that stay are left, also
    where the others went already, before a kill.
    """
    with file.open("rb") as lines:
        there = Counter(map(_digest, lines))
    gone = Counter({digest: min(count, there[digest] - stays[digest]) for digest, count in gone.items()})
    kept = []
    with file.open("rb") as lines:
        for line in lines:
            digest = _digest(line)
            if gone[digest] > 0:
                gone[digest] -= 1
            else:
                kept.append(line)
    return b"".join(kept)


def _strings(line: bytes) -> Iterator[str]:
    """Every text in a line of JSON."""
    try:
        waiting: list[Any] = [json.loads(line)]
    except (ValueError, RecursionError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            waiting += chain(value.values() if isinstance(value, dict) else value)
