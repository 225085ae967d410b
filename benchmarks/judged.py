"""What tools made of the same texts, judged by one definition for all.

Dedup: two texts are alike when the sets of character 5-grams of their match keys (`fittingroom.text.similarity`) have a
Jaccard index of 0.7; texts shorter than that only when their keys are equal. Recall: of the planted copies that are
alike to their original, those of which not both were kept. A false removal is a removed row with no kept row alike to
it; whether there is one is decided exactly, not by MinHash: if two sets overlap by 0.7, at least one of any
|A| - ceil(0.7 |A|) + 1 elements of A is in B, so all rows are looked through for those.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fittingroom.text.bands import GRAM, grams
from fittingroom.text.similarity import match_key

ALIKE = 0.7


def read(folder: Path) -> Iterator[tuple[str, str]]:
    """(id, text) of all rows of a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                yield row["id"], row["text"]


def _alike(a: set[str], b: set[str]) -> bool:
    shared = len(a & b)
    return shared >= ALIKE * (len(a) + len(b) - shared)


class Truth:
    """The rows that were given to every tool, and what is a copy of what."""

    def __init__(self, folder: Path) -> None:
        self.place: dict[str, int] = {}
        self.keys: list[str] = []
        for place, (name, text) in enumerate(read(folder)):
            self.place[name] = place
            self.keys.append(match_key(text))
        self.kinds: list[str] = []
        self.of: list[int] = []
        with folder.with_name(f"{folder.name}.truth.tsv").open(encoding="utf-8") as file:
            for line in file:
                _, kind, of = line.rstrip("\n").split("\t")
                self.kinds.append(kind)
                self.of.append(self.place[of] if of else -1)
        self.family: defaultdict[int, list[int]] = defaultdict(list)
        for row, original in enumerate(self.of):
            if original >= 0:
                self.family[original].append(row)
        self.near = [row for row, kind in enumerate(self.kinds) if kind == "near" and self.alike(row, self.of[row])]
        """Planted near copies that are alike to their original."""

    def alike(self, one: int, other: int) -> bool:
        a, b = self.keys[one], self.keys[other]
        return a == b or (len(a) >= GRAM <= len(b) and _alike(grams(a), grams(b)))

    def neighbours(self, rows: Sequence[int]) -> dict[int, list[int]]:
        """For each of these rows all other rows that are alike to it."""
        common = Counter(gram for key in self.keys[:20_000] for gram in grams(key))
        probes: defaultdict[str, list[int]] = defaultdict(list)
        sets = {row: grams(self.keys[row]) for row in rows if len(self.keys[row]) >= GRAM}
        for row, own in sets.items():
            enough = len(own) - math.ceil(ALIKE * len(own)) + 1
            for gram in sorted(own, key=lambda gram: (common[gram], gram))[:enough]:
                probes[gram].append(row)
        found: dict[int, list[int]] = {row: [] for row in rows}
        for other, key in enumerate(self.keys):
            mine = grams(key)
            for row in {row for gram in mine & probes.keys() for row in probes[gram]}:
                if row != other and _alike(sets[row], mine):
                    found[row].append(other)
        return found


def judge_dedup(truth: Truth, outputs: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """Per tool: what was removed, recall and false removals."""
    kept = {tool: bytearray(len(truth.keys)) for tool in outputs}
    for tool, folder in outputs.items():
        for name, _ in read(folder):
            kept[tool][truth.place[name]] = 1
    rest = {tool: _unexplained(truth, kept[tool]) for tool in outputs}
    beside = truth.neighbours(sorted(set().union(*rest.values())))
    return {tool: _figures(truth, kept[tool], rest[tool], beside) for tool in outputs}


def _unexplained(truth: Truth, kept: bytearray) -> list[int]:
    """Removed rows with neither a kept row of the same key nor a kept row alike among what they were planted with."""
    said = {truth.keys[row] for row, stays in enumerate(kept) if stays}
    found = []
    for row, stays in enumerate(kept):
        if stays or truth.keys[row] in said:
            continue
        root = truth.of[row] if truth.of[row] >= 0 else row
        if not any(kept[other] and truth.alike(row, other) for other in [root, *truth.family.get(root, [])]):
            found.append(row)
    return found


def _figures(truth: Truth, kept: bytearray, rest: list[int], beside: dict[int, list[int]]) -> dict[str, Any]:
    exact = [row for row, kind in enumerate(truth.kinds) if kind == "exact"]
    false = [row for row in rest if not any(kept[other] for other in beside[row])]
    removed = len(kept) - sum(kept)
    one_word = {truth.keys[row] for row, kind in enumerate(truth.kinds) if kind == "short"}
    said = {truth.keys[row] for row, stays in enumerate(kept) if stays}
    spare = Counter(truth.keys[row] for row, kind in enumerate(truth.kinds) if kind == "short" and kept[row])
    return {
        "rows": len(kept),
        "kept": sum(kept),
        "removed": removed,
        "planted_near_alike": len(truth.near),
        "recall_near": _share(sum(not (kept[row] and kept[truth.of[row]]) for row in truth.near), len(truth.near)),
        "recall_exact": _share(sum(not (kept[row] and kept[truth.of[row]]) for row in exact), len(exact)),
        "false_removals": len(false),
        "false_removal_share": _share(len(false), removed),
        "false_through_a_chain": sum(bool(beside[row]) for row in false),
        "false_shorter_than_a_gram": sum(len(truth.keys[row]) < GRAM for row in false),
        "one_word_reviews": len(one_word),
        "one_word_reviews_kept": len(one_word & said),
        "one_word_copies_left": sum(count - 1 for count in spare.values()),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


# ---------------------------------------------------------------------------------------------- cleaning

_BLANKS = re.compile(r"\s+")
_LATIN = re.compile(r"[\x80-\xff]{2}")
_CURLY = str.maketrans("‘’“”", "''\"\"")


def judge_clean(noisy: Path, plain: Path, outputs: dict[str, Path], ours: str) -> dict[str, dict[str, Any]]:
    """Per tool: what is left of the planted faults, and how its rows differ from ours."""
    tools = list(outputs)
    counts: dict[str, Counter[str]] = {tool: Counter() for tool in tools}
    kinds: dict[str, Counter[str]] = {tool: Counter() for tool in tools}
    examples: dict[str, dict[str, list[str]]] = {tool: {} for tool in tools}
    streams = [read(noisy), read(plain), *(read(outputs[tool]) for tool in tools)]
    for (name, raw), (_, meant), *made in zip(*streams, strict=True):
        if any(other != name for other, _ in made):
            raise ValueError(f"row {name}: a tool left rows out or changed their order")
        texts = dict(zip(tools, (text for _, text in made), strict=True))
        wrong = _wrongly_decoded(raw, meant)
        for tool, text in texts.items():
            tally = counts[tool]
            tally["rows"] += 1
            tally["equal_to_ours"] += text == texts[ours]
            tally["links_left"] += "://" in text or "www.example" in text
            tally["mails_left"] += "@example" in text
            tally["punctuation_changed"] += "，" in meant and not wrong and "，" not in text
            tally["wrongly_decoded"] += wrong
            tally["mended"] += wrong and _bare(text) == _bare(meant)
            if text != texts[ours]:
                kind = _kind(raw, texts[ours], text, wrong)
                kinds[tool][kind] += 1
                examples[tool].setdefault(kind, [raw, texts[ours], text])
    return {
        tool: {**counts[tool], "differences": dict(kinds[tool].most_common()), "examples": examples[tool]}
        for tool in tools
    }


def _wrongly_decoded(raw: str, meant: str) -> bool:
    """Whether the planted fault is wrong decoding: the text is then not in the row, in whatever is around it."""
    if meant.isascii():
        return False
    return bool(_LATIN.search(raw)) or sum(character in raw for character in set(meant)) * 2 < len(set(meant))


def _bare(text: str) -> str:
    return _BLANKS.sub("", text)


def _plain_width(text: str) -> str:
    return unicodedata.normalize("NFKC", _bare(text).translate(_CURLY)).translate(_CURLY)


def _kind(raw: str, mine: str, other: str, wrong: bool) -> str:
    """The first cause that explains a difference."""
    if _bare(mine) == _bare(other):
        return "white space only"
    if _plain_width(mine) == _plain_width(other):
        return "full-width signs or quotes made ASCII"
    for cause, holds in (
        ("wrong decoding", wrong),
        ("around a link", "://" in raw or "www." in raw),
        ("around an e-mail", "@example" in raw),
        ("HTML or entities", "<" in raw or "&" in raw),
    ):
        if holds:
            return cause
    return "other"
