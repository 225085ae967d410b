"""The factor of every step, against its closed form."""

from __future__ import annotations

import math

import pytest

from fittingroom.training.schedule import Schedule, rate_factor

STEPS, WARMUP, DECAY = 100, 10, 20


def factors(schedule: Schedule) -> list[float]:
    return [rate_factor(step, schedule=schedule, steps=STEPS, warmup=WARMUP, decay=DECAY) for step in range(STEPS)]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant", "step", "wsd"])
def test_the_warm_up_is_a_line_to_the_highest_rate(schedule: Schedule) -> None:
    assert factors(schedule)[: WARMUP + 1] == pytest.approx([(step + 1) / 11 for step in range(11)])


def test_after_it_each_goes_its_own_way() -> None:
    after = range(WARMUP, STEPS)
    share = [(step - WARMUP) / (STEPS - WARMUP) for step in after]
    assert factors("cosine")[WARMUP:] == pytest.approx([(1 + math.cos(math.pi * part)) / 2 for part in share])
    assert factors("linear")[WARMUP:] == pytest.approx([1 - part for part in share])
    assert factors("constant")[WARMUP:] == [1.0] * 90
    assert factors("step")[WARMUP:] == pytest.approx([1.0] * 30 + [0.1] * 30 + [0.01] * 30)
    assert factors("wsd")[WARMUP:] == pytest.approx([1.0] * 70 + [(STEPS - step) / DECAY for step in range(80, STEPS)])


def test_wsd_without_a_stable_part_and_behind_the_end() -> None:
    assert rate_factor(0, schedule="wsd", steps=1, warmup=0, decay=1) == 1.0
    assert rate_factor(100, schedule="wsd", steps=100, warmup=0, decay=100) == 0.0
    assert rate_factor(50, schedule="wsd", steps=100, warmup=0, decay=100) == 0.5
