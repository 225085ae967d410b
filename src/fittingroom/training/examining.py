"""What is looked at once the gate said no: which rivals are trained, in which order, and the run in short."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fittingroom.models.experts import relevance
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import targets, texts
from fittingroom.training.config import FreezeConfig, TrainConfig
from fittingroom.training.learnt import learnt_rows
from fittingroom.training.rivals import Change, Ground, promising, rates, rival
from fittingroom.training.rows import sample
from fittingroom.types import Confused, EvalReport, Rival, Splits, Trained

_FEW_STEPS = 100
_PASSES = 3.0
_ENDED_BADLY = ("diverged", "non_finite", "dead_gradients")
_FOR_RATES, _FOR_ONE = 0.25, 0.25
"""Shares of the budget: all few-step trials together, and one rival."""
_LEAST_STEPS = 8
"""Steps below which a rival says nothing."""
_BETTER = 0.95
"""Share of the lowest loss below which a rival did better: there the search for causes ends."""
_FRACTION = 0.6
"""Of the rows of the whole training: more would tell of time, not of what the rival changed."""
_MORE_ROOM = 4
_MOST_RANK = 1024
_MOST_CONFUSED = 10
_LOOKED_AT = 64


@dataclass(frozen=True)
class Case:
    """A training whose cause of failure is looked for."""

    ground: Ground
    trained: Trained
    train: TrainConfig
    fresh: Callable[..., Any]
    """A model as it was before training (`fresh(section)`: as that section would have it)."""
    resumed: Callable[[], Any]
    """The model with the weights that were kept."""
    budget: float
    """Rows that may be learnt from in all."""
    progress: Callable[[float, float], None]
    until: float = math.inf
    """By `time.monotonic`: no rival begins after it."""
    left_out: dict[str, str] = field(default_factory=dict)
    """What was not tried although it was its turn -> what did not reach: rows or time."""

    @property
    def one(self) -> float:
        """Rows of one rival."""
        return _FOR_ONE * self.budget

    def anew(self, batch: int) -> float:
        """Rows of a rival that begins anew. Beyond `_FRACTION` of those of the whole training it would prove nothing,
        so where a short training leaves it more, it stops there; one that is too short even for that takes them all.
        """
        most = _FRACTION * self.ground.learnt
        return min(self.one, most) if most / batch >= _LEAST_STEPS else self.one

    def affords(self, what: str, rows: float, batch: int) -> bool:
        """Whether so many rows make enough steps, and there is time for them; what does not reach is noted."""
        reached = rows / batch >= _LEAST_STEPS and self.in_time(what)
        if not reached:
            self.left_out.setdefault(what, "rows")
        return reached

    def in_time(self, what: str) -> bool:
        """Whether anything else may begin."""
        late = time.monotonic() >= self.until
        if late:
            self.left_out[what] = "time"
        return not late


def further(case: Case) -> tuple[dict[str, Any] | None, list[Rival]]:
    """The rate response and the rivals, as far as the budget goes and they are needed."""
    learnt = learnt_rows(case.trained.evals, case.trained.best_step, free=not case.ground.probe.answers)
    broken = case.trained.stopped in _ENDED_BADLY
    if not case.budget or (learnt and not broken):
        return None, []
    found: list[Rival] = []
    if not broken and (smaller := _smaller_batch(case)) is not None:
        found.append(smaller)
        if _better(case, smaller):
            return None, found
    case.progress(0.2, 1.0)
    response = _rates(case)
    if response is not None and (factor := promising(response)) != 1:
        rows = case.anew(_batch(case))
        if case.affords("rate", rows, _batch(case)):
            found.append(rival(case.ground, case.fresh(), "rate", rows=rows, factor=factor, rate=factor))
    case.progress(0.6, 1.0)
    if broken or any(_better(case, one) and (one.factor < 1 or one.factor >= 10) for one in found):
        return response, found
    if case.affords("longer", case.one, _batch(case)):
        found.append(rival(case.ground, case.resumed(), "longer", rows=case.one))
        if not any(_better(case, one) for one in found):
            found += _more_room(case)
    return response, found


def _batch(case: Case) -> int:
    return case.ground.plan.batch_size


def _smaller_batch(case: Case) -> Rival | None:
    """Where many passes came to few steps: the same rate, on batches so small that a rival takes a hundred steps, or as
    many as batches of four allow.
    """
    plan, rows = case.ground.plan, len(case.ground.rows)
    steps = max((entry["step"] for entry in case.trained.evals), default=0.0)
    passes = max((entry["epoch"] for entry in case.trained.evals), default=0.0)
    most = min(case.one, _FRACTION * case.ground.learnt)
    size = max(4, min(plan.batch_size // 4, int(most / _FEW_STEPS)))
    if steps >= _FEW_STEPS or passes < _PASSES or size >= plan.batch_size or size > rows:
        return None
    if not case.affords("batch", most, size):
        return None
    return rival(case.ground, case.fresh(), "batch", rows=most, batch=size, factor=size / plan.batch_size)


def _rates(case: Case) -> dict[str, Any] | None:
    if not case.in_time("rate_response"):
        return None
    found = rates(case.ground, case.fresh, _FOR_RATES * case.budget, lambda done, total: None)
    if found is None:
        case.left_out["rate_response"] = "rows"
    return found


def _more_room(case: Case) -> list[Rival]:
    """More room to learn in, beside the same training without it."""
    roomier = _roomier(case.train)
    rows = case.one / (1 + len(roomier))
    roomier = [one for one in roomier if case.affords(one[0], rows, _batch(case))]
    if not roomier:
        return []
    return [
        rival(case.ground, case.fresh(), "same", rows=rows),
        *(
            rival(case.ground, case.fresh(section), change, rows=rows, factor=section.lora_rank / case.train.lora_rank)
            for change, section in roomier
        ),
    ]


def _roomier(train: TrainConfig) -> list[tuple[Change, TrainConfig]]:
    """What leaves more room to learn in: a higher rank; all layers, where some are frozen for good. Those that are
    frozen for a while only would be frozen throughout a training as short as a rival.
    """
    found: list[tuple[Change, TrainConfig]] = []
    if train.method in ("lora", "qlora"):
        higher = {"lora_rank": min(_MOST_RANK, _MORE_ROOM * train.lora_rank),
                  "lora_alpha": min(4096.0, _MORE_ROOM * train.lora_alpha)}  # fmt: skip
        found.append(("rank", train.model_copy(update=higher)))
    if (train.freeze.layers or train.freeze.embeddings) and train.freeze.unfreeze_after is None:
        found.append(("thawed", train.model_copy(update={"freeze": FreezeConfig()})))
    return found


def _better(case: Case, one: Rival) -> bool:
    """Whether a rival clearly got further than the whole training, on rows it learnt from and on others. One that began
    anew must have learnt from fewer rows.
    """
    if one.change != "longer" and one.share > _FRACTION:
        return False
    own, dev = lowest(case.trained.evals, "train_loss"), lowest(case.trained.evals, "dev_loss")
    return one.dev_loss < _BETTER * dev and one.train_loss < own


def lowest(evals: Sequence[Mapping[str, float]], name: str) -> float:
    """The lowest finite loss of that name after the start (at the start, where nothing came after it)."""
    after = [entry for entry in evals if entry["step"] > 0] or evals
    return min((entry[name] for entry in after if math.isfinite(entry[name])), default=math.inf)


def drifted(case: Case) -> dict[str, float]:
    """See `Examination.experts`; empty for a model without experts."""
    looked = [case.ground.rows.ids[row] for row in sample(case.ground.rows, _LOOKED_AT, case.ground.seed)]
    after_model = case.resumed()
    if not any(getattr(module, "gate_up_proj", None) is not None for module in after_model.modules()):
        return {}
    after = relevance(after_model, looked, "token")
    before = relevance(case.fresh(), looked, "token")
    pairs = list(zip(before.values(), after.values(), strict=True))
    return {
        "entropy_before": round(sum(_entropy(one) for one, _ in pairs) / len(pairs), 4),
        "entropy_after": round(sum(_entropy(one) for _, one in pairs) / len(pairs), 4),
        "moved": round(sum(sum(abs(a - b) for a, b in zip(*pair, strict=True)) / 2 for pair in pairs) / len(pairs), 4),
    }


def _entropy(shares: list[float]) -> float:
    """Over its maximum: 1 where all experts are used alike."""
    return -sum(share * math.log(share) for share in shares if share > 0) / math.log(max(2, len(shares)))


# ---------------------------------------------------------------------------------------------- the run in short


def data_curve(splits: Splits, task: TaskConfig, seed: int) -> list[dict[str, float]]:
    """Macro-F1 and accuracy on dev of a linear model that learnt from a quarter, half and all of the training rows.
    Empty where there are too few.
    """
    from fittingroom.errors import UserError
    from fittingroom.statistics.folds import keyed_order
    from fittingroom.statistics.linear import fit_linear
    from fittingroom.tasks.classify import macro_f1

    train, dev = splits.train.arrow().sort_by("id"), splits.dev.arrow().sort_by("id")
    wanted = targets(dev, task)
    kinds = {label: place for place, label in enumerate(sorted({str(one) for one in (*wanted, *targets(train, task))}))}
    order = sorted(range(train.num_rows), key=lambda row: keyed_order(seed, str(train["id"][row])))
    found = []
    for share in (4, 2, 1):
        some = train.take(order[: train.num_rows // share])
        try:
            model = fit_linear(texts(some, task), [str(one) for one in targets(some, task)], seed=seed)
        except UserError:  # a class with a single row: so few rows tell nothing
            continue
        said = model.predict(texts(dev, task))
        right = sum(one == str(true) for one, true in zip(said, wanted, strict=True)) / max(1, len(said))
        score = macro_f1([kinds[str(one)] for one in wanted], [kinds[one] for one in said])
        scores = {"macro_f1": round(score, 4), "accuracy": round(right, 4)}
        found.append({"rows": float(some.num_rows), **scores})
    return found


def classes_of(report: EvalReport, splits: Splits, task: TaskConfig) -> dict[str, dict[str, float]]:
    """See `Examination.classes`."""
    rows = Counter(targets(splits.train.arrow(), task))
    found = {}
    for place, label in enumerate(report.labels):
        scores = report.model.per_class.get(label, {})
        found[label] = {
            "rows": float(rows[label]),
            "weight": float(rows[label] * splits.class_weights.get(label, 1.0)),
            "support": float(sum(report.confusion[place])),
            "answered": float(sum(line[place] for line in report.confusion)),
            **{name: float(scores.get(name, 0.0)) for name in ("recall", "precision", "f1")},
        }
    return found


def confused_of(report: EvalReport) -> list[Confused]:
    """The largest pairs of classes that are taken for each other."""
    found = [
        Confused(true=report.labels[true], predicted=report.labels[said], rows=count, share=round(count / sum(line), 4))
        for true, line in enumerate(report.confusion)
        for said, count in enumerate(line)
        if true != said and count
    ]
    found.sort(key=lambda one: (-one.rows, -one.share, one.true, one.predicted))
    return found[:_MOST_CONFUSED]


def labels_of_audit(splits: Splits) -> dict[str, float]:
    """See `Examination.labels`: what the audit found, or what balance kept of it."""
    told = splits.facts.get("labels", splits.facts)
    names = ("audited", "trusted", "estimated_noise", "remaining_noise", "model_accuracy")
    found = {name: float(told[name]) for name in names if name in told}
    return {**found, "changed": float(told.get("relabelled", 0) + told.get("removed", 0))}
