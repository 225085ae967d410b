"""What a training is made from, so that a checkpoint of another one is known, and by which difference."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from fittingroom.store import canonical
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import Probe
from fittingroom.training.rows import Encoded
from fittingroom.types import Plan, Text

Origin = Mapping[str, Any]

_FORETOLD = {
    "minutes", "chosen", "memory", "memory_bytes", "tokens", "layout", "preflight", "examples", "found", "sharding",
}  # fmt: skip
"""Fields of a plan that say what will come of it, not what is done; and how many take part in it."""
_SEALED = {
    "base": Text(en="the base model", zh="基座模型"),
    "rows": Text(en="the training rows", zh="训练数据"),
    "probe": Text(en="the rows of the evaluations", zh="评测数据"),
}
"""Those that are digests: of them only that they changed can be said."""
_MOST = 6


def origin(plan: Plan, train: TrainConfig, rows: Encoded, probe: Probe, base_digest: str, seed: int) -> Origin:
    """All that a training depends on: the recipe's values (for `auto` the planned ones), digests of what is long."""
    planned = plan.model_dump(mode="json", exclude=_FORETOLD | set(plan.VOLATILE))
    return {
        **train.model_dump(mode="json"),
        **planned,
        "seed": seed,
        "base": base_digest,
        "rows": _sealed([rows.ids, rows.answer_starts, rows.weights]),
        "probe": _sealed([probe.dev.ids, probe.dev_rows, probe.train_rows, probe.answers]),
    }


def differences(before: Origin, now: Origin) -> Text | None:
    """What differs between two trainings, as `learning_rate 0.0001 → 0.001`; None when nothing does."""
    names = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    if not names:
        return None
    more = len(names) - _MOST
    return Text(
        en=", ".join([_said(name, before, now, "en") for name in names[:_MOST]] + [f"{more} more"] * (more > 0)),
        zh="，".join([_said(name, before, now, "zh") for name in names[:_MOST]] + [f"另有 {more} 项"] * (more > 0)),
    )


def _said(name: str, before: Origin, now: Origin, language: str) -> str:
    if name in _SEALED:
        changed = "已改变" if language == "zh" else " changed"
        return f"{_SEALED[name].say(language)}{changed}"
    return f"{name} {_value(before.get(name))} → {_value(now.get(name))}"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sealed(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
