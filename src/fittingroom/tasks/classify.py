"""Classify: the model answers with one label of a closed set.

The label is never generated and parsed: every label is scored as a whole answer (its text, or its letter, and the end
mark), so an answer outside the set cannot happen, and the probabilities are those of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fittingroom.errors import RecipeError, UserError
from fittingroom.tasks.aspects import misplaced, open_labels, wording
from fittingroom.tasks.config import QUESTION, TaskConfig
from fittingroom.tasks.job import Job
from fittingroom.tasks.options import by_letter, dealt, letter, listed
from fittingroom.tasks.rows import targets
from fittingroom.types import Splits

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_COLDEST, _HOTTEST = 0.05, 20.0


def labels_of(splits: Splits, task: TaskConfig) -> list[str]:
    """The labels that the model is taught: the task's own, or those that the rows of all parts carry, sorted.

    `none_of_these` is among them where a training row has it. Raises UserError for fewer than two labels, RecipeError
    where "none of these" can neither be learnt nor be told by abstaining.
    """
    found = set(task.all_labels or ())
    if not found:
        for table in splits.parts().values():
            found.update(target for target in targets(table.arrow(), task) if target is not None)
    none = task.none_of_these
    if none is not None:
        found.discard(none)
        if none in set(targets(splits.train.arrow(), task)):
            found.add(none)
        elif task.precision is None:
            raise RecipeError(
                f"no training row has {none!r}, so it is answered by abstaining, and nothing says when: set "
                "task.precision, or bring rows of it",
                f"没有训练数据属于 {none!r}，只能靠弃答来给出，但没有说明何时弃答："
                "请设置 task.precision，或补充该类数据",
                place="task.none_of_these",
            )
    if len(found) < 2:
        raise UserError(
            f"the rows carry {len(found)} label(s), and a choice needs two: check task.target and the sources",
            f"数据中只有 {len(found)} 个标签，分类至少需要两个：请检查 task.target 与数据源",
            place="task.target",
        )
    if not task.questions:
        by_letter(task, len(found))
    return [label for label in task.all_labels if label in found] if task.all_labels else sorted(found)


def messages(given: Mapping[str, str], task: TaskConfig, labels: Sequence[str]) -> list[dict[str, str]]:
    """The conversation that asks for the label of one input.

    One field stands alone; several are named, one a line. The instruction and the list of labels, with their letters
    where those are answered, form the system turn. With several questions the one that is asked stands behind the text,
    with its labels: what all questions share comes first.
    """
    lettered = by_letter(task, len(labels))
    options = [listed(labels, lettered=lettered)] if lettered or task.list_labels else []
    system = [task.instruction] if task.instruction else []
    fields = [name for name in task.input if not (task.questions and name == QUESTION)]
    if len(fields) == 1:
        text = given.get(fields[0], "")
    else:
        text = "\n".join(f"{name}: {given.get(name, '')}" for name in fields)
    user = {"role": "user", "content": text}
    if task.questions:
        user["tail"] = "\n\n" + "\n".join([wording(given, task), *options])
    else:
        system += options
    asked = [{"role": "system", "content": "\n".join(system)}] if system else []
    return [*asked, user]


def answer(target: str, task: TaskConfig, labels: Sequence[str]) -> str:
    """What the model shall say for this label: its letter among those that are shown, or the label itself."""
    return letter(labels.index(target)) if by_letter(task, len(labels)) else target


class _Classify:
    """The job; see `Job` for what each part says."""

    kind = "classify"
    closed = True
    metrics = ("macro_f1", "accuracy", "macro_precision", "macro_recall")

    def labels(self, splits: Splits, task: TaskConfig) -> list[str]:
        return labels_of(splits, task)

    def choices(self, given: Mapping[str, str], task: TaskConfig, labels: Sequence[str], row: str = "") -> list[str]:
        shown = open_labels(given, task) if task.questions else list(labels)
        return dealt(shown, task.permute, row) if row and task.permute else shown

    def messages(self, given: Mapping[str, str], task: TaskConfig, labels: Sequence[str]) -> list[dict[str, str]]:
        return messages(given, task, labels)

    def answer(self, target: str, task: TaskConfig, labels: Sequence[str]) -> str:
        return answer(target, task, labels)

    def answers(self, task: TaskConfig, labels: Sequence[str]) -> list[str]:
        sets: list[Sequence[str]] = [one.labels for one in task.questions.values()] or [labels]
        return list(dict.fromkeys(answer(label, task, shown) for shown in sets for label in shown))

    def learnable(self, table: pa.Table, task: TaskConfig) -> list[str]:
        return misplaced(table, task) if task.questions else [""] * table.num_rows


JOB: Job = _Classify()


def probabilities(scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """[n, k] probabilities over the labels from summed log-probabilities, flattened (or sharpened) by the
    temperature.
    """
    import numpy as np

    scaled = scores / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    weights = np.exp(scaled)
    result: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return result


def shifted(scores: np.ndarray, labels: Sequence[str], shift: Mapping[str, float]) -> np.ndarray:
    """[n, k] scores with the prior put right: `shift` holds log(share in the world) - log(share in training)."""
    import numpy as np

    return scores + np.asarray([shift.get(label, 0.0) for label in labels]) if shift else scores


def fit_temperature(scores: np.ndarray, wanted: Sequence[int]) -> float:
    """The temperature that makes the wanted labels likeliest (Guo et al., arXiv 1706.04599).

    The wanted label counts (n + 1) / (n + 2), as Platt (1999) proposed, and the others share the rest: a part of n
    rows without one error must not make the model certain. The loss is convex in 1/T, so a ternary search finds its
    minimum in [0.05, 20]. A score of -inf is a label that stands not open to its row.
    """
    import numpy as np

    rows, index = np.arange(len(wanted)), np.asarray(wanted)
    doubt = 1.0 / (len(wanted) + 2)
    right = scores[rows, index]
    open_ = np.isfinite(scores)
    others = (np.where(open_, scores, 0.0).sum(axis=1) - right) / np.maximum(1, open_.sum(axis=1) - 1)

    def loss(inverse: float) -> float:
        scaled = scores * inverse
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((total - inverse * ((1 - doubt) * right + doubt * others)).mean())

    low, high = 1.0 / _HOTTEST, 1.0 / _COLDEST
    for _ in range(100):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, second) if loss(first) <= loss(second) else (first, high)
    # Rounded, so that the last bits of a sum do not make another release.
    return round(2.0 / (low + high), 6)


def macro_f1(wanted: Sequence[int], predicted: Sequence[int]) -> float:
    """Mean F1 over the classes that occur among the wanted ones."""
    import numpy as np

    true, said = np.asarray(wanted), np.asarray(predicted)
    scores = []
    for label in np.unique(true):
        hit = int(((true == label) & (said == label)).sum())
        scores.append(2 * hit / (int((true == label).sum()) + int((said == label).sum())))
    return float(np.mean(scores)) if scores else 0.0
