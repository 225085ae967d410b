"""What users send, made ready for the model: fields in the task's order, cleaned and redacted as training did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fittingroom.errors import UserError
from fittingroom.serving.bundle import BundleInfo
from fittingroom.tasks.config import QUESTION
from fittingroom.text.clean import Cleaned, clean_batch
from fittingroom.text.redact import agree, redact_batch

RawInput = str | Mapping[str, str]
"""What a user sends: the text alone where the task has one field, else field -> text."""


class Washed(NamedTuple):
    """An input as the model gets it."""

    input: dict[str, str]
    edits: dict[str, int]
    """What cleaning and redaction did: rule and count."""


class Inputs:
    """Makes inputs ready for the model of one bundle. `secret`: key of the pseudonyms."""

    def __init__(self, info: BundleInfo, secret: bytes) -> None:
        self._task, self._config, self._secret = info.task, info.prepare, secret

    def prepared(self, raw_inputs: Sequence[RawInput]) -> list[Washed]:
        """As users send them -> cleaned and redacted. Raises UserError that names the position of an unusable one."""
        given = [self._fields(raw, at) for at, raw in enumerate(raw_inputs)]
        # What is asked is the shop's own, and stays as the recipe names it.
        asked = [{name: item.pop(name) for name in [QUESTION] if self._task.questions} for item in given]
        washed = self.washed(given, place="input")
        return [one._replace(input={**one.input, **names}) for one, names in zip(washed, asked, strict=True)]

    def washed(
        self, given: list[dict[str, str]], place: str, *, clean: Sequence[bool] | None = None, together: bool = False,
        empty: bool = False,
    ) -> list[Washed]:  # fmt: skip
        """Clean (all, or those marked), then redact. Raises UserError when nothing is left of an input (with `empty`,
        nothing need be known).

        What is personal in one field of an input goes from all its fields; `together`: from all inputs, as they are
        turns of one conversation.
        """
        config = self._config
        marks = clean or [True] * len(given)
        texts = [(text, mark) for item, mark in zip(given, marks, strict=True) for text in item.values()]
        cleaned = iter(clean_batch([text for text, mark in texts if mark], config.clean))
        ready = [next(cleaned) if mark else Cleaned(text) for text, mark in texts]
        redacted = redact_batch([one.text for one in ready], config.redact, self._secret)
        if together:
            agree(redacted, config.redact, self._secret)
        done = iter(zip(ready, redacted, strict=True))
        found = []
        for at, (item, mark) in enumerate(zip(given, marks, strict=True)):
            pairs = [next(done) for _ in item]
            agree([safe for _, safe in pairs], config.redact, self._secret)
            edits: Counter[str] = Counter()
            for before, safe in pairs:
                edits.update(before.edits)
                edits.update(safe.edits)
            fields = {name: safe.text for name, (_, safe) in zip(item, pairs, strict=True)}
            if mark and not empty and not any(text.strip() for text in fields.values()):
                raise UserError("has no text", "没有文字", place=f"{place}.{at}")
            found.append(Washed(fields, dict(edits)))
        return found

    def _fields(self, raw: RawInput, at: int) -> dict[str, str]:
        """Field -> text, in the task's order. A field that is not sent is empty, as a null was in training."""
        names = self._task.input
        known, place = ", ".join(names), f"input.{at}"
        if isinstance(raw, str):
            if len(names) > 1:
                raise UserError(f"must be an object with {known}", f"必须是包含 {known} 的对象", place=place)
            return {names[0]: raw}
        if set(raw) - set(names):
            # The name of the unknown field is the sender's text and is not repeated.
            raise UserError(f"holds a field that is none of {known}", f"含有 {known} 以外的字段", place=place)
        questions = self._task.questions
        if questions and raw.get(QUESTION) not in questions:
            asked = ", ".join(questions)
            raise UserError(f"must be one of {asked}", f"必须是其中之一：{asked}", place=f"{place}.{QUESTION}")
        return {name: raw.get(name, "") for name in names}
