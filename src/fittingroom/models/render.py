"""The one renderer: messages to token ids, the same for training, evaluation and serving.

* Ids are joined, never texts: the prompt's ids are an exact prefix of the example's ids.
* Exactly one BOS; the answer ends with EOS, and EOS is part of the loss.
* Text of customers is encoded by a copy of the tokenizer that knows no control tokens, so it cannot forge a turn.
* What is too long is cut at the end of the input, never in the answer, and counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fittingroom.models.formats import ASSISTANT, THINK, THINK_END, USER, ChatFormat, chat_format

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

Message = dict[str, str]
"""{"role": "system" | "user" | "assistant", "content": text}"""

_PLAIN_TURN = re.compile(r"\n\s*(?=(User|Assistant):)")
_CONTROL_SIGNS = frozenset("<>[]|｜")


@dataclass(frozen=True)
class Rendered:
    """One training example. `ids[answer_start:]` carries the loss; it is empty when no answer fitted at all."""

    ids: list[int]
    answer_start: int
    truncated: int
    """Tokens cut off the input."""


class Renderer:
    """Messages to ids for one tokenizer. `think`: "empty" lets a thinking model answer at once, "none" is its own
    opening.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, think: Literal["empty", "none"] = "empty") -> None:
        self.format: ChatFormat = chat_format(tokenizer)
        self.think = think
        self.eos_id = int(tokenizer.eos_token_id)
        self.bos_id = None if tokenizer.bos_token_id is None else int(tokenizer.bos_token_id)
        self._added: dict[str, int] = dict(tokenizer.get_added_vocab())
        self._plain = _without_control_tokens(tokenizer)
        self._escapes = self._unsafe_strings()
        opening = self.format.empty_think if think == "empty" else self.format.opening
        self._opening = _split_marks(opening, self._added)

    def prompt_ids(self, messages: Sequence[Message], limit: int | None = None) -> list[int]:
        """Ids up to where the answer begins, at most `limit` of them (the input is cut)."""
        return self.prompt(messages, limit)[0]

    def prompt(self, messages: Sequence[Message], limit: int | None = None) -> tuple[list[int], int]:
        """The prompt's ids, and how many tokens of the input were cut to stay within `limit`.

        Earlier turns go first, then the end of the last user turn. When even an empty input is longer than `limit`, the
        longer prompt is returned: it is for the caller to see that nothing fits.
        """
        ids = self._encode(self._parts(messages))
        if limit is None or len(ids) <= limit:
            return ids, 0
        whole, kept = len(ids), list(messages)
        while len(ids) > limit and (older := _without_oldest_turn(kept)) is not None:
            kept = older
            ids = self._encode(self._parts(kept))
        last = max((at for at, message in enumerate(kept) if message["role"] == "user"), default=None)
        while len(ids) > limit and last is not None and kept[last]["content"]:
            shorter = self._shortened(kept[last]["content"], len(ids) - limit)
            kept[last] = {**kept[last], "content": shorter}
            ids = self._encode(self._parts(kept))
        return ids, whole - len(ids)

    def answer_ids(self, answer: str) -> list[int]:
        """Ids of an answer with its EOS."""
        lead = " " if self.format.kind == "plain" else ""
        return [*self._text_ids(lead + answer), self.eos_id]

    def example(self, messages: Sequence[Message], answer: str, max_length: int, answer_room: int = 0) -> Rendered:
        """Prompt and answer of at most `max_length` ids.

        `answer_room`: tokens kept free for the answer whatever this one needs, so that the cut is the same for every
        answer (that of the longest label, for classification). When not even an empty input leaves room for the answer,
        the row is rendered without one: `answer_start == len(ids)`, no loss.
        """
        tail = self.answer_ids(answer)
        prompt, cut = self.prompt(messages, max_length - max(answer_room, len(tail)))
        if len(prompt) + len(tail) > max_length:
            ids = prompt[:max_length]
            return Rendered(ids, len(ids), cut)
        return Rendered([*prompt, *tail], len(prompt), cut)

    def _parts(self, messages: Sequence[Message]) -> list[str | int]:
        """Text runs and control ids, in order; text is still to be encoded."""
        system, turns = _system_and_turns(messages)
        if self.format.kind == "plain":
            return self._plain_parts(system, turns)
        if system and self.format.system == "fold":
            turns, system = _folded(system, turns), ""
        parts: list[str | int] = [] if self.bos_id is None else [self.bos_id]
        parts.append(self._safe(system))
        for turn in turns:
            if turn["role"] == "user":
                parts += [self._added[USER], self._safe(turn["content"])]
            else:
                said = turn["content"].rsplit(THINK_END, 1)[-1] if self.format.kind != "turns" else turn["content"]
                parts += [self._added[ASSISTANT], *_split_marks(self.format.history_mark, self._added)]
                parts += [self._safe(said), self.eos_id]
        return [*parts, self._added[ASSISTANT], *self._opening]

    def _plain_parts(self, system: str, turns: list[Message]) -> list[str | int]:
        if system and self.format.system == "fold":
            turns, system = _folded(system, turns), ""
        parts: list[str | int] = [] if self.bos_id is None else [self.bos_id]
        parts.append(self._safe(system) + "\n\n" if system else "")
        for turn in turns:
            # Roles are plain words in this format: a line of a customer's text may not open with one.
            text = _PLAIN_TURN.sub(" ", self._safe(turn["content"]))
            parts += [f"User: {text}\n\n"] if turn["role"] == "user" else [f"Assistant: {text}", self.eos_id]
        return [*parts, "Assistant:"]

    def _encode(self, parts: list[str | int]) -> list[int]:
        ids: list[int] = []
        run = ""
        for part in [*parts, None]:
            if isinstance(part, str):
                run += part  # neighbours are encoded together: "User: " and a word share a token
                continue
            if run:
                ids += self._text_ids(run)
                run = ""
            if part is not None:
                ids.append(part)
        return ids

    def _text_ids(self, text: str) -> list[int]:
        clean = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate would stop the encoder
        return list(self._plain.encode(clean, add_special_tokens=False).ids)

    def _safe(self, text: str) -> str:
        for forged, harmless in self._escapes.items():
            text = text.replace(forged, harmless)
        return text

    def _shortened(self, content: str, excess: int) -> str:
        """`content` without its last `excess` tokens, cut between characters."""
        clean = content.encode("utf-8", "replace").decode("utf-8")
        encoded = self._plain.encode(clean, add_special_tokens=False)
        keep = len(encoded.ids) - excess
        end = int(encoded.offsets[keep - 1][1]) if keep > 0 else 0
        return clean[: min(end, len(clean) - 1)]

    def _unsafe_strings(self) -> dict[str, str]:
        """Control strings that the copy without control tokens would still encode as one: they get a blank inside."""
        ids = {number for text, number in self._added.items() if _is_control(text)}
        return {
            text: f"{text[0]} {text[1:]}"
            for text in self._added
            if _is_control(text) and ids.intersection(self._plain.encode(text, add_special_tokens=False).ids)
        }


def _without_control_tokens(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """A copy of the tokenizer that reads `<｜User｜>` as ordinary characters.

    The switch `encode_special_tokens` of the tokenizers library is not enough: DeepSeek marks role and think tokens
    as not special. Added tokens that are plain letters stay (deepseek-llm keeps some accented letters there).
    """
    from tokenizers import Tokenizer

    whole: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    whole["added_tokens"] = [
        token for token in whole["added_tokens"] if not (token["special"] or _is_control(token["content"]))
    ]
    whole["post_processor"] = whole["truncation"] = whole["padding"] = None
    return Tokenizer.from_str(json.dumps(whole))


def _is_control(text: str) -> bool:
    return len(text) > 1 and any(sign in _CONTROL_SIGNS for sign in text)


def _split_marks(text: str, added: dict[str, int]) -> list[str | int]:
    """`<think>\\n` -> [id of <think>, "\\n"]."""
    marks = [mark for mark in (THINK, THINK_END) if mark in added]
    if not text or not marks:
        return [text] if text else []
    pieces = re.split("(" + "|".join(re.escape(mark) for mark in marks) + ")", text)
    return [added[piece] if piece in marks else piece for piece in pieces if piece]


def _system_and_turns(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """All system texts, joined, and the turns; a role that is none of the three is a ValueError."""
    for message in messages:
        if message["role"] not in ("system", "user", "assistant"):
            raise ValueError(f"a message has the role {message['role']!r}; use system, user or assistant")
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    return system, [message for message in messages if message["role"] != "system"]


def _folded(system: str, turns: list[Message]) -> list[Message]:
    """The system text at the head of the first user turn."""
    for at, turn in enumerate(turns):
        if turn["role"] == "user":
            return [*turns[:at], {"role": "user", "content": f"{system}\n\n{turn['content']}"}, *turns[at + 1 :]]
    return [{"role": "user", "content": system}, *turns]


def _without_oldest_turn(messages: list[Message]) -> list[Message] | None:
    """Without the first turn that is neither system nor the last user turn; None when only these are left."""
    last = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=-1)
    for at, message in enumerate(messages):
        if message["role"] != "system" and at < last:
            return [*messages[:at], *messages[at + 1 :]]
    return None
