"""The recipes of the sample shop, and the key that hides its invented people."""

from __future__ import annotations

import hashlib

RECIPE = """\
# What is the customer writing for? Nine intents, Chinese and English mixed.
name: service-intent
seed: {seed}
task:
  kind: classify
  input: [message]
  target: intent
sources:
  - name: messages
    kind: sql
    url: "sqlite:///shop.db"
    query: >-
      select c.conversation_id, c.customer_id, c.created_at, c.intent, t.text as message
      from conversations c join turns t on t.conversation_id = c.conversation_id and t.position = 1
    key: conversation_id
    group: customer_id
    time: created_at
  - name: message-annotations
    kind: sql
    role: annotations
    url: "sqlite:///shop.db"
    table: message_annotations
    of: messages
    key: conversation_id
    annotator: annotator
    label: label
  - name: mentions
    kind: social
    path: mentions.jsonl
    key: id
    time: posted_at
    fields: {{message: content, intent: tag}}
  - name: goods
    kind: sql
    role: goods
    url: "sqlite:///shop.db"
    table: goods
    key: sku
    time: updated_at
  - name: log
    kind: weblog
    path: access.log
split: {{dev: 0.16, calibration: 0.06, test: 0.16}}
# Numbers that people copy from blogs. The loop is free to change them, and the report shows that it did.
train: {{method: full, learning_rate: 1.0e-4, batch_size: 32, epochs: 10, schedule: cosine}}
# A low bar: the built-in model is a stand-in of four million parameters. A real base model deserves 0.8 or more.
gate: {{metric: macro_f1, at_least: 0.5, better_than: [majority, untuned]}}
adapt: {{max_attempts: 4, max_minutes: 60}}
"""

RECIPE_REVIEWS = """\
# Is the customer pleased? Several people labelled a part of the reviews.
name: review-sentiment
seed: {seed}
task:
  kind: classify
  input: [review]
  target: sentiment
sources:
  - name: reviews
    kind: sql
    url: "sqlite:///shop.db"
    table: reviews
    key: review_id
    group: customer_id
    time: created_at
  - name: review-annotations
    kind: sql
    role: annotations
    url: "sqlite:///shop.db"
    table: review_annotations
    of: reviews
    key: review_id
    annotator: annotator
    label: label
split: {{dev: 0.15, calibration: 0.07, test: 0.15}}
train: {{method: full, learning_rate: 1.0e-4, batch_size: 32, epochs: 10, schedule: cosine}}
gate: {{metric: macro_f1, at_least: 0.7, better_than: [majority, untuned]}}
adapt: {{max_attempts: 4, max_minutes: 60}}
"""


def sample_key(seed: int) -> str:
    """The key of the sample shop: the same for everybody, so it protects nobody real."""
    return hashlib.sha256(f"fittingroom sample shop {seed}".encode()).hexdigest()


def environment(seed: int) -> str:
    """Content of `.env`."""
    return (
        "# For the sample shop only: everybody has this key. Make your own for real data, and keep it secret.\n"
        "# 仅供示例商店使用:这个密钥人人都有。处理真实数据请自己生成一个,并妥善保管。\n"
        f"FITTINGROOM_KEY={sample_key(seed)}\n"
    )
