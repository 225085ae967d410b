"""Trainings of a few steps as folders, for processes to take part in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fittingroom.engine import Context
from fittingroom.models.load import load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import make_probe
from fittingroom.training.job import Done, Job, trained
from fittingroom.training.rows import NO_REPLAY, Encoded
from tiny_model import tiny_folder
from tiny_training import LABELS, plan


def job(
    rows: Encoded,
    method: Literal["full", "lora", "experts"],
    base: Path | None = None,
    /,
    *,
    free: bool = False,
    **changes: Any,
) -> Job:
    """`changes` go into the plan. `free`: answers come from no closed set."""
    this = plan(method, dropout=0.0).model_copy(update=changes)
    renderer = Renderer(load_tokenizer(tiny_folder()))
    answers = [] if free else [renderer.answer_ids(label) for label in LABELS]
    probe = make_probe(rows, rows, answers, rows=60, epochs=this.epochs, evaluations=5, seed=7)
    config = TrainConfig(method=method, early_stopping=None)
    return Job(this, config, base or tiny_folder(), "tiny", "base", rows, NO_REPLAY, probe, 1, 7)


def here(one: Job, folder: Path) -> Done:
    """The same in this process."""
    folder.mkdir(exist_ok=True)
    done = trained(one, Context(root=folder, scratch=folder, secret=b"", threads=1))
    assert done is not None
    return done
