"""A watch that keeps the weights every few seconds, for scores over time; keeping them does not count as time.

It has the face of `train_watch.Watch`, so that the contestants' scripts can do either.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from train_watch import Watch, seen_by_loss

_LOOKED_AT = 20
"""Batches whose tokens are looked at: training goes over the rows many times."""


class Snapshots(Watch):
    """Weights every `every_s` processor seconds, until `cap_s` of them are over."""

    def __init__(self, accumulation: int, folder: Path, every_s: float, cap_s: float) -> None:
        super().__init__(accumulation)
        self.folder = folder
        self.every_s, self.cap_s = every_s, cap_s
        self.next_s = every_s
        self.taken: list[dict[str, float]] = []
        self.away_wall = self.away_cpu = 0.0
        """Seconds spent on keeping weights."""
        self.count = 0

    def batch(self, batch: Any) -> Any:
        """Look at the first ones only."""
        return super().batch(batch) if len(self.batches) < _LOOKED_AT else batch

    def passes(self, made: Any, examples: int) -> None:
        """Look at the first ones only."""
        if len(self.batches) < _LOOKED_AT:
            super().passes(made, examples)

    def step(self, model: Any = None) -> bool:
        """An optimiser step has ended; whether the time is over."""
        self.count += 1
        wall, cpu = time.perf_counter() - self.times[0], time.process_time() - self.processor[0]
        spent = cpu - self.away_cpu
        over = spent >= self.cap_s
        if spent >= self.next_s or over:
            self._keep(model, wall - self.away_wall, spent)
            self.next_s = spent + self.every_s
            self.away_wall += time.perf_counter() - self.times[0] - wall
            self.away_cpu += time.process_time() - self.processor[0] - cpu
        return over

    def _keep(self, model: Any, wall: float, cpu: float) -> None:
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: value.detach().clone().contiguous() for name, value in model.state_dict().items()}
        save_file(tensors, self.folder / f"{len(self.taken):03d}.safetensors")
        self.taken.append({"step": self.count, "wall_s": wall, "cpu_s": cpu})

    def write(self, path: Path, held_out: float, **more: Any) -> None:
        """When each was taken, and the tokens with loss of the first batches."""
        told = [each for call in self.batches for batch in call for each in seen_by_loss(batch)]
        path.with_suffix(".seen").write_text("\n".join(told), encoding="ascii")
        path.write_text(json.dumps({"snapshots": self.taken, "steps": self.count, **more}), encoding="utf-8")


def watch_of(job: dict[str, Any], accumulation: int) -> Watch:
    """The watch that a job asks for; `accumulation`: what a collator makes for one optimiser step."""
    if "snapshots" not in job:
        return Watch(accumulation)
    wanted = job["snapshots"]
    return Snapshots(accumulation, Path(wanted["folder"]), wanted["every_s"], wanted["cap_s"])
