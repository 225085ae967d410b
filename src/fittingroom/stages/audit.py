"""Audit: find labels that are probably wrong, mend those of the training part within limits, send the others to people.

Confident learning by cleanlab, on out-of-fold probabilities of a calibrated linear model with grouped folds. Dev,
calibration and test are never touched: a test mended by a model flatters models like it. A poor auditor is not followed
at all, and no class loses more than a share of its rows, because rare classes look like mistakes. What a person decided
in review is not doubted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.sources.decisions import REVIEW
from fittingroom.statistics.folds import components
from fittingroom.statistics.label_errors import COST, detection_rate, probably_wrong
from fittingroom.statistics.linear import fit_linear, out_of_fold
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.rows import (
    Drop,
    dropped,
    inputs_of,
    labels,
    ordered,
    take,
    targets,
    texts,
    with_edits,
    with_targets,
)
from fittingroom.types import Frozen, Splits

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

VERSION = 2
LIBRARIES = ("cleanlab", "scikit-learn", "numpy", "pyarrow")


class AuditConfig(Frozen):
    """How far a model may correct labels."""

    mode: Literal["mend", "review", "off"] = "mend"
    """`mend`: wrong labels of the training part are corrected or removed; `review`: they are only listed; `off`."""
    folds: int = Field(default=5, ge=2, le=20)
    """Folds of the cross-validation; whole groups and clusters stand in one fold."""
    repeats: int = Field(default=2, ge=1, le=10)
    """How often it is repeated with other folds; a label is only replaced when all repetitions agree on the new one."""
    relabel_at: float = Field(default=0.9, gt=0.5, le=1)
    """Probability of the suggested label from which it replaces the given one; below, a wrong row is removed. A lower
    value saves rows and plants new mistakes where right labels were flagged."""
    max_share: float = Field(default=0.2, ge=0, le=1)
    """Share of the rows of a class that may be changed or removed at most; what is beyond goes to review."""
    min_accuracy: float = Field(default=0.5, ge=0, le=1)
    """Out-of-fold accuracy below which the model is not followed."""
    min_skill: float = Field(default=0.4, ge=0, le=1)
    """The same for its skill: (accuracy - share of the largest class) / (1 - share of the largest class)."""


class _Opinion(NamedTuple):
    """What the auditor thinks of the training rows."""

    kinds: list[str]
    given: NDArray[np.intp]
    chances: NDArray[np.float64]
    agreed: NDArray[np.bool_]
    """Whether all repetitions name the same label."""
    accuracy: float
    converged: bool


class _Mended(NamedTuple):
    relabelled: dict[int, str]
    removed: dict[int, Drop]
    left: dict[int, str]
    """Flagged rows that stay as they are, and why."""


def audit(splits: Splits, *, audit: AuditConfig, task: TaskConfig, seed: int, context: Context) -> Splits:
    """Splits with a mended training part; removed rows are dropped as "wrong label", scored with the suggested label's
    probability.

    `review` lists every flagged row of every part: id, part, given, suggested, confidence (probability of the suggested
    label) and reason. Nothing is flagged where the model is not to be trusted (`facts["trusted"]`), nor
    where answers are free: there is no class that a row could be of.
    """
    table = ordered(splits.train.arrow(), task)
    looked_at = audit.mode != "off" and job_of(task).closed
    opinion = _opinion(table, task, audit, seed, context) if looked_at else None
    if opinion is None:
        nothing = {"trusted": False, "flagged": 0, "relabelled": 0, "removed": 0, "by_class": {}}
        measured = {"model_accuracy": 0.0, "chance": 0.0, "estimated_noise": 0.0, "remaining_noise": 0.0}
        free = {} if job_of(task).closed else {"free": True}
        facts = {"mode": audit.mode, "audited": False, **nothing, **measured, **free}
        return _result(splits, table, task, _Mended({}, {}, {}), [], facts)
    chance = max(Counter(opinion.given.tolist()).values()) / len(opinion.given)
    skill = (opinion.accuracy - chance) / (1 - chance)
    trusted = opinion.converged and opinion.accuracy >= audit.min_accuracy and skill >= audit.min_skill
    flagged = probably_wrong(opinion.given, opinion.chances) & ~_decided(table, task) & ~_nowhere(opinion, task)
    mended = _Mended({}, {}, {})
    review: list[dict[str, Any]] = []
    if trusted:
        mended = _mend(table, opinion, flagged, audit)
        review = _review(table, opinion, flagged, mended, audit.mode)
        review += _review_others(splits, table, opinion, task, seed)
    facts = {
        "mode": audit.mode,
        "audited": True,
        "model_accuracy": opinion.accuracy,
        "chance": chance,
        "converged": opinion.converged,
        "trusted": trusted,
        "flagged": int(flagged.sum()) if trusted else 0,
        "relabelled": len(mended.relabelled),
        "removed": len(mended.removed),
        **_noise(table, task, opinion, flagged, mended, audit, seed),
        "review": dict(sorted(Counter(row["part"] for row in review).items())),
        "by_class": _by_class(opinion, flagged, mended) if trusted else {},
    }
    return _result(splits, table, task, mended, review, facts)


def _opinion(table: pa.Table, task: TaskConfig, config: AuditConfig, seed: int, context: Context) -> _Opinion | None:
    """None when there is too little to judge by: one class, or fewer than two groups."""
    import numpy as np

    names, said = labels(table, task), texts(table, task)
    groups = _groups(table)
    folds = min(config.folds, len(set(groups)))
    if folds < 2 or len(set(names)) < 2 or len(names) < 2 * len(set(names)):
        return None
    found = []
    for number in range(config.repeats):
        found.append(out_of_fold(said, names, groups, folds=folds, seed=seed * 1000 + number, cost=COST))
        context.progress("audit", number + 1, config.repeats + 2)
    kinds = found[0].labels
    place = {name: index for index, name in enumerate(kinds)}
    best = np.stack([one.probabilities.argmax(axis=1) for one in found])
    return _Opinion(
        kinds,
        np.asarray([place[name] for name in names], dtype=np.intp),
        _open(np.mean([one.probabilities for one in found], axis=0), kinds, table, task),
        (best == best[0]).all(axis=0),
        float(np.mean([one.accuracy for one in found])),
        all(one.converged for one in found),
    )


def _open(chances: NDArray[np.float64], kinds: Sequence[str], table: pa.Table, task: TaskConfig) -> NDArray[np.float64]:
    """Chances [n, k] within the labels that stand open to each row: those of its question."""
    import numpy as np

    if not task.questions:
        return chances
    job = job_of(task)
    closed = [
        [kind not in shown for kind in kinds]
        for shown in (set(job.choices(given, task, kinds)) for given in inputs_of(table))
    ]
    left = np.where(np.asarray(closed, dtype=bool).reshape(chances.shape), 0.0, chances)
    found: NDArray[np.float64] = left / np.maximum(left.sum(axis=1, keepdims=True), 1e-12)
    return found


def _groups(table: pa.Table) -> list[str]:
    """What must stand in one fold: whatever shares a customer or a cluster."""
    return components(*(table.column(name).to_pylist() for name in ("group", "cluster")), ids=table["id"].to_pylist())


def _decided(table: pa.Table, task: TaskConfig) -> NDArray[np.bool_]:
    """Which rows carry the label that a person gave them in review."""
    import numpy as np

    votes = table.column("annotations").to_pylist()
    return np.asarray(
        [
            any((vote["annotator"] or "").startswith(REVIEW) and vote["label"] == name for vote in found or [])
            for found, name in zip(votes, labels(table, task), strict=True)
        ],
        dtype=bool,
    )


def _nowhere(opinion: _Opinion, task: TaskConfig) -> NDArray[np.bool_]:
    """Which rows belong to none of the classes, as their label says: they are not alike, so that a model of likeness
    takes them for mistakes.
    """
    import numpy as np

    none = [index for index, name in enumerate(opinion.kinds) if name == task.none_of_these]
    found: NDArray[np.bool_] = np.isin(opinion.given, none)
    return found


def _mend(table: pa.Table, opinion: _Opinion, flagged: NDArray[np.bool_], config: AuditConfig) -> _Mended:
    """What to do with each flagged row, the least believed first, until its class is at its limit."""
    import numpy as np

    mended = _Mended({}, {}, {})
    if config.mode != "mend":
        return mended
    ids = table.column("id").to_pylist()
    votes = table.column("annotations").to_pylist()
    best = opinion.chances.argmax(axis=1)
    room = {kind: int(config.max_share * count) for kind, count in Counter(opinion.given.tolist()).items()}
    order = sorted(
        np.flatnonzero(flagged).tolist(), key=lambda index: (opinion.chances[index, opinion.given[index]], ids[index])
    )
    for index in order:
        kind, name = int(opinion.given[index]), opinion.kinds[int(opinion.given[index])]
        suggested, confidence = opinion.kinds[best[index]], round(float(opinion.chances[index, best[index]]), 6)
        if sum(vote["label"] == name for vote in votes[index] or []) > 1:
            mended.left[index] = "several annotators agree on it"
        elif room[kind] < 1:
            mended.left[index] = "its class is at its limit"
        elif opinion.agreed[index] and confidence >= config.relabel_at:
            mended.relabelled[index] = suggested
            room[kind] -= 1
        else:
            mended.removed[index] = Drop("wrong label", None, confidence)
            room[kind] -= 1
    return mended


def _review(
    table: pa.Table, opinion: _Opinion, flagged: NDArray[np.bool_], mended: _Mended, mode: str
) -> list[dict[str, Any]]:
    """Flagged training rows for people, with what became of them."""
    import numpy as np

    ids = table.column("id").to_pylist()
    rows = []
    for index in np.flatnonzero(flagged).tolist():
        best = int(opinion.chances[index].argmax())
        done = "relabelled" if index in mended.relabelled else "removed" if index in mended.removed else ""
        rows.append(
            {
                "id": ids[index],
                "part": "train",
                "given": opinion.kinds[opinion.given[index]],
                "suggested": opinion.kinds[best],
                "confidence": round(float(opinion.chances[index, best]), 6),
                "reason": done or mended.left.get(index, "probably wrong"),
            }
        )
    return rows


def _review_others(
    splits: Splits, train: pa.Table, opinion: _Opinion, task: TaskConfig, seed: int
) -> list[dict[str, Any]]:
    """Flagged rows of the other parts, judged by a model of the whole training part; nobody changes them but people."""
    import numpy as np
    import pyarrow as pa

    parts = {
        part: ordered(found.arrow(), task) for part, found in splits.parts().items() if part != "train" and found.rows
    }
    if not parts:
        return []
    model = fit_linear(texts(train, task), labels(train, task), seed=seed, groups=_groups(train), cost=COST)
    place = {name: index for index, name in enumerate(model.labels)}
    where: list[tuple[str, str, int]] = []
    chances = [opinion.chances]
    for part, table in parts.items():
        known = [(name in place, index) for index, name in enumerate(labels(table, task))]
        decided = _decided(table, task)
        keep = [index for good, index in known if good and not decided[index]]
        names, ids = labels(table, task), table.column("id").to_pylist()
        where += [(part, ids[index], place[names[index]]) for index in keep]
        said = texts(table, task)
        told = model.predict_proba([said[index] for index in keep]).reshape(len(keep), len(place))
        chances.append(_open(told, model.labels, table.take(pa.array(keep, pa.int64())), task))
    given = np.concatenate([opinion.given, np.asarray([label for _, _, label in where], dtype=np.intp)])
    every = np.concatenate(chances)
    flagged = probably_wrong(given, every)[len(opinion.given) :]
    rows = []
    for index in np.flatnonzero(flagged).tolist():
        part, name, label = where[index]
        chance = every[len(opinion.given) + index]
        suggested = int(chance.argmax())
        rows.append(
            {
                "id": name,
                "part": part,
                "given": model.labels[label],
                "suggested": model.labels[suggested],
                "confidence": round(float(chance[suggested]), 6),
                "reason": "probably wrong",
            }
        )
    return rows


def _noise(
    table: pa.Table,
    task: TaskConfig,
    opinion: _Opinion,
    flagged: NDArray[np.bool_],
    mended: _Mended,
    config: AuditConfig,
    seed: int,
) -> dict[str, float]:
    """Share of wrong labels before and after, and the share of planted mistakes that are found.

    About as many rows are flagged as there are mistakes, so the share that is found is near the share of flags that are
    right. What is left: mistakes not found or not mended, and right labels that were replaced.
    """
    rows, wrong = len(flagged), float(flagged.sum())
    changed = len(mended.relabelled) + len(mended.removed)
    if not changed:
        return {"estimated_noise": wrong / rows, "remaining_noise": wrong / rows}
    groups = _groups(table)
    folds = min(config.folds, len(set(groups)))
    found = detection_rate(texts(table, task), labels(table, task), groups, folds=folds, seed=seed)
    left = max(0.0, wrong - found * changed) + (1 - found) * len(mended.relabelled)
    remaining = left / max(1, rows - len(mended.removed))
    return {"estimated_noise": wrong / rows, "remaining_noise": remaining, "detection_rate": found}


def _by_class(opinion: _Opinion, flagged: NDArray[np.bool_], mended: _Mended) -> dict[str, dict[str, int]]:
    counts = {
        "rows": Counter(opinion.given.tolist()),
        "flagged": Counter(opinion.given[flagged].tolist()),
        "relabelled": Counter(int(opinion.given[index]) for index in mended.relabelled),
        "removed": Counter(int(opinion.given[index]) for index in mended.removed),
    }
    return {name: {what: found[index] for what, found in counts.items()} for index, name in enumerate(opinion.kinds)}


def _result(
    splits: Splits,
    table: pa.Table,
    task: TaskConfig,
    mended: _Mended,
    review: Sequence[dict[str, Any]],
    facts: dict[str, Any],
) -> Splits:
    names = targets(table, task)
    changed = with_targets(table, task, [mended.relabelled.get(index, name) for index, name in enumerate(names)])
    changed = with_edits(changed, task, {index: ["relabelled"] for index in sorted(mended.relabelled)})
    train = take(changed, task, [index for index in range(len(names)) if index not in mended.removed])
    return Splits(
        train=train,
        dev=splits.dev,
        calibration=splits.calibration,
        test=splits.test,
        dropped=dropped(table, task, mended.removed),
        review=Table.records(sorted(review, key=lambda row: (row["id"], row["part"])), _review_schema()),
        class_weights=splits.class_weights,
        facts=facts,
    )


def _review_schema() -> pa.Schema:
    import pyarrow as pa

    text = ("id", "part", "given", "suggested")
    return pa.schema([*((name, pa.string()) for name in text), ("confidence", pa.float64()), ("reason", pa.string())])
