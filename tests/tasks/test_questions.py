"""Rows become questions: one per moment, with all that was bought then; graded titles among themselves."""

from __future__ import annotations

from fittingroom.tasks.questions import asked, units_of
from shopping import rows, task


def test_rows_of_a_moment_are_one_question() -> None:
    told = [
        {"id": "r3", "group": "a", "day": 1, "history": "milk", "title": "bread"},
        {"id": "r1", "group": "a", "day": 1, "history": "milk", "title": "tea"},
        {"id": "r2", "group": "a", "day": 2, "history": "milk", "title": "jam"},
        {"id": "r4", "group": "b", "day": 1, "history": "milk", "title": "jam"},
        {"id": "r5", "history": "milk", "title": "jam"},
        {"id": "r6", "history": "milk", "title": " "},
    ]
    found = asked(rows(told, task()), task(), seed=1)
    assert [(one.id, one.unit, one.wanted) for one in found.questions] == [
        ("r1", "a", {"bread": 1.0, "tea": 1.0}),
        ("r2", "a", {"jam": 1.0}),
        ("r4", "b", {"jam": 1.0}),
        ("r5", "r5", {"jam": 1.0}),
    ]
    assert (found.unrankable, found.passed_over) == (0, 0)
    assert units_of(rows(told, task())) == {"a", "b"}


GRADED = [
    {"query": "tea", "grade": "3", "title": "green tea"},
    {"query": "tea", "grade": "2", "title": "tea pot"},
    {"query": "tea", "grade": "1.0", "title": "hose"},
    {"query": "tea", "grade": "?", "title": "nobody knows"},
    {"query": "hose", "grade": "3", "title": "garden hose"},
    {"query": "lamp", "grade": "2", "title": "bulb"},
    {"query": "lamp", "grade": "1", "title": "cable"},
]


def test_graded_titles_are_the_candidates_of_their_question() -> None:
    of = task(["query", "grade"], grade="grade", worst=1, best=3)
    found = asked(rows(GRADED, of), of, seed=1)
    assert [(one.given, one.wanted, one.candidates) for one in found.questions] == [
        ({"query": "tea"}, {"green tea": 1.0, "tea pot": 0.5}, ["green tea", "hose", "tea pot"])
    ]
    assert found.unrankable == 2, "one has a single title, one none that is good enough"
    lower = task(["query", "grade"], grade="grade", worst=1, best=3, relevant=2)
    assert len(asked(rows(GRADED, lower), lower, seed=1).questions) == 2


def test_titles_of_other_questions_are_strangers_worth_nothing() -> None:
    of = task(["query", "grade"], grade="grade", worst=1, best=3, strangers=3)
    found = asked(rows(GRADED, of), of, seed=1).questions
    assert [one.given["query"] for one in found] == ["tea", "hose"]
    for one in found:
        own = {row["title"] for row in GRADED if row["query"] == one.given["query"] and row["grade"] != "?"}
        assert own < set(one.candidates or [])
        assert len(one.candidates or []) == len(own) + 3
        assert set(one.wanted) <= own
    assert [one.candidates for one in asked(rows(GRADED, of), of, seed=1).questions] == [
        one.candidates for one in found
    ]


def test_the_draw_is_told() -> None:
    of = task(questions=20)
    told = [{"group": f"c{number}", "day": 1, "history": "milk", "title": "tea"} for number in range(30)]
    found = asked(rows(told, of), of, seed=1)
    assert (len(found.questions), found.passed_over) == (20, 10)
    other = asked(rows(told, of), of, seed=2)
    assert [one.id for one in other.questions] != [one.id for one in found.questions]


def test_who_and_what_is_new() -> None:
    told = [
        {"group": "known", "day": 1, "title": "tea"},
        {"group": "new", "day": 1, "title": "jam"},
        {"group": "told of", "day": 1, "history": "milk", "title": "jam"},
    ]
    found = asked(rows(told, task()), task(), seed=1).questions
    assert [one.cold_customer({"known"}) for one in found] == [False, True, False]
    assert [one.cold_goods({"tea": 3}) for one in found] == [False, True, True]
