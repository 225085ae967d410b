"""A very small shop for tests of the whole road: a CSV of invented messages in three classes, and its recipe."""

from __future__ import annotations

import csv
import itertools
import random
from pathlib import Path

_ZH = {
    "refund": ["想退款", "把钱退给我", "申请退钱", "这单不要了退款"],
    "delivery": ["包裹到哪了", "什么时候发货", "快递还没到", "物流不动了"],
    "praise": ["很满意", "质量真好", "下次还来", "客服很耐心"],
}
_EN = {
    "refund": ["i want my money back", "please refund this order", "cancel it and refund me"],
    "delivery": ["where is my parcel", "when will it ship", "the courier never came"],
    "praise": ["great quality", "very happy with it", "will buy again"],
}
_ZH_GOODS = ["外套", "水壶", "台灯", "背包", "毛巾", "耳机", "雨伞", "书架", "拖鞋", "闹钟"]
_EN_GOODS = ["jacket", "kettle", "lamp", "backpack", "towel", "headset", "umbrella", "shelf", "slippers", "clock"]
_ZH_TAILS = ["谢谢", "麻烦看一下", "等了好几天", "今天刚收到", "朋友推荐的", "第一次在这里买"]
_EN_TAILS = ["thanks", "please check", "been waiting for days", "got it today", "a friend told me", "first time here"]

RECIPE = """\
name: tiny
seed: 7
task: {kind: classify, input: [text], target: label}
sources:
  - {kind: csv, path: messages.csv, key: id, group: customer}
split: {dev: 0.2, calibration: 0.1, test: 0.2}
audit: {mode: review}
model: {base: nano}
train: {method: full, learning_rate: 1.0e-3, batch_size: 16, epochs: 2, schedule: linear}
evaluate: {baselines: [majority, tfidf], replicates: 200}
gate: {metric: accuracy, at_least: 0.0, better_than: [], decide: point}
adapt: {max_attempts: 2}
"""


def messages(rows: int = 240, seed: int = 1) -> list[dict[str, str]]:
    """`rows` different messages, a customer for every second one."""
    combinations = []
    for words, goods, tails, pattern in (
        (_ZH, _ZH_GOODS, _ZH_TAILS, "{good}{phrase},{tail}"),
        (_EN, _EN_GOODS, _EN_TAILS, "{phrase}, the {good}, {tail}"),
    ):
        for label, phrases in words.items():
            for phrase, good, tail in itertools.product(phrases, goods, tails):
                combinations.append((label, pattern.format(phrase=phrase, good=good, tail=tail)))
    random.Random(seed).shuffle(combinations)
    return [
        {"id": str(number), "customer": f"c{number // 2}", "text": text, "label": label}
        for number, (label, text) in enumerate(combinations[:rows])
    ]


def write_shop(folder: Path, rows: int = 240) -> Path:
    """Write `messages.csv` and `recipe.yaml`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "messages.csv", messages(rows))
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


def write_csv(path: Path, records: list[dict[str, str]]) -> None:
    """Write records as CSV in UTF-8."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(records)
