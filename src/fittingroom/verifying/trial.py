"""A small trial of a base model: a handful of the sample shop's sentences, a few LoRA steps, one bundle.

Every part is the road's own: the renderer, the loss, the device, number formats, attention and adapters of a training
with `train.precision: auto`, `package`, the predictor. Only the loop of the steps is here. So what belongs to the
trainer is not verified: schedule, accumulation over several passes, checkpoints, evaluation and early stopping; nor are
the methods `full`, `qlora` and `experts`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import ModelError
from fittingroom.models.adapters import save_adapter
from fittingroom.models.device import arithmetic, device, precision
from fittingroom.models.load import BaseModelInfo, ModelConfig
from fittingroom.models.render import Message, Renderer
from fittingroom.models.scoring import score_answers
from fittingroom.models.targets import is_router
from fittingroom.sample.reviews import SENTIMENTS, write_reviews
from fittingroom.stages.package import package
from fittingroom.stages.prepare import PrepareConfig
from fittingroom.tables import Table
from fittingroom.tasks.classify import JOB
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import inputs_of
from fittingroom.training import plan as rules
from fittingroom.training.config import TrainConfig
from fittingroom.training.fit import prepared
from fittingroom.training.passes import PASS_TOKENS, Layout
from fittingroom.training.rows import Encoded, encode
from fittingroom.training.steps import Halving
from fittingroom.types import Folder, Plan, Splits, Trained, row_schema

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerFast

TASK = TaskConfig(
    kind="classify", input=["review"], target="sentiment", labels=sorted(SENTIMENTS), instruction="Sentiment? 情感？"
)
_SEED = 7
_ROWS = 24
_BATCH = 8
_RANK, _ALPHA = 8, 16.0


@dataclass
class Walked:
    """What a few steps did."""

    losses: list[float] = field(default_factory=list)
    """Nats per answer token of each step, before the step."""
    seconds: list[float] = field(default_factory=list)
    adapters: int = 0
    """Adapted layers."""
    moved: int = 0
    """Of them, those whose second matrix, zero at first, is not zero any more."""
    routers: int = 0
    """Adapters on a router: there must be none."""
    rate: float = 0.0


class Trial:
    """The sentences, rendered for one tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, renderer: Renderer, context_length: int) -> None:
        self.renderer = renderer
        self.pad = int(tokenizer.pad_token_id)
        self.labels = classify_labels()
        self.table = sentences()
        self.answers = [renderer.answer_ids(said) for said in JOB.answers(TASK, self.labels)]
        whole = self._encoded(context_length)
        longest = max(start for start in whole.answer_starts) + max(len(answer) for answer in self.answers)
        self.max_length = min(context_length, longest)
        self.rows = self._encoded(self.max_length)
        self.inputs = inputs_of(self.table.arrow().sort_by("id"))

    def _encoded(self, length: int) -> Encoded:
        made = encode(self.table, task=TASK, labels=self.labels, renderer=self.renderer, max_length=length)
        if len(made.with_loss()) < len(made):
            raise ModelError(
                f"reads {length} tokens, too few for a sentence and its answer",
                f"最多读 {length} 个 token，放不下一句话和它的答案",
                place="max_position_embeddings",
            )
        return made

    def plan(self, weights: int, steps: int) -> Plan:
        """How a training by LoRA with `train.precision: auto` would lie on this machine."""
        where = device()
        chosen, _ = precision("auto", where.kind)
        rate, _ = rules.learning_rate(weights, "lora")
        return Plan(
            method="lora", learning_rate=rate, batch_size=_BATCH, pass_tokens=PASS_TOKENS, epochs=1.0, steps=steps,
            warmup_steps=0, schedule="constant", weight_decay=0.0, dropout=0.0, max_length=self.max_length,
            device=where.kind, precision=chosen,
        )  # fmt: skip

    def messages(self) -> list[list[Message]]:
        """The prompts as conversations."""
        return [JOB.messages(given, TASK, self.labels) for given in self.inputs]

    def scores(self, model: Any) -> np.ndarray:
        """[rows, labels] summed log-probabilities of every label."""
        model.eval()
        return score_answers(model, self.rows.prompts(range(len(self.rows))), self.answers)

    def loss(self, scores: np.ndarray) -> float:
        """Mean nats per answer token of the right labels."""
        tokens = sum(len(self.answers[label]) for label in self.rows.wanted)
        return -sum(float(scores[row, label]) for row, label in enumerate(self.rows.wanted)) / tokens

    def train(self, model: Any, plan: Plan, progress: Callable[[int, int], None]) -> tuple[Any, Walked]:
        """The model with adapters after the plan's steps, and what they did; a step that is not finite ends it."""
        import torch

        rate, steps = plan.learning_rate, plan.steps
        adapted = prepared(model, plan, TrainConfig(lora_rank=_RANK, lora_alpha=_ALPHA), _SEED)
        passes = Halving(Layout.of(adapted, self.pad))
        weights = {name: value for name, value in adapted.named_parameters() if value.requires_grad}
        optimizer = torch.optim.AdamW(weights.values(), lr=rate, weight_decay=0.0)
        walked = Walked(rate=rate)
        adapted.train()
        for step in range(steps):
            progress(step, steps)
            started = time.perf_counter()
            chosen = [(step * _BATCH + at) % len(self.rows) for at in range(_BATCH)]
            with arithmetic(plan.device, plan.precision):
                loss = _step(adapted, passes, self.rows, chosen, optimizer, list(weights.values()))
            walked.losses.append(loss)
            walked.seconds.append(time.perf_counter() - started)
            if not math.isfinite(walked.losses[-1]):
                break
        seconds = [value for name, value in weights.items() if ".lora_B." in name]
        walked.adapters, walked.moved = len(seconds), sum(bool(value.detach().any()) for value in seconds)
        walked.routers = sum(is_router(name) for name in weights)
        adapted.eval()
        return adapted, walked

    def bundle(self, adapted: Any, base: BaseModelInfo, model: ModelConfig, context: Context) -> Path:
        """Adapters saved, merged into a fresh base and sealed: the folder that would be served."""
        adapter = context.scratch / "adapter"
        save_adapter(adapted, adapter, base.name)
        made = Trained(
            weights=Folder(adapter), method="lora", steps=[], evals=[], best_step=0, stopped="completed",
            facts={"labels": self.labels, "max_length": self.max_length, "parameters": 0},
        )  # fmt: skip
        empty = Table.of(self.table.arrow().slice(0, 0))
        parts = {"train": self.table, "dev": empty, "calibration": empty, "test": empty, "dropped": empty}
        splits = Splits(**parts)
        pinned = model.model_copy(update={"revision": base.revision or model.revision})
        prepare = PrepareConfig()
        return package(made, splits, model=pinned, task=TASK, prepare=prepare, seed=_SEED, context=context).folder.path


def _step(
    model: Any, passes: Halving, rows: Encoded, chosen: Sequence[int], optimizer: Any, weights: list[Any]
) -> float:
    """One optimiser step; its loss before, in nats per answer token."""
    import torch

    optimizer.zero_grad(set_to_none=True)
    loss = passes.backward(model, rows, chosen)
    norm = float(torch.nn.utils.clip_grad_norm_(weights, 1.0))
    if math.isfinite(loss) and math.isfinite(norm):
        optimizer.step()
    return loss


def classify_labels() -> list[str]:
    """The labels of the trial."""
    return list(TASK.labels or [])


def sentences() -> Table:
    """Reviews of the sample shop in both languages, with their sentiment."""
    reviews = write_reviews(_ROWS, Random(_SEED))
    records = [
        {
            "id": f"{number:03d}",
            "source": "sample",
            "input": {"review": review.text},
            "target": {"sentiment": review.sentiment},
        }
        for number, review in enumerate(reviews)
    ]
    return Table.records(records, row_schema(["review"], "sentiment"))
