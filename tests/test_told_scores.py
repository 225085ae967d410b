"""The score that stands in one line for a run: what its gate judges, on the part that counts."""

from __future__ import annotations

import pytest

from fittingroom.tell import score_of


@pytest.mark.parametrize(
    ("metrics", "judged_by", "shown"),
    [
        ({"dev.macro_f1": 0.8, "dev.accuracy": 0.9}, "macro_f1", "macro-F1 0.800"),
        ({"dev.macro_f1": 0.8, "dev.accuracy": 0.9}, "accuracy", "accuracy 0.900"),
        ({"dev.macro_f1": 0.8, "test.macro_f1": 0.7}, "macro_f1", "macro-F1 0.700"),
        ({"dev.rouge_l": 0.25, "dev.bleu": 0.1, "dev.hand_over_recall": 1.0}, "bleu", "bleu 0.100"),
        ({"dev.ndcg@10": 0.3, "dev.recall@10": 0.2}, "ndcg@10", "ndcg@10 0.300"),
        ({}, "macro_f1", ""),
        ({"dev.weather": 1.0}, "macro_f1", ""),
    ],
)
def test_a_run_is_told_by_what_its_gate_judges(metrics: dict[str, float], judged_by: str, shown: str) -> None:
    assert score_of(metrics, judged_by) == shown
