"""Generated short texts, Chinese and English, for benchmarks at any size: `python benchmarks/texts.py FOLDER --rows N`.

Word salad with Zipf frequencies from a vocabulary of our own: the word lists of the package, and compounds of their
characters and words. Nothing in it means anything; what matters is that lengths (mean about 53 characters), frequencies
and faults are like those of a shop's texts. Planted: 10 % exact copies, 15 % near copies with 1 to 3 characters edited,
2 % one-word reviews; over these, unless `noise` is off: 6 % HTML, 4 % web addresses, 3 % e-mails, 5 % odd spaces, 1 %
wrong decoding. What is a copy of what stands in `truth.tsv` beside the folder of rows; no tool reads it.

The same seed gives the same rows, with and without noise. Memory is bounded: copies are taken from the last 400,000
originals or so, so they lie far from each other.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

CHUNK = 50_000
POOL = 400_000
WORDS_ZH, WORDS_EN = 22_000, 6_000
_SITES = ("https://shop.example.com/item/", "http://m.example.cn/p?id=", "www.example.com/sale/")
_FIRST = 1_000  # no copies before there are this many originals, or the first of them would have hundreds
EXACT, NEAR, SHORT = 0.10, 0.15, 0.02
# fmt: off
ONE_WORD = [
    "好评", "差评", "不错", "还行", "很好", "一般", "满意", "太差", "可以", "喜欢", "失望", "超赞", "垃圾", "推荐",
    "好用", "good", "bad", "nice", "poor", "ok",
]
# fmt: on
"""Twenty one-word reviews: none is a copy of another, however short."""


class Row(NamedTuple):
    """A row and what is known of it: `kind` is "original", "exact", "near" or "short"; `of` the id it is a copy of."""

    id: str
    text: str
    kind: str
    of: str
    label: int
    customer: int


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inside in value.items():
            yield from _strings(key)
            yield from _strings(inside)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for inside in sorted(value) if isinstance(value, (set, frozenset)) else value:
            yield from _strings(inside)


def _lists(module: ModuleType) -> Iterator[str]:
    for name in sorted(vars(module)):
        if not name.startswith("__"):
            yield from _strings(vars(module)[name])


def _modules() -> list[ModuleType]:
    from fittingroom.models.nano_build import corpus_zh
    from fittingroom.models.nano_build import words_en as nano_en
    from fittingroom.sample import phrases_en, phrases_reviews, phrases_zh, words_en, words_zh

    return [words_zh, phrases_zh, phrases_reviews, words_en, phrases_en, corpus_zh, nano_en]


def vocabulary(seed: int) -> tuple[list[str], list[str]]:
    """Chinese and English words, most frequent first."""
    rng = np.random.default_rng([seed, 7])
    lines = [line for module in _modules() for line in _lists(module)]
    runs = [run for line in lines for run in re.findall(r"[一-龥]+", line)]
    chinese = dict.fromkeys(run for run in runs if 1 <= len(run) <= 4)
    # Neighbours in a phrase make likelier words than any two characters.
    chinese |= dict.fromkeys("".join(two) for run in runs for two in pairwise(run))
    characters = sorted({character for run in runs for character in run})
    while len(chinese) < WORDS_ZH:
        drawn = rng.integers(len(characters), size=(5_000, 3))
        chinese |= dict.fromkeys(characters[one] + characters[other] for one, other, _ in drawn[:4_000])
        chinese |= dict.fromkeys("".join(characters[place] for place in three) for three in drawn[4_000:])
    english = dict.fromkeys(word.lower() for line in lines for word in re.findall(r"[A-Za-z]{2,14}", line))
    parts = [word for word in english if 3 <= len(word) <= 7]
    while len(english) < WORDS_EN:
        drawn = rng.integers(len(parts), size=(1_000, 2))
        english |= dict.fromkeys(parts[one] + parts[other] for one, other in drawn)
    found = []
    for words, count in ((list(chinese), WORDS_ZH), (list(english), WORDS_EN)):
        found.append([words[place] for place in rng.permutation(len(words))[:count]])
    return found[0], found[1]


class _Salad:
    """Word salad from ready pieces: every word with what may follow it."""

    def __init__(self, seed: int) -> None:
        chinese, english = vocabulary(seed)
        self.characters = sorted({character for word in chinese for character in word})
        self._sizes = (len(chinese), len(english))
        after_zh, after_en = ("", "，", "。", "！"), (" ", ", ", ". ", "! ")
        self._pieces = np.array(
            [word + sign for sign in after_zh for word in chinese]
            + [word + sign for sign in after_en for word in english],
            dtype=object,
        )
        self._cdf = [self._zipf(size) for size in self._sizes]

    @staticmethod
    def _zipf(size: int) -> Any:
        weights = 1 / (np.arange(size) + 2.7)  # Mandelbrot's shift: no word is in every text
        return np.cumsum(weights) / weights.sum()

    def texts(self, rng: np.random.Generator, count: int) -> list[str]:
        """New texts: four in five Chinese (with some English words), the others English."""
        english = rng.random(count) < 0.2
        words = np.where(english, rng.lognormal(2.0, 0.55, count), rng.lognormal(2.75, 0.55, count)).astype(int) + 1
        ends = np.cumsum(words)
        total = int(ends[-1])
        in_english = np.repeat(english, words) | (rng.random(total) < 0.02)
        drawn = rng.random(total)
        word = np.where(in_english, np.searchsorted(self._cdf[1], drawn), np.searchsorted(self._cdf[0], drawn))
        sign = np.searchsorted([0.82, 0.95, 0.99, 1.0], rng.random(total))
        chinese, english_words = self._sizes
        index = np.where(in_english, 4 * chinese + sign * english_words + word, sign * chinese + word)
        pieces = self._pieces[index].tolist()
        return [
            "".join(pieces[end - size : end]).strip() for end, size in zip(ends.tolist(), words.tolist(), strict=True)
        ]


def rows(count: int, seed: int, *, noise: bool = True, labels: int = 8, customers: int = 20_000) -> Iterator[Row]:
    """`count` rows in order."""
    salad = _Salad(seed)
    pool: list[tuple[str, str, int]] = []
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        rng = np.random.default_rng([seed, 1, start])
        chunk = list(_chunk(rng, salad, pool, start, size, labels, customers))
        texts = [row.text for row in chunk]
        if noise:
            texts = noisy(texts, np.random.default_rng([seed, 2, start]))
        yield from (row._replace(text=text) for row, text in zip(chunk, texts, strict=True))


def _chunk(
    rng: np.random.Generator, salad: _Salad, pool: list[tuple[str, str, int]], start: int, size: int, labels: int,
    customers: int,
) -> Iterator[Row]:  # fmt: skip
    kinds = np.searchsorted(np.cumsum([EXACT, NEAR, SHORT]), rng.random(size)).tolist()
    new = iter(salad.texts(rng, size))
    picks, places = rng.random(size).tolist(), rng.random(size).tolist()
    edits = rng.random((size, 10)).tolist()
    label = rng.integers(labels, size=size).tolist()
    customer = rng.integers(customers, size=size).tolist()
    for number, kind in enumerate(kinds):
        name = f"r{start + number:09d}"
        if kind == 2:
            text = ONE_WORD[int(picks[number] * len(ONE_WORD))]
            yield Row(name, text, "short", "", label[number], customer[number])
        elif kind == 3 or len(pool) < _FIRST:
            text = next(new)
            mine = (name, text, label[number])
            if len(pool) < POOL:
                pool.append(mine)
            else:
                pool[int(places[number] * POOL)] = mine
            yield Row(name, text, "original", "", label[number], customer[number])
        else:
            of, text, its_label = pool[int(picks[number] * len(pool))]
            if kind == 1:
                text = _edited(text, edits[number], salad.characters)
            yield Row(name, text, "exact" if kind == 0 else "near", of, its_label, customer[number])


def _edited(text: str, drawn: list[float], characters: list[str]) -> str:
    """The text after one to three insertions, deletions or substitutions of a character."""
    for edit in range(1 + int(drawn[0] * 3)):
        where, what, which = drawn[3 * edit + 1 : 3 * edit + 4]
        place = int(where * len(text))
        new = characters[int(which * len(characters))]
        text = text[:place] + (new if what < 2 / 3 else "") + text[place + (what > 1 / 3) :]
    return text


def noisy(texts: list[str], rng: np.random.Generator) -> list[str]:
    """The texts as they come out of a shop's exports."""
    drawn = rng.random((len(texts), 8)).tolist()
    found = []
    for text, (html, url, mail, space, wrong, where, which, number) in zip(texts, drawn, strict=True):
        place = int(where * len(text))
        if wrong < 0.01:
            text = _wrong(text, which)
        elif mail < 0.03:
            address = f"{'abcdefghij'[int(which * 10)]}.{int(number * 9000)}@example.{'com' if which < 0.7 else 'cn'}"
            text = f"{text[:place]}{' ' * (which < 0.5)}{address}{' ' * (which < 0.5)}{text[place:]}"
        elif url < 0.04:
            address = ("https://shop.example.com/item/", "http://m.example.cn/p?id=", "www.example.com/sale/")[
                int(which * 3)
            ]
            address += str(int(number * 1e6))
            text = f"{text[:place]} {address}{' ' if where < 0.7 else '，'}{text[place:]}"
        if html < 0.06:
            text = _marked_up(text, int(which * 5), place)
        if space < 0.05:
            odd = ("  ", "\u3000", "\t", " \u00a0", "\r\n", "   ")[int(number * 6)]
            text = f"{text[:place]}{odd}{text[place:]}{' ' * (where < 0.5)}"
        found.append(text)
    return found


def _marked_up(text: str, way: int, place: int) -> str:
    head, tail = text[:place], text[place:]
    return (
        f"<p>{head}</p><p>{tail}</p>",
        f'<div class="review"><b>{head}</b>{tail}</div>',
        f"{head}<br/>{tail}&nbsp;",
        f'<span style="color:#333">{text}</span>',
        f"{head}&amp;{tail}&quot;",
    )[way]


def _wrong(text: str, which: float) -> str:
    """UTF-8 read as Windows-1252 or Latin-1, or as GBK."""
    raw = text.encode()
    return raw.decode("latin-1") if which < 2 / 3 else raw.decode("gb18030", "replace")


def write(
    folder: Path, count: int, seed: int, *, noise: bool = True, labels: int = 0, customers: int = 0,
    form: str = "jsonl", shard: int = 1_000_000,
) -> None:  # fmt: skip
    """`part-00000.jsonl` (or .parquet) and so on in `folder`, and `truth.tsv` beside it (`<folder>.truth.tsv`)."""
    folder.mkdir(parents=True, exist_ok=True)
    stream = rows(count, seed, noise=noise, labels=labels or 8, customers=customers or 20_000)
    with folder.with_name(f"{folder.name}.truth.tsv").open("w", encoding="utf-8") as truth:
        for part, first in enumerate(range(0, count, shard)):
            wanted = (next(stream) for _ in range(min(shard, count - first)))
            path = folder / f"part-{part:05d}.{form}"
            (_write_jsonl if form == "jsonl" else _write_parquet)(path, wanted, truth, bool(labels), bool(customers))


def _record(row: Row, labels: bool, customers: bool) -> dict[str, str]:
    record = {"id": row.id, "text": row.text}
    if labels:
        record["label"] = f"class-{row.label}"
    if customers:
        record["customer"] = f"c{row.customer:07d}"
    return record


def _write_jsonl(path: Path, wanted: Iterator[Row], truth: Any, labels: bool, customers: bool) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in wanted:
            file.write(json.dumps(_record(row, labels, customers), ensure_ascii=False) + "\n")
            truth.write(f"{row.id}\t{row.kind}\t{row.of}\n")


def _write_parquet(path: Path, wanted: Iterator[Row], truth: Any, labels: bool, customers: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ["id", "text", *["label"] * labels, *["customer"] * customers]
    schema = pa.schema([(name, pa.string()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        held: list[dict[str, str]] = []
        for row in wanted:
            held.append(_record(row, labels, customers))
            truth.write(f"{row.id}\t{row.kind}\t{row.of}\n")
            if len(held) == CHUNK:
                writer.write_table(pa.Table.from_pylist(held, schema))
                held = []
        writer.write_table(pa.Table.from_pylist(held, schema))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--format", choices=("jsonl", "parquet"), default="jsonl")
    parser.add_argument("--no-noise", action="store_true", help="planted copies only")
    parser.add_argument("--labels", type=int, default=0, help="classes of a column `label`; 0: no such column")
    parser.add_argument("--customers", type=int, default=0, help="people in a column `customer`; 0: no such column")
    parser.add_argument("--shard-rows", type=int, default=1_000_000)
    given = parser.parse_args()
    kinds = {"noise": not given.no_noise, "labels": given.labels, "customers": given.customers}
    write(given.folder, given.rows, given.seed, form=given.format, shard=given.shard_rows, **kinds)


if __name__ == "__main__":
    main()
