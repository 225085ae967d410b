from __future__ import annotations

from random import Random

import pytest

from fittingroom.sample.grammar import expand, words


def test_choices_nest_and_slots_are_filled() -> None:
    lexicon = {"colour": ("red", "blue")}
    found = {expand("[a|b [c|d]] {colour}", lexicon, Random(seed)) for seed in range(60)}
    assert found == {f"{head} {tail}" for head in ("a", "b c", "b d") for tail in ("red", "blue")}


def test_a_slot_keeps_its_value_and_its_second_never_repeats_it() -> None:
    lexicon = {"size": ("S", "M", "L")}
    for seed in range(40):
        one, again, other = expand("{size} {size} {size2}", lexicon, Random(seed)).split()
        assert one == again != other


def test_bound_slots_are_taken_as_they_are() -> None:
    assert expand("{item}!", {}, Random(1), {"item": "[a|a]"}) == "a!"


def test_a_missing_slot_is_named() -> None:
    with pytest.raises(KeyError, match="nothing"):
        expand("{nothing}", {}, Random(1))


def test_a_grammar_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="does not end"):
        expand("{again}", {"again": ("{again}!",)}, Random(1))


def test_words() -> None:
    assert words("a b") == ("a", "b")
    assert words("a b|c", "|") == ("a b", "c")
