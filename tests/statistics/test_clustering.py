"""Clusters of texts: what belongs together is found, and told by its words."""

from __future__ import annotations

import random

import pytest

from fittingroom.errors import UserError
from fittingroom.statistics.clustering import cluster, terms, words
from shop import messages


def texts() -> tuple[list[str], list[str]]:
    rows = messages(300)
    return [row["text"] for row in rows], [row["label"] for row in rows]


def purity(of: list[int], labels: list[str]) -> float:
    best = 0
    for name in set(of):
        inside = [label for one, label in zip(of, labels, strict=True) if one == name]
        best += max(inside.count(label) for label in set(inside))
    return best / len(of)


def test_it_finds_more_than_chance_and_does_not_depend_on_the_order() -> None:
    said, labels = texts()
    found = cluster(said, seed=7, number=20)
    assert purity(found.of.tolist(), labels) > 0.6
    sizes = [found.of.tolist().count(name) for name in range(20)]
    assert sizes == sorted(sizes, reverse=True)
    order = list(range(len(said)))
    random.Random(1).shuffle(order)
    again = cluster([said[row] for row in order], seed=7, number=20)
    pairs = {(found.of[row], again.of[place]) for place, row in enumerate(order)}
    assert len(pairs) == 20


def test_equal_texts_are_in_one_cluster_and_the_number_is_chosen() -> None:
    said, _ = texts()
    found = cluster([*said, *said], seed=7, most=18)
    assert found.of[: len(said)].tolist() == found.of[len(said) :].tolist()
    assert set(found.silhouettes) == {3, 5, 8, 12, 18}
    chosen = len(set(found.of.tolist()))
    assert found.silhouettes[chosen] == max(found.silhouettes.values())


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(UserError, match="2 different texts are too few"):
        cluster(["a b", "c d"] * 9, seed=1)


def test_terms_tell_clusters_apart() -> None:
    said = ["我要退款 请退款", "退款多久到", "where is my parcel", "the parcel is late [ORDER_abcdefghijklmnop] 12345"]
    told = terms(said, [0, 0, 1, 1])
    assert told[0][0] == "退款"
    assert told[1][0] == "parcel"
    assert words("[MOBILE] 您好 请问 size 138") == ["size"]
