"""Copies in large tables: a sample in which copies meet tells nearly what comparing all rows tells, and never more."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fittingroom.pitfalls import likeness
from fittingroom.pitfalls.likeness import copies, named, near
from fittingroom.tables import Table
from fittingroom.text.bands import lowest
from fittingroom.text.similarity import jaccard, match_key
from fittingroom.types import row_schema

LETTERS = "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里"


def table(texts: list[str], groups: list[str | None] | None = None) -> Table:
    records = [
        {"id": f"r{number:06d}", "input": {"text": text}, "target": {"label": "x"}, "group": group, "dup_count": 1}
        for number, (text, group) in enumerate(zip(texts, groups or [None] * len(texts), strict=True))
    ]
    return Table.records(records, row_schema(["text"], "label"))


def said(draw: random.Random, rows: int) -> list[str]:
    return ["".join(draw.choices(LETTERS, k=draw.randint(30, 60))) for _ in range(rows)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as large is small here."""
    monkeypatch.setattr(likeness, "WHOLE", 1000)
    monkeypatch.setattr(likeness, "SAMPLE", 1000)


def test_copies_in_a_sample(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    texts = said(draw, 4000)
    texts += [text + "啊" for text in texts[:600]] + texts[600:700]
    rows = table(texts)
    found = copies(rows, 0.8)
    assert 100 + 0.6 * 600 <= found.rows <= 100 + 1.25 * 600
    assert len(found.examples) == 20
    assert copies(table(texts[:4000]), 0.8) == (0.0, ())
    monkeypatch.setattr(likeness, "WHOLE", 10_000)
    assert copies(rows, 0.8).rows == 700


def test_short_rows_count_as_much_as_long_ones(small: None) -> None:
    draw = random.Random(8)
    long = ["".join(draw.choices(LETTERS, k=300)) for _ in range(3000)]
    short = ["".join(draw.choices(LETTERS, k=24)) for _ in range(2000)]
    rows = table(long + short + [text + "啊" for text in short[:1000]])
    assert 0.6 * 1000 <= copies(rows, 0.8).rows <= 1.3 * 1000


def test_rows_of_one_beginning_are_looked_at_in_part(small: None) -> None:
    draw = random.Random(9)
    head = "".join(draw.choices(LETTERS, k=600))
    part, other = (table([head + text for text in said(draw, 1500)]) for _ in range(2))
    assert len(near(part, other, 0.99).looked) < 1000


def test_near_copies_across_tables_in_a_sample(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(4)
    texts = said(draw, 4000)
    part = table([text + "呢" for text in texts[:300]] + said(draw, 700))
    found = near(part, table(texts), 0.8)
    assert 50 < len(found.looked) < 500
    assert 0.2 <= found.share(found.found) <= 0.4
    assert max(found.found) < 300
    assert near(table(said(draw, 1000)), table(texts), 0.8).found == set()
    monkeypatch.setattr(likeness, "WHOLE", 10_000)
    assert near(part, table(texts), 0.8).found == set(range(300))


def test_the_lowest_digest_agrees_as_often_as_texts_are_alike() -> None:
    draw = random.Random(5)
    pairs = [(text, text[:-4] + "".join(draw.choices(LETTERS, k=4))) for text in said(draw, 3000)]
    one, other = (lowest([match_key(text) for text in column]) for column in zip(*pairs, strict=True))
    wanted = np.mean([jaccard(*pair) for pair in pairs])
    assert abs(float(np.mean(one == other)) - wanted) < 0.03
    assert lowest(["好评", "差评", "好评"])[0] == lowest(["好评"])[0] != lowest(["差评"])[0]
    assert len(lowest([])) == 0


def test_names_are_compared_by_digest() -> None:
    found = named(table(["a", "b", "c"], ["g1", None, "g1"]), "group")
    assert found[0] == found[2] != 0
    assert found[1] == 0
