"""What is measured during training, on fixed rows of dev and train: loss, and macro-F1 by scoring every label. Where
answers are free, the metric is exp(-loss): the mean probability (geometric) of a token of the wanted answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fittingroom.models.own_answers import score_own
from fittingroom.models.scoring import answer_tree, score_answers
from fittingroom.tasks.classify import macro_f1
from fittingroom.training.ranks import ALONE, Ranks
from fittingroom.training.rows import Encoded, sample
from fittingroom.training.sharing import shares

if TYPE_CHECKING:
    import numpy as np

_SHARE = 0.2
"""Time that all evaluations together may take, as a share of training."""
_FEWEST = 60
_BACKWARD = 3.0
"""Cost of a training token in forward passes."""


@dataclass(frozen=True)
class Probe:
    """The rows that every evaluation looks at, and the answers it scores."""

    dev: Encoded
    train: Encoded
    dev_rows: list[int]
    train_rows: list[int]
    answers: list[list[int]]
    """Of a closed set; [] where answers are free."""

    def measure(self, model: Any, ranks: Ranks = ALONE) -> dict[str, float]:
        """dev_loss, dev_metric, train_loss, train_metric. Losses are nats per answer token. Of several processes each
        scores a share of the rows, and all get the whole.
        """
        training = model.training
        model.eval()
        try:
            dev_loss, dev_metric = self._part(model, self.dev, self.dev_rows, ranks)
            train_loss, train_metric = self._part(model, self.train, self.train_rows, ranks)
        finally:
            model.train(training)
        return {
            "dev_loss": dev_loss,
            "dev_metric": dev_metric,
            "train_loss": train_loss,
            "train_metric": train_metric,
        }

    def _part(self, model: Any, part: Encoded, rows: Sequence[int], ranks: Ranks) -> tuple[float, float]:
        prompts = part.prompts(rows)
        if not self.answers:
            return self._free(model, part, rows, prompts, ranks)
        wanted, said = [part.wanted[row] for row in rows], [part.said(row) for row in rows]
        scores = _shared_out(
            prompts, ranks, model, lambda own: score_answers(model, [prompts[at] for at in own], self.answers)
        )
        tokens = sum(len(self.answers[answer]) for answer in said)
        loss = -sum(float(scores[at, answer]) for at, answer in enumerate(said)) / max(1, tokens)
        return loss, macro_f1(wanted, [int(best) for best in part.label_scores(rows, scores).argmax(axis=1)])

    def _free(
        self, model: Any, part: Encoded, rows: Sequence[int], prompts: list[list[int]], ranks: Ranks
    ) -> tuple[float, float]:
        """Each row's own answer, which is all that can be scored of an endless set."""
        tails = [part.ids[row][part.answer_starts[row] :] for row in rows]
        scores = _shared_out(
            prompts, ranks, model,
            lambda own: score_own(model, [prompts[at] for at in own], [tails[at] for at in own])[:, None],
        )  # fmt: skip
        loss = -float(scores.sum()) / max(1, sum(map(len, tails)))
        return loss, math.exp(-loss) if math.isfinite(loss) else 0.0


def _shared_out(
    prompts: list[list[int]], ranks: Ranks, model: Any, score: Callable[[list[int]], np.ndarray]
) -> np.ndarray:
    """[n, k] of all rows by `score`, [rows, k] of some; each process scores its share, and every row is scored once."""
    if ranks.parts == 1:
        return score(list(range(len(prompts))))
    import numpy as np

    own = shares(prompts, ranks.parts, packed=True)[ranks.part]
    scored: np.ndarray = ranks.together(model, lambda: score(own))
    # The last column counts who scored a row.
    scores = np.zeros((len(prompts), scored.shape[1] + 1))
    scores[own, :-1] = scored
    scores[own, -1] = 1.0
    scores = ranks.summed(scores)
    if not (scores[:, -1] == 1.0).all():
        raise RuntimeError(f"{int((scores[:, -1] != 1.0).sum())} rows were not scored exactly once")
    found: np.ndarray = scores[:, :-1]
    return found


def evaluation_steps(steps: int, epochs: float) -> list[int]:
    """Optimiser steps after which is evaluated: about once an epoch, 5 to 30 times, at the end in any case."""
    count = min(steps, max(5, min(30, round(epochs))))
    return sorted({round(number * steps / count) for number in range(1, count + 1)})


def make_probe(
    train: Encoded, dev: Encoded, answers: list[list[int]], *, rows: int, epochs: float, evaluations: int, seed: int
) -> Probe:
    """Fix the rows of all evaluations: `rows` of dev, half as many of train; fewer where they would cost too much."""
    nodes = len(answer_tree(answers).tokens) if answers else 0
    lengths = [len(ids) for ids in train.ids]
    training = sum(lengths) * epochs * _BACKWARD
    one_row = sum(lengths) / max(1, len(lengths)) + nodes
    affordable = int(_SHARE * training / max(1, evaluations + 1) / one_row / 1.5)
    count = max(_FEWEST, min(rows, affordable))
    return Probe(dev, train, sample(dev, count, seed), sample(train, max(_FEWEST, count // 2), seed), answers)
