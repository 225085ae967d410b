"""What is found by trying: the size of a pass and the learning rate."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import ModelError
from fittingroom.models.load import ModelConfig, load_model
from fittingroom.stages.configure import configure
from fittingroom.training import capacity
from fittingroom.training.config import TrainConfig
from fittingroom.training.finders import batch as sizes
from fittingroom.training.finders.batch import largest_pass
from fittingroom.training.finders.rates import range_test, read_curve, smoothed, steps_of
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded, Replaying
from fittingroom.training.steps import batches
from fittingroom.types import Plan
from tiny_model import tiny_folder
from tiny_shop import TASK, splits

GIB = 2**30


@pytest.fixture(scope="module")
def rows() -> Encoded:
    made = [[5 + (row * 7 + at) % 300 for at in range(8 + row % 5)] + [9, 1] for row in range(24)]
    return Encoded(
        row_ids=[f"r{row:02d}" for row in range(24)],
        ids=made,
        answer_starts=[len(ids) - 2 for ids in made],
        wanted=[row % 3 for row in range(24)],
        weights=[1.0] * 24,
        truncated=0,
    )


def planned(context: Context, **train: Any) -> Plan:
    model = ModelConfig(base=str(tiny_folder()))
    return configure(splits(), model=model, train=TrainConfig(**train), task=TASK, seed=7, context=context)


# ------------------------------------------------------------------------------------------------ sizes of passes


class Watched:
    """A model whose passes have a given speed, and which runs out of memory beyond a number of tokens."""

    def __init__(self, model: Any, monkeypatch: pytest.MonkeyPatch, *, breaks: int = 10**9) -> None:
        import torch

        self.tokens: list[int] = []
        true = sizes.passes_back

        def back(model: Any, passes: Any) -> float:
            most = max(one["ids"].numel() for one in passes)
            self.tokens.append(most)
            if most > breaks:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return true(model, passes)

        monkeypatch.setattr(sizes, "passes_back", back)


def test_sizes_double_until_memory_is_short(rows: Encoded, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(tiny_folder())
    seen = Watched(model, monkeypatch, breaks=60)
    layout = Layout.of(model, 1, packing=False)
    found = largest_pass(model, rows, layout, batch=16, room=64 * GIB, most=16 * 14)
    assert [one.tokens for one in found.tried] == [14, 28, 56, 112]
    assert [one.fits for one in found.tried] == [True, True, True, False]
    assert max(seen.tokens) > 60
    assert found.tokens in (14, 28, 56)
    assert all(value.grad is None for value in model.parameters())


def test_the_smallest_of_about_equally_fast_sizes_is_taken() -> None:
    tried = [sizes.Tried(size, True, 1.0, speed, 5) for size, speed in ((64, 50.0), (128, 99.0), (256, 100.0))]
    assert sizes._best(tried, GIB).tokens == 128
    assert sizes._best([*tried, sizes.Tried(512, True, 1.0, 200.0, 5)], GIB).tokens == 512
    assert sizes._best([*tried, sizes.Tried(512, False, 1.0, 200.0, 5)], GIB).tokens == 128


def test_a_size_that_would_not_fit_is_not_tried_on_a_processor(rows: Encoded) -> None:
    model = load_model(tiny_folder())
    layout = Layout.of(model, 1, packing=False)
    found = largest_pass(model, rows, layout, batch=16, room=40 * GIB, most=224, need=lambda tokens: tokens * GIB)
    assert [one.tokens for one in found.tried] == [14, 28, 56], "56 more GiB do not fit beside what is held"
    none = largest_pass(model, rows, layout, batch=16, room=1000, most=224)
    assert none.tokens == 0
    assert "longest row" in none.why


def test_another_error_is_not_taken_for_a_lack_of_memory(rows: Encoded, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(tiny_folder())

    def broken(*given: object) -> float:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(sizes, "passes_back", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        largest_pass(model, rows, Layout.of(model, 1), batch=16, room=GIB, most=100)


def test_the_plan_takes_the_size_that_was_found(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(context, pass_tokens="find", batch_size=16, method="full")
    tried = plan.found["pass_tokens"]["tried"]
    assert plan.pass_tokens in [one["tokens"] for one in tried if one["fits"]]
    assert plan.batch_size == 16
    assert "tried" in plan.chosen["pass_tokens"]
    assert all(one["tokens_per_second"] > 0 and one["bytes"] > 10**7 for one in tried)
    fixed = planned(context, pass_tokens=plan.pass_tokens, batch_size=16, method="full")
    assert (plan.memory, plan.memory_bytes) == (fixed.memory, fixed.memory_bytes), "of the size that was found"
    assert plan.layout == fixed.layout
    assert planned(context, pass_tokens=40, batch_size=16, method="full").pass_tokens == 40
    # The estimate lets it pass, the measurement (the process alone holds more) does not.
    monkeypatch.setattr(capacity, "machine_bytes", lambda *asked: ("a small machine", 2 * plan.memory_bytes + 2**20))
    with pytest.raises(ModelError, match=r"train\.pass_tokens"):
        planned(context, pass_tokens="find", batch_size=16, method="full")


def test_a_smaller_size_has_its_own_memory_layout_and_time(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "_best", lambda tried, room: sizes.Sizes(tried, tried[0].tokens, "the smallest"))
    said: dict[str, Any] = {"batch_size": 16, "method": "full"}
    least, auto = planned(context, pass_tokens="find", **said), planned(context, **said)
    assert least.pass_tokens < auto.pass_tokens
    assert least.memory_bytes < auto.memory_bytes
    assert sum(least.memory.values()) == least.memory_bytes
    assert least.layout["passes"] > auto.layout["passes"]


def test_the_longest_general_row_is_tried_too(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes with a step like the shop's rows, and may be far longer than these."""
    long = {"messages": [{"role": "user", "content": "how "}, {"role": "assistant", "content": "order " * 90}]}
    short = {"messages": [{"role": "user", "content": "how "}, {"role": "assistant", "content": "order"}]}
    text = "\n".join(json.dumps(one) for one in (short, long, short))
    (context.root / "general.jsonl").write_text(text, encoding="utf-8")
    seen = Watched(None, monkeypatch)
    plan = planned(
        context,
        pass_tokens="find",
        learning_rate="find",
        label_smoothing=0.1,
        batch_size=8,
        method="full",
        replay={"path": "general.jsonl", "max_length": 256},
    )
    longest = int(plan.replay["longest"])
    assert longest == plan.tokens["max"] > 90
    assert plan.found["pass_tokens"]["tried"][0]["tokens"] == longest
    assert max(seen.tokens) >= longest
    assert plan.pass_tokens >= longest


# ------------------------------------------------------------------------------------------------ learning rates


def test_the_rate_is_found_on_the_loss_that_is_trained(rows: Encoded) -> None:
    """Classes weigh what they will, labels are smoothed as they will be, general rows come along."""
    model = load_model(tiny_folder())
    layout = Layout.of(model, 1)
    said: dict[str, Any] = {"batch": 8, "around": 1e-9, "steps": 3, "seed": 3}
    plain = range_test(model, rows, layout, **said).losses
    assert range_test(model, rows, layout, **said, smoothing=0.5).losses != plain
    weighed = replace(rows, weights=[1.0 + 9.0 * wanted for wanted in rows.wanted])
    assert range_test(model, weighed, layout, **said).losses != plain
    assert len(next(batches(rows, 8, 3, Replaying(4, 0.25)))) == 10
    assert range_test(model, rows, layout, **said, replay=Replaying(4, 0.25)).losses != plain


def test_the_rate_is_read_where_the_loss_falls() -> None:
    rates = [10 ** (-5 + 4 * at / 40) for at in range(41)]
    # Flat to 1e-4, then falling most steeply at 1e-3, lowest at 10^-2, rising after that.
    losses = [3 - 2 / (1 + math.exp(-4 * (math.log10(rate) + 3))) for rate in rates]
    losses = [loss if rate <= 1.01e-2 else 5.0 for loss, rate in zip(losses, rates, strict=True)]
    found = read_curve(rates, losses)
    assert found.steepest is not None
    assert found.tenth is not None
    assert 7e-4 < found.steepest < 3e-3
    assert found.tenth == pytest.approx(1e-3, rel=0.2)
    flat = read_curve(rates, [2.0] * 41)
    assert flat.steepest is flat.tenth is None
    assert read_curve([], []).steepest is None
    assert smoothed([1.0, 1.0, 1.0]) == pytest.approx([1.0, 1.0, 1.0])


def test_the_test_takes_a_tenth_of_the_steps() -> None:
    assert [steps_of(steps) for steps in (10, 500, 10_000)] == [24, 50, 100]


def test_a_rising_rate_learns_first_and_spoils_then(rows: Encoded) -> None:
    runs = []
    for _ in range(2):
        model = load_model(tiny_folder())
        layout = Layout.of(model, 1)
        runs.append(range_test(model, rows, layout, batch=8, around=3e-3, steps=30, seed=3))
    first, second = runs
    assert first == second, "the same start and seed read the same curve"
    assert first.rates[0] == pytest.approx(3e-5)
    assert first.steepest is not None
    assert first.rates[0] < first.steepest < first.rates[-1]
    assert min(first.smooth) < 0.8 * first.smooth[0]


def test_the_plan_takes_the_rate_that_was_found(context: Context, tmp_path: Path) -> None:
    plan = planned(context, learning_rate="find", method="full", batch_size=8, epochs=4)
    curve = plan.found["learning_rate"]
    assert plan.learning_rate == (curve["chosen"] or curve["rule"])
    assert len(curve["rates"]) == len(curve["losses"]) == len(curve["smooth"]) <= 24
    assert "range test" in plan.chosen["learning_rate"]
    assert "learning_rate" not in planned(context, learning_rate="auto", method="full").found
