"""Plain generation, token by token, so that an answer can be streamed, stopped and cancelled.

Greedy unless a temperature is given. Each step holds the model's lock for itself alone: several answers are made in
turn, and a slow reader keeps nobody waiting. With greedy decoding the tokens are those of transformers' `generate`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from fittingroom.types import Frozen

if TYPE_CHECKING:
    from torch import Generator, Tensor

_HALF_A_CHARACTER = "\ufffd"


class Sampling(Frozen):
    """How an answer is drawn."""

    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """0 takes the likeliest token each time."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Only the likeliest tokens that together have this probability are drawn from."""
    stop: tuple[str, ...] = ()
    """The answer ends before any of these."""
    seed: int | None = None
    """With the same seed the same answer; None draws a new one each time."""


class Reply(NamedTuple):
    """A whole answer."""

    text: str
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int


def tokens(model: Any, prompt: Sequence[int], *, end: int, sampling: Sampling, lock: threading.Lock) -> Iterator[int]:
    """The tokens of an answer, its end mark included when it comes, at most `sampling.max_tokens`."""
    import torch

    generator = None
    if sampling.temperature > 0:
        generator = torch.Generator(device=model.device)
        generator.seed() if sampling.seed is None else generator.manual_seed(sampling.seed % 2**63)
    cache: Any = None
    ids = torch.tensor([list(prompt)], device=model.device)
    for _ in range(sampling.max_tokens):
        # The mode is entered anew for each step: it belongs to the thread, and the consumer may be another one.
        with lock, torch.inference_mode():
            out = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            token = _drawn(out.logits[0, -1].float(), sampling, generator)
            ids = torch.tensor([[token]], device=model.device)
        yield token
        if token == end:
            return


def _drawn(logits: Tensor, sampling: Sampling, generator: Generator | None) -> int:
    """One token. Equally likely ones: the smallest id when greedy."""
    import torch

    if generator is None:
        return int(logits.argmax())
    shares = torch.softmax(logits / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        ordered, places = shares.sort(descending=True, stable=True)
        ordered[ordered.cumsum(0) - ordered >= sampling.top_p] = 0
        shares = torch.zeros_like(shares).scatter(0, places, ordered)
    return int(torch.multinomial(shares, 1, generator=generator))


class Stream:
    """An answer while it is made: iterate for pieces of text; afterwards `reply` is the whole.

    Pieces are whole characters, and never part of a stop string.
    """

    def __init__(
        self,
        made: Iterator[int],
        decode: Callable[[list[int]], str],
        *,
        end: int,
        prompt_tokens: int,
        stop: Sequence[str] = (),
        mark: str = "",
    ) -> None:
        self._made = made
        self._decode = decode
        self._end = end
        self._stop = tuple(stop)
        self._mark = mark
        """Put behind an answer that says something."""
        self.prompt_tokens = prompt_tokens
        self.reply: Reply | None = None

    def __iter__(self) -> Iterator[str]:
        ids: list[int] = []
        count = said = 0
        text = ""
        finish: Literal["stop", "length"] = "length"
        for token in self._made:
            count += 1
            if token == self._end:
                finish = "stop"
                break
            ids.append(token)
            text = self._decode(ids)
            cut = self._stopped(text)
            if cut is not None:
                text, finish = text[:cut], "stop"
                break
            ready = self._ready(text)
            if ready > said:
                yield text[said:ready]
                said = ready
        if len(text) > said:
            yield text[said:]
        if self._mark and text.strip() and not text.rstrip().endswith(self._mark.strip()):
            yield self._mark
            text += self._mark
        self.reply = Reply(text, finish, self.prompt_tokens, count)

    def whole(self) -> Reply:
        """Make the answer to its end."""
        for _ in self:
            pass
        assert self.reply is not None
        return self.reply

    def _stopped(self, text: str) -> int | None:
        """Where the first stop string begins."""
        found = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        return min(found) if found else None

    def _ready(self, text: str) -> int:
        """How much of the text cannot change any more: not a torn character, not the head of a stop string."""
        end = len(text.rstrip(_HALF_A_CHARACTER))
        for stop in self._stop:
            for size in range(min(len(stop) - 1, end), 0, -1):
                if text.endswith(stop[:size], 0, end):
                    end -= size
                    break
        return end
