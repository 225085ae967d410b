"""The one renderer: messages to token ids, the same for training, evaluation and serving.

* Ids are joined, never texts: the prompt's ids are an exact prefix of the example's ids.
* Exactly one BOS; the answer ends with EOS, and EOS is part of the loss. Nothing else is.
* Text of customers is encoded by a copy of the tokenizer that knows no control tokens, so it cannot forge a turn. Marks
  of thought are read in turns of the assistant only, one thought in each.
* What is too long loses earlier turns, each question with its answers, then the end of the last question, never the
  answer, and is counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fittingroom.errors import ModelError
from fittingroom.models.formats import ASSISTANT, THINK, THINK_END, USER, ChatFormat, ThinkPolicy, chat_format

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

Message = dict[str, str]
"""{"role": "system" | "user" | "assistant", "content": text}; a turn of the user may have a "tail", text that follows
its content and is kept when the content is cut: a question behind what it is about."""

_LINE, _ROLE = r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", r"\s*(?=(User|Assistant):)"
_PLAIN_TURN = re.compile(_LINE + _ROLE)
_PLAIN_SYSTEM = re.compile(rf"(?:\A|{_LINE}){_ROLE}")
"""Nothing of ours stands before the system text, so its first word may open no turn either."""
_CONTROL_SIGNS = frozenset("<>[]|｜")
_PLAIN: WeakKeyDictionary[PreTrainedTokenizerFast, tuple[int, Tokenizer]] = WeakKeyDictionary()
"""Copies without control tokens, with the number of added tokens they were made for: a vocabulary of 130,000 words
takes a second to copy."""


@dataclass(frozen=True)
class Rendered:
    """One training example. `ids[answer_start:]` carries the loss; it is empty when no answer fitted at all."""

    ids: list[int]
    answer_start: int
    truncated: int
    """Tokens cut off the input."""

    @property
    def mask(self) -> list[bool]:
        """For every id, whether it carries loss."""
        return [at >= self.answer_start for at in range(len(self.ids))]


class Renderer:
    """Messages to ids for one tokenizer; `think` says what stands between the assistant's mark and an answer."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, think: ThinkPolicy = "auto") -> None:
        """Raises ModelError for a tokenizer that is not DeepSeek's, or that cannot write what `think` asks for."""
        self.format: ChatFormat = chat_format(tokenizer)
        self.think = self.format.policy(think)
        self.eos_id = int(tokenizer.eos_token_id)
        self.bos_id = None if tokenizer.bos_token_id is None else int(tokenizer.bos_token_id)
        self._added: dict[str, int] = dict(tokenizer.get_added_vocab())
        self._plain = _without_control_tokens(tokenizer)
        self.control_ids = control_ids(tokenizer)
        """Ids that only the template may put: marks of sentences, turns, thoughts, tools."""
        self._opening = _split_marks(self.format.before_answer(self.think), self._added)

    def prompt_ids(self, messages: Sequence[Message], limit: int | None = None) -> list[int]:
        """Ids up to where the answer begins, at most `limit` of them (the input is cut)."""
        return self.prompt(messages, limit)[0]

    def prompt(self, messages: Sequence[Message], limit: int | None = None) -> tuple[list[int], int]:
        """The prompt's ids, and how many tokens of the input were cut to stay within `limit`.

        Earlier turns go first, each question with its answers, then the end of the last user turn. When even an empty
        input is longer than `limit`, the longer prompt is returned: it is for the caller to see that nothing fits.
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
        """Ids of an answer with its EOS; of its reasoning, too, where the policy keeps it."""
        if self.format.kind == "plain":
            return [*self.text_ids(" " + answer), self.eos_id]
        thought, said = _thought_of(answer) if self.format.empty_think else (None, answer)
        if self.think != "keep":
            return [*self.text_ids(said if thought is None else said.lstrip("\n")), self.eos_id]
        return [*self._encode(self._kept_answer(thought, said)), self.eos_id]

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

    def dialogue(self, messages: Sequence[Message], max_length: int, *, every: bool = False) -> list[Rendered]:
        """A conversation that ends with an answer: one example, with the loss on the last answer.

        `every`: one example for every answer, each behind what was said before it, as serving would have shown it (one
        row with loss on several answers would show the later ones a history that serving never writes). Packing
        computes what they share once. Raises ValueError where the last turn is not the assistant's.
        """
        if not messages or messages[-1]["role"] != "assistant":
            raise ValueError("a conversation to learn from ends with a turn of the assistant")
        answers = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
        wanted = answers if every else answers[-1:]
        return [self.example(messages[:at], messages[at]["content"], max_length) for at in wanted]

    def folded(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation with its system text where this format has it: first, or heading the first user turn; what
        a turn says last stands behind the rest of it.
        """
        system, turns = _system_and_turns(whole(messages))
        if system and self.format.system == "fold":
            return _folded(system, turns)
        return [{"role": "system", "content": system}, *turns] if system else turns

    def _parts(self, messages: Sequence[Message]) -> list[str | int]:
        """Text runs and control ids, in order; text is still to be encoded."""
        parts: list[str | int] = [] if self.bos_id is None else [self.bos_id]
        write = self._plain_turn if self.format.kind == "plain" else self._marked_turn
        for turn in self.folded(messages):
            parts += write(turn)
        return (
            [*parts, "Assistant:"] if self.format.kind == "plain" else [*parts, self._added[ASSISTANT], *self._opening]
        )

    def _marked_turn(self, turn: Message) -> list[str | int]:
        if turn["role"] == "system":
            return [turn["content"]]
        if turn["role"] == "user":
            return [self._added[USER], turn["content"]]
        return [self._added[ASSISTANT], *self._earlier(turn["content"]), self.eos_id]

    def _plain_turn(self, turn: Message) -> list[str | int]:
        # Roles are plain words in this format: a line of a customer's text may not open with one. Facts that a customer
        # wrote (a note on an order) stand in the system text.
        if turn["role"] == "system":
            return [_PLAIN_SYSTEM.sub(" ", turn["content"]) + "\n\n"]
        text = _PLAIN_TURN.sub(" ", turn["content"])
        return [f"User: {text}\n\n"] if turn["role"] == "user" else [f"Assistant: {text}", self.eos_id]

    def _earlier(self, content: str) -> list[str | int]:
        """An earlier answer: with its thought where that is kept, in the very ids in which it would be learnt; else,
        and where nothing was thought, as the publisher's template leaves it.
        """
        mark = _split_marks(self.format.history_mark, self._added)
        thought, said = _thought_of(content) if self.format.empty_think else (None, content)
        if thought is None:
            return [*mark, said]
        if self.think == "keep":
            # As prompt and answer are: each encoded by itself.
            return [*self._encode(self._opening), *self._encode(self._kept_answer(thought, said))]
        return [*mark, said if self.format.drops_thoughts else content]

    def _kept_answer(self, thought: str | None, said: str) -> list[str | int]:
        """Thought and answer behind the publisher's opening; an answer without a thought closes an empty one."""
        opening, close = self.format.opening, self._added[THINK_END]
        if thought is None:
            if not opening:
                return [said]  # the publisher leaves it to the model whether it thinks
            between = self.format.empty_think.partition(THINK_END)
            return [between[0].removeprefix(opening), close, between[2], said]
        if opening:
            return [thought.removeprefix(opening.removeprefix(THINK)), close, said]
        return [self._added[THINK], thought, close, said]

    def _encode(self, parts: list[str | int]) -> list[int]:
        ids: list[int] = []
        run = ""
        for part in [*parts, None]:
            if isinstance(part, str):
                run += part  # neighbours are encoded together: "User: " and a word share a token
                continue
            if run:
                ids += self.text_ids(run)
                run = ""
            if part is not None:
                ids.append(part)
        return ids

    def text_ids(self, text: str) -> list[int]:
        """Ids of text that is only text."""
        clean = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate would stop the encoder
        ids = list(self._plain.encode(clean, add_special_tokens=False).ids)
        if self.control_ids.isdisjoint(ids):
            return ids
        # The vocabulary itself holds a control string as a word: taken sign by sign it is none.
        return [number for sign in clean for number in self._plain.encode(sign, add_special_tokens=False).ids]

    def _shortened(self, content: str, excess: int) -> str:
        """`content` without its last `excess` tokens, cut between characters."""
        clean = content.encode("utf-8", "replace").decode("utf-8")
        encoded = self._plain.encode(clean, add_special_tokens=False)
        keep = len(encoded.ids) - excess
        end = int(encoded.offsets[keep - 1][1]) if keep > 0 else 0
        return clean[: min(end, len(clean) - 1)]


def whole(messages: Sequence[Message]) -> list[Message]:
    """The turns as they are read: content and tail in one."""
    return [
        {"role": turn["role"], "content": turn["content"] + turn["tail"]} if turn.get("tail") else turn
        for turn in messages
    ]


def control_ids(tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    """Ids of all added tokens but those that are plain letters (deepseek-llm keeps some accented letters there)."""
    added = tokenizer.added_tokens_decoder
    return frozenset(number for number, token in added.items() if token.special or _is_control(token.content))


def _without_control_tokens(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """A copy of the tokenizer that reads `<｜User｜>` as ordinary characters.

    The switch `encode_special_tokens` of the tokenizers library is not enough: DeepSeek marks role and think tokens
    as not special. Added tokens that are plain letters stay.
    """
    from tokenizers import Tokenizer

    count = len(tokenizer.get_added_vocab())
    if tokenizer in _PLAIN and _PLAIN[tokenizer][0] == count:
        return _PLAIN[tokenizer][1]
    whole: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    whole["added_tokens"] = [
        token for token in whole["added_tokens"] if not (token["special"] or _is_control(token["content"]))
    ]
    whole["post_processor"] = whole["truncation"] = whole["padding"] = None
    try:
        plain = Tokenizer.from_str(json.dumps(whole))
    except Exception as error:  # a bare one, of a vocabulary that cannot be written and read again
        raise _broken_vocabulary(error) from error
    _PLAIN[tokenizer] = (count, plain)
    return plain


def _broken_vocabulary(error: Exception) -> ModelError:
    said = " ".join(str(error).split())[:120]
    return ModelError(
        f"its model.vocab and model.merges cannot be read again ({said}): take tokenizer.json from the model's own "
        "repository again",
        f"其中的 model.vocab 与 model.merges 无法再次读取（{said}）：请从该模型的仓库重新获取 tokenizer.json",
        place="tokenizer.json",
    )


def _is_control(text: str) -> bool:
    return len(text) > 1 and any(sign in _CONTROL_SIGNS for sign in text)


def _split_marks(text: str, added: dict[str, int]) -> list[str | int]:
    """`<think>\\n` -> [id of <think>, "\\n"]."""
    marks = [mark for mark in (THINK, THINK_END) if mark in added]
    if not text or not marks:
        return [text] if text else []
    pieces = re.split("(" + "|".join(re.escape(mark) for mark in marks) + ")", text)
    return [added[piece] if piece in marks else piece for piece in pieces if piece]


def _thought_of(text: str) -> tuple[str | None, str]:
    """(what was thought, what was said). Without an end of a thought nothing was thought: None."""
    thought, end, said = text.rpartition(THINK_END)
    if not end:
        return None, text
    return thought.removeprefix(THINK), said


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
    """Without the first turn that is neither system nor the last user turn; None when only these are left.

    The answers behind it go with it: without its question an answer says nothing, and a system text that is folded into
    the first question would stand behind it.
    """
    last = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=-1)
    first = next((at for at, message in enumerate(messages) if message["role"] != "system"), last)
    if first >= last:
        return None
    leads = next(at for at in range(first + 1, last + 1) if messages[at]["role"] == "user")
    return [message for at, message in enumerate(messages) if at >= leads or message["role"] == "system"]
