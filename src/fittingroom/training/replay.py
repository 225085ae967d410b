"""General conversations that are learnt beside the shop's rows, against forgetting.

A model that learns nothing but a shop's answers loses what it could do before; a small share of general data in every
step holds it (Scialom et al., arXiv 2205.12393; Ibrahim et al., arXiv 2403.08763). The data are the user's own: a file
of messages, redacted by the rules of the recipe, rendered as serving renders a chat, never part of what judges.

A general answer is much longer than a label, so rows are weighed: each carries the same share of the loss, whatever its
length, and all of a step together `share` of it on average.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.models.render import Message, Renderer
from fittingroom.store import file_sha256
from fittingroom.tasks.rows import inputs_of
from fittingroom.text.redact import RedactConfig, agree, redact_batch
from fittingroom.text.similarity import match_key
from fittingroom.training.config import ReplayConfig
from fittingroom.training.rows import Encoded, Replaying
from fittingroom.types import Frozen, Splits

_ROLES = ("system", "user", "assistant")
_PLACE = "train.replay.path"


@dataclass(frozen=True)
class General:
    """Rendered general rows, and what did not become one."""

    rows: Encoded
    too_long: int
    """Conversations whose answer does not fit into `max_length`."""
    held_out: int
    """Conversations that hold a text of dev, calibration or test."""
    redacted: dict[str, int]
    """Personal data taken out, by kind."""

    def told(self) -> dict[str, Any]:
        """In numbers."""
        return {
            "rows": len(self.rows),
            "too_long": self.too_long,
            "held_out": self.held_out,
            "truncated": self.rows.truncated,
            "redacted": self.redacted,
        }


def general(
    replay: ReplayConfig, file: Path, *, renderer: Renderer, redact: RedactConfig, secret: bytes, held_out: Set[str]
) -> General:
    """Read, redact and render the file. `held_out`: match keys of the texts that judge.

    Raises SourceError for a file that is missing, a line that is no conversation, or when no row is left.
    """
    rows = Encoded([], [], [], [], [], 0)
    left, edits, cut = {"too_long": 0, "held_out": 0}, Counter[str](), 0
    for number, messages in _conversations(file):
        texts = redact_batch([message["content"] for message in messages], redact, secret)
        if redact.consistent:
            agree(texts, redact, secret)
        for text in texts:
            edits.update(text.edits)
        clean = [{**message, "content": text.text} for message, text in zip(messages, texts, strict=True)]
        if any(message["role"] == "user" and match_key(message["content"]) in held_out for message in clean):
            left["held_out"] += 1
            continue
        made = renderer.example(clean[:-1], clean[-1]["content"], replay.max_length)
        if len(made.ids) == made.answer_start:
            left["too_long"] += 1
            continue
        cut += made.truncated > 0
        rows.row_ids.append(f"replay {number}")
        rows.ids.append(made.ids)
        rows.answer_starts.append(made.answer_start)
        rows.wanted.append(-1)
        rows.weights.append(1.0)
    if not len(rows):
        raise SourceError(
            f"holds no conversation that can be learnt ({left['too_long']} longer than train.replay.max_length, "
            f"{left['held_out']} with a text of dev, calibration or test): give other data, or take train.replay out",
            f"没有可以学习的对话（{left['too_long']} 条超过 train.replay.max_length，{left['held_out']} 条含有"
            "评判部分的文本）：请换数据，或去掉 train.replay",
            place=f"{_PLACE} = {file.name}",
        )
    return General(replace(rows, truncated=cut), left["too_long"], left["held_out"], dict(edits))


def mixed(shop: Encoded, extra: General, *, share: float, batch_size: int) -> tuple[Encoded, Replaying]:
    """The shop's rows with the general ones behind them, weighed so that these carry `share` of the loss."""
    count = per_step(share, batch_size)
    # What a step of the shop's rows weighs on average, and what one general row must, to come to its part of that.
    weight = sum(shop.weights[row] * shop.answer_tokens(row) for row in range(len(shop))) / len(shop) * batch_size
    each = share / (1 - share) * weight / count
    general = extra.rows
    both = Encoded(
        row_ids=shop.row_ids + general.row_ids,
        ids=shop.ids + general.ids,
        answer_starts=shop.answer_starts + general.answer_starts,
        wanted=shop.wanted + general.wanted,
        weights=shop.weights + [each / general.answer_tokens(row) for row in range(len(general))],
        truncated=shop.truncated + general.truncated,
    )
    return both, Replaying(len(general), count / batch_size)


def per_step(share: float, batch_size: int) -> int:
    """General rows in an optimiser step of `batch_size` rows of the shop's."""
    return max(1, round(share / (1 - share) * batch_size))


def rules_of(prepare: Frozen | None) -> RedactConfig:
    """The rules of redaction of the section `prepare`."""
    said = prepare.model_dump(mode="json").get("redact", {}) if prepare is not None else {}
    return RedactConfig.model_validate(said)


def texts_that_judge(splits: Splits) -> set[str]:
    """Match keys of all texts of dev, calibration and test."""
    keys: set[str] = set()
    for part in (splits.dev, splits.calibration, splits.test):
        for given in inputs_of(part.arrow()):
            keys.update(match_key(text) for text in given.values() if text)
    return keys


def fingerprint(replay: ReplayConfig | None, context: Context) -> dict[str, str]:
    """What a result depends on outside the recipe: the content of the file."""
    return {} if replay is None else {"replay": file_sha256(_there(context.path(replay.path)))}


def check_replay(replay: ReplayConfig | None, context: Context) -> None:
    """Read the file through before anything else is done. Raises SourceError for one that is missing, or a line that
    is no conversation.
    """
    for _ in () if replay is None else _conversations(context.path(replay.path)):
        pass


def _there(file: Path) -> Path:
    if not file.is_file():
        raise SourceError(
            "no such file: give a file of messages, one conversation a line",
            "文件不存在：请给出每行一段对话的 messages 文件",
            place=f"{_PLACE} = {file.name}",
        )
    return file


def _conversations(file: Path) -> Iterator[tuple[int, list[Message]]]:
    """Line number (from 1) and messages of every line that is not blank."""
    with _there(file).open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, _conversation(line, f"{_PLACE} = {file.name}, line {number}")


def _conversation(line: bytes, place: str) -> list[Message]:
    try:
        said: Any = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SourceError(
            "is no JSON in UTF-8: mend the line, or take it out",
            "不是 UTF-8 编码的 JSON：请修正或删除该行",
            place=place,
        ) from error
    messages = said.get("messages") if isinstance(said, dict) else None
    if not isinstance(messages, list) or not all(_is_message(one) for one in messages):
        raise SourceError(
            'is no conversation: write {"messages": [{"role": "user", "content": "…"}, …]} with the roles system, user '
            "and assistant, and a text in every content",
            '不是一段对话：请写成 {"messages": [{"role": "user", "content": "…"}, …]}，role 只能是 system、user、'
            "assistant，且每个 content 都有文本",
            place=place,
        )
    roles = [message["role"] for message in messages]
    if "user" not in roles or roles[-1] != "assistant":
        raise SourceError(
            "must hold a user's message and end with the assistant's answer, which is what is learnt",
            "必须含有 user 的消息，并以 assistant 的回答结尾（学习的就是它）",
            place=place,
        )
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _is_message(one: Any) -> bool:
    if not isinstance(one, dict) or one.get("role") not in _ROLES:
        return False
    content = one.get("content")
    return isinstance(content, str) and bool(content.strip())
