"""A training as a folder: what every process of it reads, and what the main one leaves behind.

    <folder>/job/        job.json, rows.parquet, dev.parquet, train.parquet: what is trained, on token ids
    <folder>/checkpoints as always
    <folder>/weights     the best weights
    <folder>/job/done.json   what was recorded, written last

The same function trains in one process and in each of many.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.models.nf4 import parameters, stored_bytes
from fittingroom.store import write_json
from fittingroom.training import state
from fittingroom.training.checkpoint import Passed
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import Probe
from fittingroom.training.finders.watermark import Watermark
from fittingroom.training.fit import base_weights, fit, prepared
from fittingroom.training.kept import kept
from fittingroom.training.passes import Layout
from fittingroom.training.ranks import ALONE, Ranks
from fittingroom.training.recorder import Recorder
from fittingroom.training.rows import Encoded, Replaying
from fittingroom.training.telling import Clock
from fittingroom.types import Plan, Text

JOB = "job"
DONE = "done.json"


@dataclass(frozen=True)
class Job:
    """All that a training is made from; nothing in it is a name, a text or a key of the shop's."""

    plan: Plan
    train: TrainConfig
    base: Path
    base_name: str
    base_digest: str
    rows: Encoded
    replay: Replaying
    probe: Probe
    pad: int
    seed: int

    def fresh(self, ranks: Ranks = ALONE, device: str | None = None) -> Any:
        """The model, ready to learn; loaded onto another `device` than the plan's where one is named."""
        there = self.plan.model_copy(update={"device": device}) if device is not None else self.plan
        return prepared(base_weights(self.base, there), self.plan, self.train, self.seed, ranks)

    def layout(self, model: Any) -> Layout:
        """How its passes are laid out."""
        return Layout.of(model, self.pad, packing=self.train.packing == "auto")

    def write(self, folder: Path) -> None:
        """Put it into `folder`/job, for other processes."""
        place = folder / JOB
        place.mkdir(parents=True, exist_ok=True)
        (place / DONE).unlink(missing_ok=True)
        parts = {"rows": self.rows, "dev": self.probe.dev, "train": self.probe.train}
        for name, rows in parts.items():
            _write_rows(place / f"{name}.parquet", rows)
        write_json(
            place / "job.json",
            {
                "plan": self.plan.model_dump(mode="json"),
                "train": self.train.model_dump(mode="json"),
                "base": {"path": str(self.base.resolve()), "name": self.base_name, "digest": self.base_digest},
                "replay": self.replay._asdict(),
                "probe": {
                    "dev_rows": self.probe.dev_rows,
                    "train_rows": self.probe.train_rows,
                    "answers": self.probe.answers,
                },
                "rows": {
                    name: {"truncated": rows.truncated, "prompt_limit": rows.prompt_limit}
                    for name, rows in parts.items()
                },
                "pad": self.pad,
                "seed": self.seed,
            },
        )

    @classmethod
    def read(cls, folder: Path) -> Job:
        """What `write` put there."""
        place = folder / JOB
        said = json.loads((place / "job.json").read_text(encoding="utf-8"))
        rows, dev, train = (
            _read_rows(place / f"{name}.parquet", said["rows"][name]) for name in ("rows", "dev", "train")
        )
        return cls(
            plan=Plan.model_validate(said["plan"]),
            train=TrainConfig.model_validate(said["train"]),
            base=Path(said["base"]["path"]),
            base_name=said["base"]["name"],
            base_digest=said["base"]["digest"],
            rows=rows,
            replay=Replaying(**said["replay"]),
            probe=Probe(dev, train, **said["probe"]),
            pad=said["pad"],
            seed=said["seed"],
        )


@dataclass
class Done:
    """What a training left behind, beside its weights in `weights`."""

    weights: Path
    recorder: Recorder
    clock: Clock
    passed: list[Passed]
    facts: dict[str, Any]
    """About the model: parameters, trainable, trainable_tensors, bytes."""
    grown: int
    """Bytes by which the main process's memory grew at most."""
    processes: int = 1
    sharded: bool = False

    def write(self, folder: Path) -> None:
        """Say that it is done; whoever waits for it reads this."""
        write_json(
            folder / JOB / DONE,
            {
                "recorder": self.recorder.state(),
                "clock": self.clock.state(),
                "passed": [{"name": one.name, "why": one.why.model_dump(), "torn": one.torn} for one in self.passed],
                "facts": self.facts,
                "grown": self.grown,
                "processes": self.processes,
                "sharded": self.sharded,
            },
        )

    @classmethod
    def read(cls, folder: Path) -> Done:
        """What `write` put there."""
        said: dict[str, Any] = json.loads((folder / JOB / DONE).read_text(encoding="utf-8"))
        return cls(
            weights=folder / "weights",
            recorder=Recorder(**said.pop("recorder")),
            clock=Clock(**said.pop("clock")),
            passed=[Passed(one["name"], Text(**one["why"]), torn=bool(one["torn"])) for one in said.pop("passed")],
            **said,
        )


def trained(job: Job, context: Context, ranks: Ranks = ALONE) -> Done | None:
    """Train in this process, which may be one of many that call this with the same job; None in all but the main one.

    `context.scratch` is the job's folder.
    """
    watermark = Watermark(job.plan.device)
    # What is sharded is loaded beside the device: nowhere does the whole of it lie on one.
    model = job.fresh(ranks, "cpu" if ranks.sharded else None)
    fitted = fit(
        model,
        rows=job.rows,
        replay=job.replay,
        probe=job.probe,
        plan=job.plan,
        train=job.train,
        layout=job.layout(model),
        base_digest=job.base_digest,
        seed=job.seed,
        context=context,
        ranks=ranks,
    )
    if not ranks.main:
        return None
    grown = watermark.grown()
    if ranks.sharded:
        model = job.fresh(device="cpu")
        state.restore(model, fitted.best)
    learning = list(state.trainable(model).values())
    facts = {
        "parameters": parameters(model),
        "trainable": sum(value.numel() for value in learning),
        "trainable_tensors": len(learning),
        "bytes": stored_bytes(model),
    }
    weights = kept(model, job.base_name, context.scratch / "weights")
    return Done(weights, fitted.recorder, fitted.clock, fitted.passed, facts, grown, ranks.size, ranks.sharded)


def _write_rows(path: Path, rows: Encoded) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = {name: value for name, value in asdict(rows).items() if isinstance(value, list)}
    pq.write_table(pa.table({**table, "ids": pa.array(rows.ids, pa.list_(pa.int64()))}), path)


def _read_rows(path: Path, said: Mapping[str, Any]) -> Encoded:
    import pyarrow.parquet as pq

    return Encoded(**pq.read_table(path).to_pydict(), **said)
