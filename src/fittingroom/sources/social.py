"""The export of a social network: JSON lines of posts, with replies nested in them.

A reply is a row of its own, as deep as replies go. Every row gets three columns more: `thread` (the key of the post at
the top: what belongs together must not be torn apart in a split), `parent` and `depth`. A reply without a key gets its
post's key and its place (`m17/2`). `fields` names where things stand: `replies` is the list of replies unless
`fields.replies` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.sources import jsonl
from fittingroom.sources.batching import as_text, batched, flattened
from fittingroom.sources.config import SocialSource
from fittingroom.sources.files import Reject

if TYPE_CHECKING:
    import pyarrow as pa

check = jsonl.check
fingerprint = jsonl.fingerprint
size = jsonl.size

_DEEPEST = 50


def read(config: SocialSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All posts and replies; a line that is no JSON object is rejected."""
    yield from batched(_all(config, context, reject))


def _all(config: SocialSource, context: Context, reject: Reject) -> Iterator[tuple[int, dict[str, str | None]]]:
    for number, post in jsonl.objects(config, context, reject):
        for record in _unfolded(post, config, reject, number, parent="", thread="", place=0, depth=0):
            yield number, record


def _unfolded(
    post: Mapping[str, Any],
    config: SocialSource,
    reject: Reject,
    line: int,
    *,
    parent: str,
    thread: str,
    place: int,
    depth: int,
) -> Iterator[dict[str, str | None]]:
    replies_at = config.fields.get("replies", "replies")
    key_at = key_column(config)
    flat = flattened({name: value for name, value in post.items() if name != replies_at})
    own = flat.get(key_at) or (f"{parent}/{place}" if parent else f"line {line}")
    thread = thread or own
    yield {**flat, key_at: own, "thread": thread, "parent": parent or None, "depth": str(depth)}
    replies = post.get(replies_at) or []
    if not isinstance(replies, list):
        replies = [replies]
    for number, reply in enumerate(replies, start=1):
        if not isinstance(reply, dict) or depth >= _DEEPEST:
            reason = "a reply is no JSON object" if depth < _DEEPEST else f"replies nested deeper than {_DEEPEST}"
            reject(line, reason, as_text(reply) or "")
            continue
        yield from _unfolded(reply, config, reject, line, parent=own, thread=thread, place=number, depth=depth + 1)


def key_column(config: SocialSource) -> str:
    """The column of the primary key: `key`, else `fields.id`, else `id`."""
    return config.key or config.fields.get("id", "id")
