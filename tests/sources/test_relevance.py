"""Irrelevant rows, told by examples: found, few false alarms, the same whatever the order, and silent when in doubt."""

from __future__ import annotations

import csv
import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.sources.relevance import IrrelevantConfig
from fittingroom.stages.prepare import PrepareConfig, observes, prepare
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows
from shop import messages
from sources.reading import source

TASK = TaskConfig(kind="classify", input=["text"], target="label")
PHONE = "13812345678"
WHO = [
    "昨晚的球赛",
    "这届球队",
    "隔壁邻居",
    "the football match",
    "our local team",
    "the weather here",
    "今天的天气",
    "这场音乐会",
]
WHAT = [
    "真是太精彩了",
    "让人失望",
    "下雨下个不停",
    "was thrilling to watch",
    "lost again in overtime",
    "票根本抢不到",
    "rained all week",
]
STRAY = [f"{who}{what}" for who, what in itertools.product(WHO, WHAT)]


@pytest.fixture
def shop(context: Context) -> Context:
    """400 messages of a shop, and 20 rows about something else."""
    rows = messages(400)
    dice = random.Random(3)
    stray = dice.sample(STRAY, 56)
    rows += [{"id": f"s{n}", "customer": f"x{n}", "text": text, "label": "praise"} for n, text in enumerate(stray[:20])]
    rows[5]["text"] += f"，电话{PHONE}"
    dice.shuffle(rows)
    write(context.root / "m.csv", rows)
    (context.root / "stray.txt").write_text("\n".join(stray[20:]) + "\n\n", encoding="gbk")
    return context


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def run(context: Context, **changed: Any) -> Rows:
    config = PrepareConfig(irrelevant=IrrelevantConfig(**({"file": "stray.txt"} | changed)))
    return prepare(
        sources=[source(kind="csv", name="m", path="m.csv", key="id")], prepare=config, task=TASK, context=context
    )


def gone(rows: Rows) -> dict[str, float]:
    return {row["row_key"]: row["score"] for row in rows.dropped.dicts() if row["reason"] == "irrelevant"}


def test_rows_like_the_examples_are_dropped_with_their_score(shop: Context) -> None:
    rows = run(shop)
    found = gone(rows)
    hits = [key for key in found if key.startswith("s")]
    assert len(hits) >= 12, rows.facts["irrelevant"]
    assert len(found) - len(hits) <= 1
    assert all(score >= 0.7 for score in found.values())
    assert rows.facts["irrelevant"]["trusted"]
    assert rows.facts["irrelevant"]["examples"] == 36
    assert rows.facts["dropped_by_reason"]["irrelevant"] == len(found)
    assert rows.kept.rows + rows.dropped.rows == 420
    assert rows.facts["sources"]["m"]["in"] == 420
    assert PHONE not in str(rows.kept.dicts()) + str(rows.dropped.dicts())


def test_neither_order_nor_batches_matter(shop: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(shop)
    lines = (shop.root / "m.csv").read_text("utf-8").splitlines()
    random.Random(9).shuffle(rest := lines[1:])
    (shop.root / "m.csv").write_text("\n".join([lines[0], *rest]) + "\n", encoding="utf-8")
    monkeypatch.setattr("fittingroom.sources.batching.BATCH", 17)
    again = run(shop)
    assert (again.kept.digest, again.dropped.digest) == (first.kept.digest, first.dropped.digest)
    assert again.facts == first.facts


def test_what_is_named_relevant_stays(shop: Context) -> None:
    texts = {row["row_key"]: row["input"]["text"] for row in run(shop).dropped.dicts()}
    key = min(key for key in texts if key.startswith("s"))
    assert key not in gone(run(shop, relevant=[texts[key]]))


def test_examples_that_say_nothing_drop_nothing(shop: Context) -> None:
    own = [row["text"] for row in messages(430)[394:]]
    rows = run(shop, file="", examples=own)
    assert not rows.facts["irrelevant"]["trusted"], rows.facts["irrelevant"]
    assert not gone(rows)


def test_off_by_default_and_the_file_belongs_to_the_key(shop: Context) -> None:
    sources = [source(kind="csv", name="m", path="m.csv", key="id")]
    plain = prepare(sources=sources, prepare=PrepareConfig(), task=TASK, context=shop)
    assert "irrelevant" not in plain.facts
    config = PrepareConfig(irrelevant=IrrelevantConfig(file="stray.txt"))
    before = observes(sources=sources, prepare=config, context=shop)
    with (shop.root / "stray.txt").open("a") as file:
        file.write("one more\n")
    assert observes(sources=sources, prepare=config, context=shop) != before


def test_too_few_examples_are_told(shop: Context) -> None:
    with pytest.raises(RecipeError, match="2 different examples are too few"):
        run(shop, file="", examples=["a b c", "A b c!", "something else"])
    write(shop.root / "m.csv", messages(4))
    with pytest.raises(UserError, match="4 rows and 36 examples are too few"):
        run(shop)
    with pytest.raises(ValidationError, match="examples"):
        IrrelevantConfig()
