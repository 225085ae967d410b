"""Reasons that tables and plans hold in English are told in Chinese, too."""

from __future__ import annotations

import re

import pytest

from fittingroom.reasons import in_chinese
from fittingroom.tasks import copywrite, reply
from fittingroom.training import plan
from fittingroom.training.finders.batch import Sizes

WHYS = [
    plan.batch_size(900, "full")[1],
    plan.epochs(900, 16, 4_000_000)[1],
    plan.learning_rate(4_000_000, "full")[1],
    plan.learning_rate(7_000_000_000, "lora")[1],
    plan.max_length([10, 20, 900], 512)[1],
    "all 7 rows at once: there are fewer than 16",
    "tried: " + Sizes([], 1024, "310 tokens/s in 0.42 GiB; 3 sizes were tried").why,
    "1024 tokens at a time fit into 7.5 GiB",
    "range test of 40 steps; the rule says 0.001",
]


@pytest.mark.parametrize(
    "reason",
    [
        *WHYS,
        *(copywrite.NO_ATTRIBUTES, copywrite.BLANK, copywrite.FORBIDDEN),
        *(reply.NO_QUESTION, reply.BLANK, reply.UNRESOLVED, reply.UNSUPPORTED),
        *("no title", "no grade", "turn 3 is no object"),
    ],
)
def test_no_reason_stays_english(reason: str) -> None:
    said = in_chinese(reason)
    assert re.search(r"[\u4e00-\u9fff]", said)
    assert not re.search(r"[a-z]{3,}", said.replace("LoRA", "").replace("JSON", "")), said
    assert re.findall(r"\d+", said) or not re.findall(r"\d+", reason), "no figure is lost"


def test_an_unknown_reason_stands_for_itself() -> None:
    assert in_chinese("the moon was full") == "the moon was full"
