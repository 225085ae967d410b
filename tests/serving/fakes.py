"""Stand-ins for what the application is given: a predictor without a model, a provider, a sink."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from fittingroom.errors import UserError
from fittingroom.serving.answers import Chat, Prediction
from fittingroom.serving.champions import Served
from fittingroom.serving.generation import Sampling, Stream
from fittingroom.serving.inputs import RawInput
from fittingroom.serving.ranking import Ranked, RawQuestion
from fittingroom.serving.recorder import Record
from fittingroom.serving.writing import Written
from fittingroom.types import Release

TOKEN = "a-token-of-the-tests-000001"
LABELS = ["好评", "差评", "neutral"]
END = -1


class FakePredictor:
    """Answers at once; `classify` waits for `gate` when there is one, and raises `fault` when there is one."""

    def __init__(self, *, first: str = "好评", wash: Callable[[str], str] = lambda text: text) -> None:
        self.labels = [first, *(label for label in LABELS if label != first)]
        self.wash = wash
        self.marks = False
        self.gate: threading.Event | None = None
        self.entered = threading.Event()
        self.fault: Exception | None = None
        self.answer = first
        self.samplings: list[Sampling] = []
        self.tokens_made = 0

    def classify(self, raw_inputs: Sequence[RawInput]) -> list[Prediction]:
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(20)
        if self.fault is not None:
            raise self.fault
        for at, raw in enumerate(raw_inputs):
            if not isinstance(raw, str) and set(raw) - {"review"}:
                raise UserError("holds a field that is none of review", "含有未知字段", place=f"input.{at}")
        return [self._predicted(raw if isinstance(raw, str) else raw.get("review", "")) for raw in raw_inputs]

    def rank(
        self, raw: RawQuestion, candidates: Sequence[str] | None = None, *, most: int = 10, personal: bool = True
    ) -> Ranked:
        if self.fault is not None:
            raise self.fault
        titles = list(candidates or ["milk", "bread"])[:most]
        return Ranked(titles=titles, scores=[-float(place) for place in range(len(titles))], input={})

    def write(self, raw_inputs: Sequence[RawInput]) -> list[Written]:
        if self.fault is not None:
            raise self.fault
        return [
            Written(
                text=self.answer,
                finish_reason="stop",
                ai_generated=self.marks,
                input={"review": self.wash(raw if isinstance(raw, str) else raw.get("review", ""))},
                edits={},
            )
            for raw in raw_inputs
        ]

    def _predicted(self, text: str) -> Prediction:
        shares = dict(zip(self.labels, (0.7, 0.2, 0.1), strict=True))
        return Prediction(
            label=self.labels[0], probabilities=shares, confidence=0.7, input={"review": self.wash(text)}, edits={}
        )

    def start_chat(self, messages: Sequence[Mapping[str, str]], sampling: Sampling) -> Chat:
        if self.fault is not None:
            raise self.fault
        if messages[-1]["role"] != "user":
            raise UserError("the last message must be the user's", "最后一条消息必须来自用户", place="messages")
        self.samplings.append(sampling)
        given = self.wash(messages[-1]["content"])
        stream = Stream(self._tokens(sampling), _decode, end=END, prompt_tokens=7, stop=sampling.stop)
        return Chat(stream, {"review": given})

    def _tokens(self, sampling: Sampling) -> Iterator[int]:
        """One token per byte of the answer, as a tokenizer of bytes would."""
        for number in [*self.answer.encode(), END][: sampling.max_tokens]:
            self.tokens_made += 1
            if self.gate is not None and self.tokens_made > 3:
                self.entered.set()
                assert self.gate.wait(20)
            yield number


def _decode(ids: list[int]) -> str:
    return bytes(ids).decode("utf-8", "replace")


def release(version: int) -> Release:
    return Release(
        version=version,
        bundle=f"b{version}",
        run="r",
        name="reviews",
        base="nano",
        metrics={"test.macro_f1": 0.9},
        created="2026-11-22T10:00:00+00:00",
    )


class FakeProvider:
    """One alias, moved by hand."""

    def __init__(self, predictor: FakePredictor) -> None:
        self.served: Served | None = Served("champion", release(1), predictor)

    def names(self) -> Sequence[str]:
        return ("champion",)

    def current(self, alias: str) -> Served | None:
        if alias != "champion":
            raise KeyError(alias)
        return self.served

    def move(self, version: int, predictor: FakePredictor) -> None:
        self.served = Served("champion", release(version), predictor)


class Kept:
    """A sink that keeps records in memory, or breaks."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.broken = False

    def write(self, records: list[Record]) -> None:
        if self.broken:
            raise OSError("disk full")
        self.records += records

    def close(self) -> None:
        pass
