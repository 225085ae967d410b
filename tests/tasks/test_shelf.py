"""What the shelf proposes: counted, compared and kept without a customer in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fittingroom.errors import StoreError
from fittingroom.tasks.shelf import GOODS, PAIRS, Shelf
from shopping import rows, task

BOUGHT: list[dict[str, Any]] = [
    {"group": "a", "day": 1, "title": "milk"},
    {"group": "a", "day": 2, "history": "milk", "title": "bread"},
    {"group": "b", "day": 1, "title": "milk"},
    {"group": "b", "day": 2, "history": "milk", "title": "bread"},
    {"group": "c", "day": 1, "title": "milk", "copies": 3},
    {"group": "c", "day": 2, "history": "milk", "title": "green tea"},
    {"group": "d", "day": 5, "history": "butter", "title": "tea pot"},
]


def test_counts_are_purchases_and_ties_go_by_the_alphabet() -> None:
    shelf = Shelf.of(rows(BOUGHT, task()), task())
    assert shelf.bought == {"milk": 5, "bread": 2, "green tea": 1, "tea pot": 1, "butter": 0}
    assert shelf.titles == ["milk", "bread", "green tea", "tea pot", "butter"]


def test_neighbours_are_the_shrunk_cosine_of_customers() -> None:
    """Against the formula on a dense table of customers and goods."""
    shelf = Shelf.of(rows(BOUGHT, task()), task())
    baskets = [["milk", "bread"], ["milk", "bread"], ["milk", "green tea"], ["butter", "tea pot"]]
    table = np.array([[title in basket for title in shelf.titles] for basket in baskets], dtype=float)
    both, own = table.T @ table, table.sum(axis=0)
    wanted = both / (np.sqrt(np.outer(own, own)) + 10.0)
    np.fill_diagonal(wanted, 0.0)
    for place, title in enumerate(shelf.titles):
        scores = shelf.scores("item_knn", {"history": title})
        assert scores[place] == 1.0
        scores[place] = 0.0
        np.testing.assert_allclose(scores, wanted[place], atol=1e-8)


def test_what_a_customer_has_is_shown_again_only_where_goods_are_bought_again() -> None:
    shelf = Shelf.of(rows(BOUGHT, task()), task())
    had = {"history": "milk; bread"}
    assert shelf.ranked("popularity", had, task(), most=10) == ["green tea", "tea pot", "butter"]
    assert shelf.ranked("popularity", had, task(rebuy=True), most=2) == ["milk", "bread"]
    assert shelf.ranked("item_knn", {"history": "milk"}, task(), most=2) == ["bread", "green tea"]
    assert shelf.candidates(had, task()) == ["green tea", "tea pot", "butter"]


def test_words_find_titles_and_popularity_fills_up() -> None:
    shelf = Shelf.of(rows(BOUGHT, task()), task())
    asked = {"searched": "a TEA pot", "history": ""}
    assert shelf.ranked("bm25", asked, task(), most=3) == ["tea pot", "green tea", "milk"]
    assert shelf.candidates(asked, task(["searched", "history"], candidates=3)) == ["milk", "tea pot", "bread"]
    assert shelf.ranked("item_knn", asked, task(), most=1) == ["milk"], "nothing is known of the customer"


@pytest.mark.parametrize("history", ["", "milk", "bread; milk", "never seen"])
@pytest.mark.parametrize("searched", ["", "tea", "nothing alike"])
@pytest.mark.parametrize("most", [2, 4, 50])
def test_candidates_are_as_many_as_asked_for_or_the_whole_shelf(history: str, searched: str, most: int) -> None:
    """However short the history and few the words: popularity fills up what the other ways cannot tell."""
    asked, shelf = {"searched": searched, "history": history}, Shelf.of(rows(BOUGHT, task()), task())
    of = task(["searched", "history"], candidates=most)
    left = [title for title in shelf.titles if title not in shelf.hidden(asked, of)]

    found = shelf.candidates(asked, of)

    assert len(found) == len(set(found)) == min(most, len(left))
    assert set(found) <= set(left)
    for way in ("item_knn", "bm25", "popularity"):
        assert shelf.ranked(way, asked, of, most=1)[0] in found[:3] or most == 2


def test_titles_of_a_question_are_ranked_among_themselves() -> None:
    shelf = Shelf.of(rows(BOUGHT, task()), task())
    assert shelf.among("popularity", {}, ["tea pot", "unheard of", "milk"]) == ["milk", "tea pot", "unheard of"]
    assert shelf.among("bm25", {"searched": "unheard pot"}, ["milk", "tea pot", "unheard of"]) == [
        "tea pot", "unheard of", "milk",
    ]  # fmt: skip
    wide = shelf.knowing(["unheard of", "milk"])
    assert wide.bought["milk"] == 5
    assert wide.bought["unheard of"] == 0
    assert wide.scores("item_knn", {"history": "milk"})[wide.titles.index("bread")] > 0


def test_with_grades_only_titles_that_are_right_count() -> None:
    of = task(["query", "grade"], grade="grade", worst=1, best=3, relevant=2.5)
    told = [
        {"query": "tea", "grade": "3.0", "title": "green tea"},
        {"query": "tea", "grade": "1", "title": "hose"},
        {"query": "tea", "grade": "2.5", "title": "tea pot"},
    ]
    shelf = Shelf.of(rows(told, of), of)
    assert shelf.bought == {"green tea": 1, "tea pot": 1, "hose": 0}


def test_files_hold_titles_and_numbers_and_give_the_same_shelf(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    told = [*BOUGHT, {"group": "e", "day": 1, "history": "milk", "title": "a secret"}]
    shelf = Shelf.of(rows(told, task()), task(), least_customers=2)
    shelf.write(tmp_path / "shelf")
    again = Shelf.load(tmp_path / "shelf")
    assert again.bought == shelf.bought
    assert again.titles == shelf.titles
    for title in shelf.titles:
        given = {"history": title}
        assert again.scores("item_knn", given).tolist() == shelf.scores("item_knn", given).tolist()
    assert pq.read_table(tmp_path / "shelf" / PAIRS).to_pylist() == [
        {"title": "milk", "other": "bread", "alike": pytest.approx(2 / (8**0.5 + 10))}
    ], "pairs of a single customer are not told"
    assert pq.read_schema(tmp_path / "shelf" / GOODS).names == ["title", "bought"]
    (tmp_path / "shelf" / PAIRS).write_bytes(b"no table")
    with pytest.raises(StoreError, match="tables of goods cannot be read"):
        Shelf.load(tmp_path / "shelf")


def test_an_empty_shelf_proposes_nothing(tmp_path: Path) -> None:
    empty = Shelf({}, [])
    empty.write(tmp_path)
    assert Shelf.load(tmp_path).candidates({"history": "milk"}, task()) == []
