"""Free answers as numbers per row: every metric of `reply` and `copywrite`, in [0, 1], higher is better.

NaN where a metric does not apply to a row: exact match on a long answer, fact consistency in a task without facts, the
hand-over on a row that needs none. An answer without a word scores 0 in all that apply: silence repeats nothing and
claims nothing, and must not win by that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fittingroom.statistics.generation import overlap
from fittingroom.statistics.generation.attributes import coverage, faithfulness, vocabulary
from fittingroom.statistics.generation.copying import Learnt
from fittingroom.statistics.generation.grounding import unsupported
from fittingroom.statistics.generation.habits import (
    answers,
    corpus_distinct,
    distinct,
    hands_over,
    length_window,
    unrepeated,
    within,
)
from fittingroom.statistics.generation.lawful import lawful
from fittingroom.statistics.generation.tokens import tokens
from fittingroom.statistics.judging import Exam
from fittingroom.tasks import copywrite, reply
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHORT = 20
"""Words of a reference up to which exact match and token F1 say something."""
_NOT = float("nan")


@dataclass(frozen=True)
class Measure:
    """What answers are measured by: the task, and what was seen in training."""

    task: TaskConfig
    window: tuple[int, int]
    """Fewest and most words of a good answer."""
    known: list[str] = field(default_factory=list)
    """copywrite: attribute values of the training rows."""
    learnt: Learnt | None = None
    """copywrite: the training copies, to look for what was copied."""

    @classmethod
    def of(cls, task: TaskConfig, train: Exam) -> Measure:
        """Take from the labelled training rows what the recipe does not say."""
        style = task.reply or task.copywrite
        low, high = length_window(train.targets) if train.targets else (1, 2**31)
        window = (style.min_words or low, style.max_words or high) if style else (low, high)
        if task.kind != "copywrite":
            return cls(task, window)
        rows = [copywrite.attributes_of(given, task) for given in train.inputs]
        return cls(task, window, vocabulary(rows), Learnt(train.targets))

    def values(self, exam: Exam, said: Sequence[str]) -> dict[str, Floats]:
        """Metric -> [n], in the order of the exam; the metrics of the job, in its order."""
        import numpy as np

        one = self._copy if self.task.kind == "copywrite" else self._reply
        rows = [one(given, text, wanted) for given, text, wanted in zip(exam.inputs, said, exam.targets, strict=True)]
        blank = np.array([not tokens(text) for text in said], dtype=bool)
        found = {}
        for name in job_of(self.task).metrics:
            column = np.array([row[name] for row in rows], dtype=np.float64)
            found[name] = np.where(blank & np.isfinite(column), 0.0, column).round(6)
        return found

    def _overlap(self, said: str, wanted: str) -> dict[str, float]:
        return {
            "rouge_l": overlap.rouge_l(said, wanted),
            "bleu": overlap.bleu(said, wanted),
            "chrf": overlap.chrf(said, wanted),
            "length_fits": within(said, self.window),
            "unrepeated": unrepeated(said),
        }

    def _reply(self, given: Mapping[str, str], said: str, wanted: str) -> dict[str, float]:
        task, short = self.task, len(tokens(wanted)) <= SHORT
        facts, config = reply.facts_of(given, task), reply.settings(task)
        left = unsupported(said, reply.evidence(facts), reply.said_by_customer(given, task)) if config.facts else []
        due = reply.must_hand_over(given, wanted, task)
        return self._overlap(said, wanted) | {
            "token_f1": overlap.token_f1(said, wanted) if short else _NOT,
            "exact_match": overlap.exact_match(said, wanted) if short else _NOT,
            "fact_consistency": float(not left) if config.facts else _NOT,
            "hand_over_recall": float(hands_over(said, config.hand_over)) if due else _NOT,
            "answered": answers(said, wanted),
        }

    def _copy(self, given: Mapping[str, str], said: str, wanted: str) -> dict[str, float]:
        config, own = copywrite.settings(self.task), copywrite.attributes_of(given, self.task)
        assert self.learnt is not None
        return self._overlap(said, wanted) | {
            "coverage": coverage(said, own) if own else _NOT,
            "faithfulness": faithfulness(said, own, self.known),
            "lawful": lawful(said, config.forbidden, config.allowed),
            "distinct_2": distinct(said, 2),
            "own_words": self.learnt.own(said),
        }

    def told(self, exam: Exam, said: Sequence[str]) -> dict[str, object]:
        """What has no value per row: BLEU and distinct word pairs over all answers, blank ones; for `reply` the kinds
        of claims that no fact supports, and rows that were given no fact where the task hands some in.
        """
        found: dict[str, object] = {
            "corpus_bleu": round(overlap.corpus_bleu(said, exam.targets), 6),
            "corpus_distinct_2": round(corpus_distinct(said), 6),
            "blank": sum(not tokens(text) for text in said),
        }
        config = self.task.reply
        if config is None or not config.facts:
            return found
        kinds: Counter[str] = Counter()
        none = 0
        for given, text in zip(exam.inputs, said, strict=True):
            facts = reply.facts_of(given, self.task)
            none += not facts
            kinds.update(
                claim.kind
                for claim in unsupported(text, reply.evidence(facts), reply.said_by_customer(given, self.task))
            )
        return found | {"unsupported": dict(sorted(kinds.items())), "rows_without_facts": none}
