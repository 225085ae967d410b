"""Ranking metrics, against trec_eval and scikit-learn on the same rankings."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fittingroom.statistics.ranking import CUTS, DEPTH, METRICS, coverage, judged, novelty, per_question

GRADES = (0.25, 0.5, 1.0)


def rankings(many: int, seed: int) -> tuple[list[list[str]], list[dict[str, float]]]:
    """Random lists of different lengths; some hold nothing that is wanted, some want more than they hold."""
    dice = random.Random(seed)
    goods = [f"g{number:02d}" for number in range(40)]
    lists = [dice.sample(goods, dice.randint(0, 20)) for _ in range(many)]
    wanted = []
    for _ in range(many):
        chosen = dice.sample(goods, dice.randint(1, 14))
        wanted.append({name: dice.choice(GRADES) for name in chosen} | {chosen[0]: 1.0})
    return lists, wanted


def trec(lists: list[list[str]], wanted: list[dict[str, float]], relevant_from: float) -> dict[str, np.ndarray]:
    """The same by trec_eval. Its grades are whole numbers: quarters here."""
    import pytrec_eval

    level = round(relevant_from * 4)
    truth = {str(row): {name: round(gain * 4) for name, gain in gains.items()} for row, gains in enumerate(wanted)}
    # A document outside the truth keeps a question alive whose list is empty.
    runs = {
        str(row): {name: float(100 - place) for place, name in enumerate(ranked[:DEPTH])} | {"nothing": 0.5}
        for row, ranked in enumerate(lists)
    }
    names = {"ndcg_cut.1,5,10", "recall.1,5,10", "success.1,5,10", "recip_rank"}
    found = pytrec_eval.RelevanceEvaluator(truth, names, relevance_level=level).evaluate(runs)
    rows = [found[str(row)] for row in range(len(lists))]
    told = {}
    for cut in CUTS:
        told[f"ndcg@{cut}"] = np.array([row[f"ndcg_cut_{cut}"] for row in rows])
        told[f"recall@{cut}"] = np.array([row[f"recall_{cut}"] for row in rows])
        told[f"hit@{cut}"] = np.array([row[f"success_{cut}"] for row in rows])
    told[f"mrr@{DEPTH}"] = np.array([row["recip_rank"] for row in rows])
    return told


@pytest.mark.parametrize("relevant_from", [0.5, 1.0])
def test_the_metrics_are_those_of_trec_eval(relevant_from: float) -> None:
    lists, wanted = rankings(300, seed=3)
    mine = per_question(judged(lists, wanted, relevant_from=relevant_from))
    assert list(mine) == list(METRICS)
    theirs = trec(lists, wanted, relevant_from)
    assert len(theirs) == 10
    for name, values in theirs.items():
        np.testing.assert_allclose(mine[name], values, atol=1e-9, err_msg=name)
    assert 0.05 < mine["ndcg@10"].mean() < 0.6, "an exam that tells something"
    for values in mine.values():
        assert values.min() >= 0
        assert values.max() <= 1


def test_ndcg_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import ndcg_score

    dice = random.Random(5)
    truth = np.array([[dice.choice((0.0, *GRADES)) for _ in range(12)] for _ in range(50)])
    truth[:, 0] = 1.0
    said = np.array([dice.sample(range(12), 12) for _ in range(50)], dtype=np.float64)
    lists = [[str(place) for place in np.argsort(-row)] for row in said]
    wanted = [{str(place): gain for place, gain in enumerate(row) if gain} for row in truth.tolist()]
    mine = per_question(judged(lists, wanted))
    for cut in CUTS:
        assert mine[f"ndcg@{cut}"].mean() == pytest.approx(ndcg_score(truth, said, k=cut), abs=1e-12)


def test_a_list_must_be_a_ranking_and_a_question_must_want_something() -> None:
    with pytest.raises(ValueError, match="list 1 names a thing twice"):
        judged([["a"], ["a", "b", "a"]], [{"a": 1.0}, {"a": 1.0}])
    with pytest.raises(ValueError, match="nothing is relevant to question 0"):
        judged([["a"]], [{"a": 0.5}])


def test_coverage_counts_what_is_shown_to_anybody() -> None:
    lists = [["a", "b", "c"], ["a", "b", "d"]]
    assert coverage(lists, 10) == 0.4
    assert coverage(lists, 10, cut=2) == 0.2
    with pytest.raises(ValueError, match="without goods"):
        coverage(lists, 0)


def test_novelty_is_the_share_of_the_most_that_could_be_learnt() -> None:
    bought = {"milk": 8, "saffron": 1, "bread": 7}
    shown = novelty([["saffron"], ["milk"], ["milk", "saffron"], [], ["unknown"]], bought)
    assert shown.tolist() == [1.0, pytest.approx(0.25), pytest.approx(0.625), 0.0, 1.0]
    assert novelty([["milk"]], {"milk": 1}).tolist() == [0.0]
