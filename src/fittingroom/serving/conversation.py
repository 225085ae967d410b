"""Who answers in a conversation for a bundle: the turns made safe, the prompt, and the answer under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.errors import UserError
from fittingroom.serving.answers import Chat
from fittingroom.serving.bundle import BundleInfo
from fittingroom.serving.generation import Sampling, Stream, tokens
from fittingroom.serving.inputs import Inputs
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.marking import unmarked

if TYPE_CHECKING:
    from fittingroom.models.render import Renderer


class Talker:
    """Chat answers of one model. `decode` makes text of token ids; `mark` is put behind each answer."""

    def __init__(
        self, info: BundleInfo, model: Any, renderer: Renderer, decode: Callable[[list[int]], str], *, inputs: Inputs,
        prompt_limit: int, mark: str, lock: threading.Lock,
    ) -> None:  # fmt: skip
        """`prompt_limit`: tokens at which training cut its prompts; `lock`: what guards the model."""
        self._task, self._labels, self._job = info.task, info.labels, job_of(info.task)
        self._model, self._renderer, self._decode = model, renderer, decode
        self._inputs, self._prompt_limit, self._mark, self._lock = inputs, prompt_limit, mark, lock

    def start(self, messages: Sequence[Mapping[str, str]], sampling: Sampling) -> Chat:
        """Begin an answer (see `Predictor.start_chat`)."""
        if not messages or messages[-1]["role"] != "user":
            raise UserError("the last message must be the user's", "最后一条消息必须来自用户", place="messages")
        turns, given = self.turns(messages)
        asks_for_label = len(messages) == 1
        reads = int(self._model.config.max_position_embeddings)
        room = reads - 1
        prompt, cut = self._renderer.prompt(turns, min(self._prompt_limit, room) if asks_for_label else room)
        if (cut and not asks_for_label) or len(prompt) > room:
            raise UserError(
                f"the conversation is longer than the {room} tokens that the model can read",
                f"对话超过模型可读的 {room} 个 token",
                place="messages",
            )
        bounded = sampling.model_copy(update={"max_tokens": min(sampling.max_tokens, reads - len(prompt))})
        made = tokens(self._model, prompt, end=self._renderer.eos_id, sampling=bounded, lock=self._lock)
        stream = Stream(
            made,
            self._decode,
            end=self._renderer.eos_id,
            prompt_tokens=len(prompt),
            stop=sampling.stop,
            mark=self._mark,
        )
        return Chat(stream, given)

    def turns(self, messages: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, str]], dict[str, str]]:
        """The turns as the model gets them, and the last user message.

        What the user said is cleaned and redacted, what was answered is redacted, and what is personal in one turn goes
        from all of them. The system's turn is the shop's own and stays.
        """
        # A task of several fields has no place for a lone text; then it is free talk, prepared all the same.
        field = self._task.input[0] if len(self._task.input) == 1 else "message"
        spoken = [at for at, message in enumerate(messages) if message["role"] != "system"]
        safe = self._inputs.washed(
            [{field: self._as_said(messages[at])} for at in spoken],
            place="messages",
            clean=[messages[at]["role"] == "user" for at in spoken],
            together=True,
        )
        turns = [{**message, "content": self._as_said(message)} for message in messages]
        for at, one in zip(spoken, safe, strict=True):
            turns[at]["content"] = one.input[field]
        given = safe[-1].input
        if not any(message["role"] == "system" for message in messages):
            shown = self._job.choices({}, self._task, self._labels)
            asked = self._job.messages({}, self._task, shown)
            turns = [turn for turn in asked if turn["role"] == "system"] + turns
        return turns, given

    def _as_said(self, message: Mapping[str, str]) -> str:
        """A turn as it was learnt: an earlier answer without the mark that it was sent with."""
        content = message["content"]
        return unmarked(content, self._mark) if message["role"] == "assistant" else content
