"""Who writes free answers for a bundle: greedy, or the best of several drafts; marked where the task asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from fittingroom.serving.bundle import BundleInfo
from fittingroom.serving.generation import Sampling, tokens
from fittingroom.serving.writing import Made, greedy
from fittingroom.statistics.generation.reranking import best_of
from fittingroom.tasks import copywrite
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.marking import marked, unmarked

Said = tuple[str, Literal["stop", "length"]]
"""A text, and why it ended: by the model, or because it was as long as an answer may be."""


def mark_of(task: TaskConfig) -> str:
    """What is put behind each answer; "" where answers carry no mark."""
    style = task.reply or task.copywrite
    return style.mark_text if style is not None and style.mark else ""


class Writer:
    """Free answers of one model. `decode` makes text of token ids."""

    def __init__(
        self, info: BundleInfo, model: Any, decode: Callable[[list[int]], str], *, end: int, lock: threading.Lock
    ) -> None:
        self._info = info
        self._model = model
        self._decode = decode
        self._end = end
        self._lock = lock
        self.mark = mark_of(info.task)
        """What is put behind each answer; "" for nothing."""

    def marked(self, text: str) -> str:
        """The text as it is handed out."""
        return marked(text, self.mark)

    def write(
        self,
        inputs: Sequence[Mapping[str, str]],
        prompts: Sequence[list[int]],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Said]:
        """Answers to prepared inputs and their prompts, without the mark."""
        made = greedy(
            self._model,
            prompts,
            end=self._end,
            pad=self._end,
            most=self._info.max_tokens,
            lock=self._lock,
            progress=progress,
        )
        found = [self._said(one) for one in made]
        config = self._info.task.copywrite
        if config is None or config.drafts == 1:
            return found
        return [self._best(*one, config.drafts, config.temperature) for one in zip(inputs, prompts, found, strict=True)]

    def _said(self, made: Made) -> Said:
        # Answers of the training rows may carry the mark themselves; it is put on once, at the end.
        return unmarked(self._decode(made.ids), self.mark).strip(), "stop" if made.ended else "length"

    def _best(self, given: Mapping[str, str], prompt: list[int], first: Said, many: int, temperature: float) -> Said:
        """The best of a greedy draft and of others, each drawn with the seed of its number: the same every time."""
        drafts = [first]
        for number in range(1, many):
            sampling = Sampling(max_tokens=self._info.max_tokens, temperature=temperature, seed=number)
            ids = list(tokens(self._model, prompt, end=self._end, sampling=sampling, lock=self._lock))
            ended = bool(ids) and ids[-1] == self._end
            drafts.append(self._said(Made(ids[:-1] if ended else ids, ended)))
        task, known = self._info.task, self._info.attributes
        return drafts[best_of([text for text, _ in drafts], lambda text: copywrite.quality(text, given, task, known))]
