"""Write the sample shop: what a bilingual retailer has, with faults planted into it.

Everything is drawn from the seed; the same seed writes the same shop. `truth.json` says what was planted where. The
pipeline never reads it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from random import Random
from typing import Any

from fittingroom.errors import UserError
from fittingroom.sample import catalogue, dialogues, recipes, reviews, social, weblog
from fittingroom.sample.dialogues import Message
from fittingroom.sample.faults import language_of
from fittingroom.sample.plant import plant
from fittingroom.sample.truth import Rates, Truth

Record = dict[str, Any]

MESSAGES = 2700
REVIEWS = 1500
MENTIONS = 160
CUSTOMERS = 1900

MESSAGE_RATES = Rates(rare_class="hazard", rare_share=0.03)
REVIEW_RATES = Rates(number_copy=0.01, personal=0.03, spam=0.015, wrong_label=0.05)

_ANNOTATORS = (("qa-lin", 0.97), ("qa-meng", 0.95), ("qa-rose", 0.93), ("qa-tariq", 0.9), ("qa-temp", 0.65))
"""People who label, and how often they are right."""

_SCHEMA = """
create table goods (
  sku text primary key, name text, category text, size text, colour text, price real, stock integer,
  attributes text, updated_at text
);
create table customers (
  customer_id text primary key, name text, phone text, email text, id_card text, address text, language text,
  registered_at text
);
create table orders (
  order_id text primary key, customer_id text references customers, created_at text, status text, amount real,
  receiver text, phone text, address text, courier text, tracking_no text
);
create table order_items (
  order_id text references orders, line integer, sku text references goods, quantity integer, price real,
  primary key (order_id, line)
);
create table conversations (
  conversation_id integer primary key, customer_id text references customers, created_at text, agent text, intent text
);
create table turns (
  conversation_id integer references conversations, position integer, role text, text text,
  primary key (conversation_id, position)
);
create table message_annotations (
  annotation_id integer primary key, conversation_id integer references conversations, annotator text, label text
);
create table reviews (
  review_id integer primary key, customer_id text references customers, sku text references goods, created_at text,
  review text, sentiment text
);
create table review_annotations (
  annotation_id integer primary key, review_id integer references reviews, annotator text, label text
);
"""
_CONVERSATION = ("conversation_id", "customer_id", "created_at", "agent", "intent")


def write_sample(folder: Path, seed: int = 7) -> None:
    """Write the shop into `folder`: shop.db, access.log, mentions.jsonl, two recipes, truth.json and .env.

    Raises UserError where one of the files is there already: nothing is overwritten.
    """
    folder = Path(folder)
    names = ("shop.db", "access.log", "mentions.jsonl", "recipe.yaml", "recipe-reviews.yaml", "truth.json", ".env")
    for name in names:
        if (folder / name).exists():
            raise UserError(
                "is there already: choose an empty folder", "已存在:请换一个空文件夹", place=str(folder / name)
            )
    folder.mkdir(parents=True, exist_ok=True)
    rng = Random(f"fittingroom-shop/{seed}")
    goods = catalogue.write_goods(240, rng)
    customers = catalogue.write_customers(CUSTOMERS, rng)
    orders, items = catalogue.write_orders(2600, goods, customers, rng)
    spoken = dialogues.write_messages(MESSAGES + MENTIONS, rng)
    conversations, message_truth = _conversations(spoken[:MESSAGES], customers, rng, seed)
    written, review_truth = _reviews(goods, customers, rng, seed)
    mentions, mention_truth = social.write_mentions(spoken[MESSAGES:], MENTIONS, rng)
    log, log_truth = weblog.write_log(1200, goods, rng)

    tables: dict[str, list[Record]] = {"goods": goods, "customers": customers, "orders": orders, "order_items": items}
    tables["conversations"] = [
        {name: row[name] for name in ("conversation_id", "customer_id", "created_at", "agent", "intent")}
        for row in conversations
    ]
    tables["turns"] = _turns(conversations, rng)
    tables["message_annotations"] = _annotations(message_truth, dialogues.INTENTS, "conversation_id", 0.15, rng)
    tables["reviews"] = written
    tables["review_annotations"] = _annotations(review_truth, reviews.SENTIMENTS, "review_id", 0.3, rng)
    _database(folder / "shop.db", tables)

    truth = {
        "note": "What was planted where. The pipeline never reads this file.",
        "seed": seed,
        "sources": {
            "messages": message_truth.model_dump(exclude_defaults=True),
            "reviews": review_truth.model_dump(exclude_defaults=True),
            "mentions": mention_truth,
            "log": log_truth,
        },
    }
    _write(folder / "mentions.jsonl", "\n".join(mentions) + "\n")
    _write(folder / "access.log", "\n".join(log) + "\n")
    _write(folder / "truth.json", json.dumps(truth, ensure_ascii=False, indent=1) + "\n")
    _write(folder / "recipe.yaml", recipes.RECIPE.format(seed=seed))
    _write(folder / "recipe-reviews.yaml", recipes.RECIPE_REVIEWS.format(seed=seed))
    with os.fdopen(
        os.open(folder / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(recipes.environment(seed))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _conversations(
    messages: list[Message], customers: list[Record], rng: Random, seed: int
) -> tuple[list[Record], Truth]:
    rows = [
        {
            "conversation_id": number,
            "customer_id": rng.choice(customers)["customer_id"],
            "created_at": catalogue.moment(rng),
            "agent": f"agent-{rng.randint(1, 14):02d}",
            "intent": message.intent,
            "message": message.text,
        }
        for number, message in enumerate(messages, start=100_001)
    ]
    return plant(
        rows,
        text="message",
        label="intent",
        key="conversation_id",
        group="customer_id",
        time="created_at",
        rates=MESSAGE_RATES,
        seed=seed,
    )


def _turns(conversations: list[Record], rng: Random) -> list[Record]:
    turns = []
    for row in conversations:
        spoken = [("customer", row["message"])]
        spoken += dialogues.write_turns(Message(row["message"], row["intent"], language_of(row["message"])), rng)
        for position, (role, text) in enumerate(spoken, start=1):
            turns.append({"conversation_id": row["conversation_id"], "position": position, "role": role, "text": text})
    return turns


def _reviews(goods: list[Record], customers: list[Record], rng: Random, seed: int) -> tuple[list[Record], Truth]:
    rows = [
        {
            "review_id": number,
            "customer_id": rng.choice(customers)["customer_id"],
            "sku": rng.choice(goods)["sku"],
            "created_at": catalogue.moment(rng),
            "review": review.text,
            "sentiment": review.sentiment,
        }
        for number, review in enumerate(reviews.write_reviews(REVIEWS, rng), start=5001)
    ]
    return plant(
        rows,
        text="review",
        label="sentiment",
        key="review_id",
        group="customer_id",
        time="created_at",
        rates=REVIEW_RATES,
        seed=seed + 1,
    )


def _annotations(truth: Truth, labels: tuple[str, ...], key: str, share: float, rng: Random) -> list[Record]:
    """Votes of two to four people on a part of the rows; they err at random, one of them often."""
    votes: list[Record] = []
    for row_key, right in truth.labels.items():
        if rng.random() >= share:
            continue
        for name, skill in rng.sample(_ANNOTATORS, rng.choice([2, 3, 3, 4])):
            label = right if rng.random() < skill else rng.choice([other for other in labels if other != right])
            votes.append({"annotation_id": len(votes) + 1, key: int(row_key), "annotator": name, "label": label})
    return votes


def _database(path: Path, tables: dict[str, list[Record]]) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(_SCHEMA)
        for name, rows in tables.items():
            columns = list(rows[0])
            places = ", ".join(f":{column}" for column in columns)
            connection.executemany(f"insert into {name} ({', '.join(columns)}) values ({places})", rows)
