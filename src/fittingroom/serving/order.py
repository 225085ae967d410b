"""Whether an answer hangs on the order in which the options stand in the prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.tasks.options import by_letter, orders

if TYPE_CHECKING:
    from fittingroom.serving.predictor import Predictor


def order_facts(
    predictor: Predictor, inputs: Sequence[Mapping[str, str]], *, permutations: int = 4, rows: int = 100, seed: int = 7
) -> dict[str, Any]:
    """Answers of a sample of prepared inputs under other orders of the options, beside those as served. The orders are
    none of those that training was dealt over (`task.permute`).

    shown        whether the prompt lists the options at all; where not, the order cannot matter and nothing is measured
    rows         inputs asked, drawn by the seed
    permutations orders tried, beside the one that is served
    stable       share of the inputs with one and the same answer under all of them
    agreeing     mean share of answers that are the one as served
    served       share of the inputs whose answer as served is the one that most orders give: what the order costs
    """
    labels, task = predictor.labels, predictor.info.task
    sets = [len(one.labels) for one in task.questions.values()] or [len(labels)]
    lists = task.list_labels or any(by_letter(task, count) for count in sets)
    if not inputs or not lists:
        return {"shown": lists, "rows": 0, "permutations": 0}
    ranked = sorted(range(len(inputs)), key=lambda at: (_lot(inputs[at], seed), at))
    some = [inputs[at] for at in sorted(ranked[:rows])]
    said = [predictor.score(some).argmax(axis=1).tolist()]
    for order in orders(len(labels), task.permute + permutations)[task.permute :]:
        shown = [labels[at] for at in order]
        said.append(predictor.score(some, [_only(shown, predictor.shown(given)) for given in some])
                    .argmax(axis=1).tolist())  # fmt: skip
    found = list(zip(*said, strict=True))
    return {
        "shown": True,
        "rows": len(some),
        "permutations": permutations,
        "stable": sum(len(set(answers)) == 1 for answers in found) / len(found),
        "agreeing": sum(answers[1:].count(answers[0]) for answers in found) / (len(found) * permutations),
        "served": sum(answers.count(answers[0]) == max(map(answers.count, answers)) for answers in found) / len(found),
    }


def _only(shown: Sequence[str], open_: Sequence[str]) -> list[str]:
    """The options that stand open to an input, in the order tried."""
    allowed = set(open_)
    return [label for label in shown if label in allowed]


def _lot(given: Mapping[str, str], seed: int) -> bytes:
    told = "\x00".join([str(seed), *(f"{name}={given[name]}" for name in sorted(given))])
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=8).digest()
