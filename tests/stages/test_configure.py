"""The plan: every `auto` replaced, the rows measured, what cannot work refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fittingroom.engine import Context, Note
from fittingroom.errors import ModelError, RecipeError
from fittingroom.models.load import ModelConfig
from fittingroom.stages.configure import TrainConfig, configure, observes
from fittingroom.training import capacity
from fittingroom.training import plan as rules
from fittingroom.types import Plan, Splits
from tiny_model import tiny_folder
from tiny_shop import TASK, splits, table


def planned(context: Context, rows: Splits, task: Any = TASK, **train: Any) -> Plan:
    model = ModelConfig(base=str(tiny_folder()))
    return configure(rows, model=model, train=TrainConfig(**train), task=task, seed=7, context=context)


def test_a_fixed_value_is_kept_and_auto_says_why(context: Context) -> None:
    plan = planned(context, splits(), method="full", learning_rate=1e-4, batch_size=32, epochs=10)
    assert (plan.learning_rate, plan.batch_size, plan.epochs, plan.steps) == (1e-4, 32, 10.0, 20)
    assert plan.pass_tokens >= plan.tokens["max"]
    assert (plan.layout["kind"] == "padded") == (plan.layout["computed"] >= 1)
    assert plan.layout["why"]
    assert plan.warmup_steps == 1
    assert plan.chosen.keys() == {"max_length"}
    auto = planned(context, splits(), method="lora")
    assert auto.chosen.keys() == {"max_length", "batch_size", "epochs", "learning_rate"}
    assert auto.learning_rate == 2e-3
    assert auto.batch_size == 8
    assert auto.minutes >= 0


@pytest.mark.parametrize("train", [{}, {"pass_tokens": "find"}])
def test_the_journal_hears_the_layout_and_every_choice(context: Context, train: dict[str, Any]) -> None:
    heard: list[Note] = []
    plan = planned(replace(context, note=heard.append), splits(), **train)
    (note,) = [one for one in heard if one.kind == "planned"]
    assert note.data == {"layout": plan.layout, "chosen": plan.chosen}
    assert note.text is not None
    assert plan.layout["kind"] in note.text.en
    assert plan.layout["why"] in note.text.en
    assert f"{plan.layout['computed']:.2f}" in note.text.zh


def test_tokens_are_those_of_the_rendered_rows(context: Context) -> None:
    plan = planned(context, splits())
    tokens = plan.tokens
    assert tokens["rows"] == 60
    assert tokens["mean"] < tokens["p95"] <= tokens["max"] <= plan.max_length
    assert tokens["truncated"] == tokens["all_masked"] == 0
    assert tokens["answer_tokens"] >= 120
    short = planned(context, splits(), max_length=16)
    assert short.tokens["truncated"] > 0
    assert short.tokens["max"] <= 16
    assert short.tokens["answer_tokens"] == tokens["answer_tokens"], "the answer is never cut"


def test_rows_without_room_for_the_answer_are_counted(context: Context) -> None:
    task = TASK.model_copy(update={"instruction": "choose the topic of the message " * 3})
    plan = planned(context, splits(), task, max_length=16)
    assert plan.tokens["all_masked"] == 60
    assert plan.tokens["answer_tokens"] == 0


def test_the_plan_is_the_same_again(context: Context) -> None:
    first, second = planned(context, splits()), planned(context, splits())
    assert first.model_dump(exclude={"minutes"}) == second.model_dump(exclude={"minutes"})


def test_memory_cuts_the_pass_and_then_says_no(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"batch_size": 32, "activation_checkpointing": "off"}
    whole = planned(context, splits(), **said)
    small = int(whole.memory_bytes * 0.9 / 0.8)
    monkeypatch.setattr(capacity, "machine_bytes", lambda wanted: ("a small GPU", small))
    cut = planned(context, splits(), **said)
    assert cut.pass_tokens < whole.pass_tokens
    assert cut.layout["passes"] >= whole.layout["passes"]
    assert "pass_tokens" in cut.chosen
    assert cut.steps == whole.steps
    thrifty = planned(context, splits(), batch_size=32)  # computes layers twice, and keeps its passes long
    assert thrifty.activation_checkpointing
    assert "only small passes without it" in thrifty.chosen["activation_checkpointing"]
    assert thrifty.pass_tokens > cut.pass_tokens
    monkeypatch.setattr(capacity, "machine_bytes", lambda wanted: ("a tiny GPU", 1000))
    with pytest.raises(ModelError, match="a tiny GPU"):
        planned(context, splits(), batch_size=32)


def test_what_cannot_work_is_refused(context: Context) -> None:
    with pytest.raises(RecipeError, match="512 tokens at most"):
        planned(context, splits(), max_length=100_000)
    with pytest.raises(RecipeError, match="no training rows"):
        planned(context, splits(train=table(0, 1)))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_too_few_rows_are_refused_or_said(context: Context, method: Any) -> None:
    """With every length fixed too, nothing is rendered before the rows are counted."""
    fixed = {"method": method, "max_length": 64, "batch_size": 64, "epochs": 3}
    with pytest.raises(RecipeError, match="no training rows"):
        planned(context, splits(train=table(0, 1)), **fixed)
    with pytest.raises(RecipeError, match="dev part is empty") as caught:
        planned(context, splits(dev=table(0, 2)), **fixed)
    assert caught.value.place == "split.dev"
    assert "开发集为空" in caught.value.zh
    with pytest.raises(RecipeError, match="2 training rows for 3 labels"):
        planned(context, splits(2), **fixed)
    few = planned(context, splits(9), **fixed)
    assert (few.batch_size, few.steps) == (9, 3), "one step takes all rows there are"
    assert few.chosen["batch_size"] == "all 9 rows at once: there are fewer than 64"


def test_the_key_follows_the_base_and_the_machine(context: Context) -> None:
    seen = observes(model=ModelConfig(base=str(tiny_folder())), train=TrainConfig(), context=context)
    assert seen.keys() == {"base", "device", "memory", "threads"}
    assert seen["threads"] == "1"


def test_rules() -> None:
    assert [rules.batch_size(rows, "full")[0] for rows in (10, 400, 900, 1600, 100_000)] == [8, 8, 16, 32, 32]
    assert [rules.epochs(rows, 32, 5_000_000)[0] for rows in (100, 1600, 9000, 1_000_000)] == [20, 12, 3, 2]
    assert rules.epochs(9000, 32, 7_000_000_000)[0] == 2
    assert rules.learning_rate(5_000_000, "full")[0] == 1e-3
    assert rules.learning_rate(1_500_000_000, "full")[0] == pytest.approx(1e-5, rel=0.1)
    assert rules.learning_rate(1_500_000_000, "lora")[0] == pytest.approx(1e-4, rel=0.1)
    assert rules.max_length([10] * 99 + [500], 4096)[0] == 64
    assert rules.max_length([10, 20, 30], 4096)[0] == 32
    assert rules.max_length([9000] * 10, 4096)[0] == 4096


def test_what_is_measured_is_what_would_be_trained(context: Context) -> None:
    """Weights that training rounds when it loads them are looked at rounded, and the rate is the plan's."""
    whole = planned(context, splits(), method="full", learning_rate=1e-5).preflight
    assert whole["weights"]["bits16"] == 0 < whole["weights"]["bits32"]
    half = planned(context, splits(), method="full", precision="bf16", learning_rate=1e-5).preflight
    assert half["weights"]["bits32"] == 0 < half["weights"]["bits16"]
    assert half["precision"]["bfloat16"] == 1
    assert half["precision"]["changed"] < half["precision"]["changed_in_float32"]
    found = planned(context, splits(), method="full", precision="bf16", learning_rate="find", epochs=4)
    assert found.learning_rate != found.found["learning_rate"]["rule"], "else nothing is shown here"
    assert found.preflight["precision"]["rate"] == found.learning_rate
