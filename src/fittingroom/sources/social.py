"""The export of a social network: JSON or JSON lines of posts, with replies nested in them.

A reply is a row of its own, as deep as replies go. Every row gets three columns more: `thread` (the key of the post at
the top: what belongs together must not be torn apart in a split), `parent` and `depth`. A reply without a key gets its
post's key and its place (`m17/2`). `fields` names where things stand, with dots into nested objects: `replies` is the
list of replies unless `fields.replies` says otherwise, and `reply_fields` says where a reply has them elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.sources.batching import Item, as_text, batched, flattened
from fittingroom.sources.config import SocialSource
from fittingroom.sources.document import objects
from fittingroom.sources.files import Reject, digest, encoding_of, line_count, locate

if TYPE_CHECKING:
    import pyarrow as pa

_DEEPEST = 50


def check(config: SocialSource, context: Context) -> None:
    """The file is there, and a list stands at `items`."""
    path = locate(config.path, context)
    encoding_of(path, config.encoding, config.path)
    if config.items:
        next(objects(path, config.path, lambda *found: None, items=config.items, encoding=config.encoding), None)


def fingerprint(config: SocialSource, context: Context) -> str:
    """Digest of the file's bytes."""
    return digest(config.path, context)


def size(config: SocialSource, context: Context) -> int:
    """About as many rows as lines."""
    return line_count(config.path, context)


def read(config: SocialSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All posts and replies; what is no JSON object is rejected."""
    yield from batched(_all(config, context, reject))


def _all(config: SocialSource, context: Context, reject: Reject) -> Iterator[tuple[int, dict[str, str | None]]]:
    path = locate(config.path, context)
    for number, post in objects(path, config.path, reject, items=config.items, encoding=config.encoding):
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
    if depth:
        replies_at = config.reply_fields.get("replies", replies_at)
    replies, rest = _taken(post, replies_at)
    flat = flattened(rest)
    if depth:
        flat = _as_in_posts(flat, config)
    here = f"item {line.item}" if isinstance(line, Item) else f"line {line}"
    own = flat.get(key_at) or (f"{parent}/{place}" if parent else here)
    thread = thread or own
    yield {**flat, key_at: own, "thread": thread, "parent": parent or None, "depth": str(depth)}
    if replies is None:
        return
    if not isinstance(replies, list):
        replies = [replies]
    for number, reply in enumerate(replies, start=1):
        if not isinstance(reply, dict) or depth >= _DEEPEST:
            reason = "a reply is no JSON object" if depth < _DEEPEST else f"replies nested deeper than {_DEEPEST}"
            reject(line, reason, as_text(reply) or "")
            continue
        yield from _unfolded(reply, config, reject, line, parent=own, thread=thread, place=number, depth=depth + 1)


def _taken(post: Mapping[str, Any], path: str) -> tuple[Any, dict[str, Any]]:
    """What stands at a dotted path, and the post without it."""
    step, _, further = path.partition(".")
    rest = dict(post)
    if path in rest:
        return rest.pop(path), rest
    inner = rest.get(step)
    if not further or not isinstance(inner, dict):
        return None, rest
    value, rest[step] = _taken(inner, further)
    return value, rest


def _as_in_posts(flat: dict[str, str | None], config: SocialSource) -> dict[str, str | None]:
    """A reply's columns under the names that they have in posts."""
    moved = {path: config.fields.get(ours, ours) for ours, path in config.reply_fields.items()}
    return {moved.get(name, name): value for name, value in flat.items()}


def key_column(config: SocialSource) -> str:
    """The column of the primary key: `key`, else `fields.id`, else `id`."""
    return config.key or config.fields.get("id", "id")
