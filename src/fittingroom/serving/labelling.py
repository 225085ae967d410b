"""Who answers with labels for a bundle: every label scored as a whole answer, calibrated, and what is answered then."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.serving.bundle import BundleInfo
from fittingroom.tasks.abstaining import kept
from fittingroom.tasks.classify import probabilities, shifted
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.options import Places, by_label

if TYPE_CHECKING:
    import numpy as np

    from fittingroom.models.render import Renderer


class Labeller:
    """Labels of one model. Without `calibrated`, probabilities are as the model gives them, and it never abstains."""

    def __init__(
        self, info: BundleInfo, model: Any, renderer: Renderer, *, calibrated: bool, lock: threading.Lock
    ) -> None:
        job = job_of(info.task)
        self._info = info
        self._model = model
        self._lock = lock
        self._temperature = info.temperature if calibrated else 1.0
        self._shift = info.prior_shift if calibrated else {}
        self._threshold = info.abstention.threshold if info.abstention and calibrated else None
        self._answers = [renderer.answer_ids(text) for text in job.answers(info.task, info.labels)]
        self._places = Places(job, info.task, info.labels)
        self.longest = max((len(answer) for answer in self._answers), default=info.max_tokens)
        """Tokens of the longest answer; where answers are free, as many as they may have."""

    def score(self, prompts: list[list[int]], shown: Sequence[Sequence[str]]) -> np.ndarray:
        """[n, k] float64 calibrated probabilities, in the order of the bundle's labels.

        `shown`: for every prompt the labels in the order in which it lists them.
        """
        from fittingroom.models.scoring import score_answers

        with self._lock:
            raw = score_answers(self._model, prompts, self._answers)
        scores = by_label(raw, [self._places(order) for order in shown])
        return probabilities(shifted(scores, self._info.labels, self._shift), self._temperature)

    def decide(self, probabilities: np.ndarray) -> list[tuple[str, bool]]:
        """For every row of probabilities [n, k] the answer, and whether the model abstains (see `Prediction`).

        Of equally likely labels the first one wins.
        """
        best = probabilities.argmax(axis=1).tolist()
        given = kept(probabilities.max(axis=1), self._threshold).tolist()
        none = self._info.task.none_of_these
        instead = none if none is not None and none not in self._info.labels else None
        return [
            (self._info.labels[at] if sure or instead is None else instead, not sure)
            for at, sure in zip(best, given, strict=True)
        ]
