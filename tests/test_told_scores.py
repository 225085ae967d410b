"""The score that stands in one line for a run: the first metric of its job, on the part that counts."""

from __future__ import annotations

import pytest

from fittingroom.tell import score_of


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        ({"dev.macro_f1": 0.8, "dev.accuracy": 0.9}, "macro-F1 0.800"),
        ({"dev.macro_f1": 0.8, "test.macro_f1": 0.7}, "macro-F1 0.700"),
        ({"dev.rouge_l": 0.25, "dev.bleu": 0.1, "dev.hand_over_recall": 1.0}, "rouge_l 0.250"),
        ({"dev.coverage": 0.5, "dev.rouge_l": 0.25}, "coverage 0.500"),
        ({"dev.ndcg@10": 0.3, "dev.recall@10": 0.2}, "ndcg@10 0.300"),
        ({}, ""),
        ({"dev.weather": 1.0}, ""),
    ],
)
def test_a_run_is_told_by_the_first_metric_of_its_job(metrics: dict[str, float], shown: str) -> None:
    assert score_of(metrics) == shown
