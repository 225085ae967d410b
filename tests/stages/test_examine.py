"""What is looked at after a no: small trainings with one fault each, and the rivals that tell it."""

from __future__ import annotations

import dataclasses
import itertools
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from fittingroom.engine import Context
from fittingroom.models.load import ModelConfig
from fittingroom.pitfalls import detect_all
from fittingroom.stages.configure import TrainConfig, configure
from fittingroom.stages.examine import ExamineConfig, allowed, examine
from fittingroom.stages.train import train as train_stage
from fittingroom.tables import Table
from fittingroom.training import examining, objective, response, rivals, steps
from fittingroom.training.examining import Case, further
from fittingroom.training.resumed import as_trained
from fittingroom.types import EvalReport, Examination, Score
from tiny_model import tiny_folder
from tiny_shop import TASK, splits

MODEL = ModelConfig(base=str(tiny_folder()))


def report(rows: Table) -> EvalReport:
    """What `evaluate` would say of a model that answers everything with one label."""
    labels = ["praise", "refund", "where"]
    per_class = {
        label: {"precision": 0.0, "recall": float(label == "refund"), "f1": 0.0, "support": 10.0} for label in labels
    }
    return EvalReport(
        part="dev", labels=labels, model=Score(name="model", metrics={}, per_class=per_class), baselines=[],
        confusion=[[0, 10, 0], [0, 10, 0], [0, 10, 0]], predictions=rows, rows=30,
    )  # fmt: skip


def examined(context: Context, *, share: float = 1.0, rows: int = 60, **values: Any) -> Examination:
    config = TrainConfig(**{"method": "full", "learning_rate": 1e-2, "batch_size": 8, "epochs": 4, **values})
    inside = dataclasses.replace(context, scratch=context.scratch)
    parts = splits(rows)
    plan = configure(parts, model=MODEL, train=config, task=TASK, seed=7, context=inside)
    trained = train_stage(plan, parts, model=MODEL, train=config, task=TASK, seed=7, context=inside)
    return examine(
        trained, plan, parts, report(parts.dev), examine=ExamineConfig(share=share), model=MODEL, train=config,
        task=TASK, seed=7, context=inside,
    )  # fmt: skip


def causes(examination: Examination) -> list[tuple[str, bool]]:
    found = detect_all(examination, "examine", settings={}, disabled=["majority-collapse"])
    assert not any("check_failed" in one.measured for one in found), found
    return [(one.pitfall, one.proven) for one in found]


def test_a_rate_far_too_low_is_outdone_on_a_fraction_of_the_rows(context: Context) -> None:
    found = examined(context, learning_rate=1e-4, epochs=8)

    (rival,) = [one for one in found.rivals if one.change == "rate"]
    assert rival.factor >= 10
    assert rival.share < 0.5
    assert rival.dev_loss < min(entry["dev_loss"] for entry in found.evals)
    assert causes(found)[0] == ("learning-rate-too-low", True)


def test_a_rate_far_too_high_is_outdone_by_a_lower_one(context: Context) -> None:
    found = examined(context, learning_rate=1.0, epochs=8)

    assert causes(found)[0][0] == "learning-rate-too-high"


def test_a_training_that_ended_too_early_goes_on_learning(context: Context) -> None:
    found = examined(context, learning_rate=1e-2, epochs=1)

    assert {one.change for one in found.rivals} >= {"longer"}
    assert causes(found)[0] == ("underfitting", True)


def test_a_batch_as_large_as_the_rows_is_outdone_by_small_ones(context: Context) -> None:
    found = examined(context, learning_rate=1e-2, epochs=5, batch_size=60)

    assert [one.change for one in found.rivals] == ["batch"]
    assert causes(found) == [("too-few-steps", True)]


def test_nothing_is_trained_where_the_rows_were_learnt(context: Context) -> None:
    found = examined(context, epochs=14)

    assert found.rivals == []
    assert "rate_response" not in found.facts
    assert causes(found) == []


def test_without_a_share_only_what_was_measured_is_told(context: Context) -> None:
    found = examined(context, learning_rate=1e-6, share=0.0, epochs=1)

    assert (found.rivals, found.facts.get("rate_response"), found.experts) == ([], None, {})
    assert found.classes["refund"] == {
        "rows": 20.0, "weight": 20.0, "support": 10.0, "answered": 30.0, "recall": 1.0, "precision": 0.0, "f1": 0.0,
    }  # fmt: skip
    assert [(one.true, one.predicted, one.share) for one in found.confused] == [
        ("praise", "refund", 1.0), ("where", "refund", 1.0),
    ]  # fmt: skip
    assert [entry["rows"] for entry in found.data_curve] == [15.0, 30.0, 60.0]
    assert found.data_curve[-1]["macro_f1"] > 0.9


def test_it_looks_in_passes_of_the_size_that_training_found(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    true, planned, refused = objective.loss_sum, list[int](), list[str]()
    stage = "plan"

    def loss_sum(model: Any, batch: Any, smoothing: float = 0.0) -> Any:
        size = int(batch["ids"].numel())
        if stage == "plan":
            planned.append(size)
        elif size > max(planned) // 2:
            refused.append(stage)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return true(model, batch, smoothing)

    for module in (objective, steps, response):
        monkeypatch.setattr(module, "loss_sum", loss_sum)
    config = TrainConfig(method="full", learning_rate=1e-4, batch_size=8, epochs=8, pass_tokens=1024)
    parts = splits(60)
    said: dict[str, Any] = {"model": MODEL, "train": config, "task": TASK, "seed": 7, "context": context}
    plan = configure(parts, **said)
    stage = "train"
    trained = train_stage(plan, parts, **said)
    stage = "examine"
    found = examine(trained, plan, parts, report(parts.dev), examine=ExamineConfig(curve=False), **said)

    assert "train" in refused
    assert 0 < trained.timing["pass_tokens"] < plan.pass_tokens
    assert found.rivals, "it trained a little more"
    assert "examine" not in refused, "no pass that training already knew to be too large"


@pytest.mark.parametrize(
    ("learnt", "batch", "lengths", "rows"),
    [
        (60.0, 8, [20] * 60, 512.0),  # 64 steps
        (300.0, 16, [72] * 300, 1024.0),
        (60.0, 60, [20] * 60, 1024.0),  # a small set in large steps: a thousand rows, whatever the training took
        (500.0, 500, [20] * 500, 3000.0),  # six passes
        (900.0, 32, [250] * 3000, 900.0),  # long rows, a third of a pass: no more than the training itself
        (9000.0, 32, [250] * 3000, 6750.0),  # the share
    ],
)
def test_what_may_be_learnt_from_is_bounded(learnt: float, batch: int, lengths: list[int], rows: float) -> None:
    assert allowed(0.75, learnt, batch, lengths) == rows
    assert allowed(0.0, learnt, batch, lengths) == 0.0


def test_no_rival_begins_once_the_time_is_over() -> None:
    evals = [{"step": 9.0, "epoch": 1.0, "dev_loss": 2.0, "train_loss": 2.0, "dev_metric": 0.2, "train_metric": 0.2}]
    plan = SimpleNamespace(batch_size=8)
    ground: Any = SimpleNamespace(plan=plan, rows=range(60), probe=SimpleNamespace(answers=[[1]]), learnt=60.0)
    trained: Any = SimpleNamespace(evals=evals, best_step=9, stopped="completed")
    never: Any = None
    case = Case(ground, trained, TrainConfig(method="lora"), never, never, 360.0, lambda done, total: None, until=0.0)

    assert further(case) == (None, [])
    assert case.left_out == {"rate_response": "time", "longer": "time"}


def test_a_rival_that_begins_anew_stops_where_more_would_prove_nothing() -> None:
    def case(learnt: float) -> Case:
        ground: Any = SimpleNamespace(learnt=learnt)
        unused: Any = None
        return Case(ground, unused, unused, unused, unused, 1024.0, unused)

    assert case(300.0).anew(16) == 180.0
    assert case(3000.0).anew(16) == 256.0
    assert case(100.0).anew(16) == 256.0, "too short for eight steps of 0.6 of it"


@pytest.mark.parametrize("method", ["full", "lora"])
def test_going_on_begins_with_the_weights_that_were_kept(context: Context, method: str) -> None:
    import torch

    config = TrainConfig(method=method, learning_rate=1e-2, batch_size=8, epochs=2)  # type: ignore[arg-type]
    parts = splits()
    plan = configure(parts, model=MODEL, train=config, task=TASK, seed=7, context=context)
    trained = train_stage(plan, parts, model=MODEL, train=config, task=TASK, seed=7, context=context)

    ready = as_trained(trained, tiny_folder(), plan, config, 7)

    learning = {name: value for name, value in ready.named_parameters() if value.requires_grad}
    assert sum(value.numel() for value in learning.values()) == trained.facts["trainable"]
    if method == "lora":
        assert any(torch.count_nonzero(value) for name, value in learning.items() if "lora_B" in name)


def test_layers_that_never_learn_are_shown_by_a_training_in_which_they_do(context: Context) -> None:
    found = examined(context, learning_rate=1e-2, epochs=14, share=3.0, freeze={"layers": 1})

    (same,), (thawed,) = ([one for one in found.rivals if one.change == change] for change in ("same", "thawed"))
    assert thawed.share == same.share
    assert thawed.train_loss < 0.9 * same.train_loss
    assert thawed.dev_loss < same.dev_loss
    (cause,) = [one for one in detect_all(found, "examine", settings={}, disabled=[]) if one.pitfall == "underfitting"]
    assert cause.proven
    assert cause.measured["thawed"] == pytest.approx(1 - thawed.train_loss / same.train_loss)
    assert "with all layers" in cause.summary.en


def test_no_rival_learns_from_more_rows_than_prove_anything() -> None:
    """What is cut to six tenths of the training's rows must not be rounded beyond them."""
    seen = []

    class Probe:
        answers: ClassVar[list[int]] = []

        def measure(self, model: Any) -> dict[str, float]:
            return {"train_loss": 1.0, "train_metric": 0.0, "dev_loss": 1.0, "dev_metric": 0.0}

    def walked(ground: Any, model: Any, rate: float, size: int, steps: int) -> bool:
        seen.append(steps * size)
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rivals, "_walk", walked)
        for rows in range(40, 700, 5):
            for epochs, batch in itertools.product((1, 2, 3, 5), (4, 8, 16, 32, 64)):
                learnt = float(rows * epochs)
                ground: Any = SimpleNamespace(
                    plan=SimpleNamespace(batch_size=batch, learning_rate=1.0),
                    rows=range(rows),
                    probe=Probe(),
                    learnt=learnt,
                )
                case: Any = SimpleNamespace(ground=ground, one=1e9)
                most = Case.anew(case, batch)
                if most == 1e9 or most < batch:
                    continue
                assert rivals.rival(ground, None, "rate", rows=most).share <= 0.6
    assert len(seen) > 1000


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ({"method": "full"}, []),
        ({"method": "full", "lora_rank": 4, "freeze": {"embeddings": True}}, ["thawed"]),
        ({"method": "full", "freeze": {"layers": 1, "unfreeze_after": 0.2}}, []),
        ({"method": "lora", "lora_rank": 4}, ["rank"]),
        ({"method": "lora", "lora_rank": 4, "freeze": {"layers": 1}}, ["rank", "thawed"]),
    ],
)
def test_more_room_is_tried_where_there_is_less_than_all(section: dict[str, Any], changes: list[str]) -> None:
    found = examining._roomier(TrainConfig(**section))

    assert [change for change, _ in found] == changes
    for change, roomier in found:
        assert (roomier.lora_rank == 16) == (change == "rank")
        assert bool(roomier.freeze.layers or roomier.freeze.embeddings) == (
            change != "thawed" and bool(section.get("freeze"))
        )
