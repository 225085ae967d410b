"""The states of the loop's benchmark: they parse, make valid recipes and plant the same by the same seed."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
LOOP = ROOT / "benchmarks" / "loop"
FILES = ("faults.yaml", "earlier.yaml", "unseen.yaml")
KNOWN = {"noise", "imbalance", "rows"}


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(LOOP)


def records() -> list[dict[str, Any]]:
    labels = ["a"] * 20 + ["b"] * 20 + ["c"] * 10
    texts = ["退款什么时候到账" if place % 2 else "where is my parcel" for place in range(50)]
    return [
        {"id": f"{place:03d}", "input": {"text": f"{text} {place}"}, "target": {"label": label}}
        for place, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]


def labels_of(rows: list[dict[str, Any]]) -> list[str]:
    return [row["target"]["label"] for row in rows]


@pytest.mark.parametrize("file", FILES)
def test_states_are_valid_recipes_with_causes_that_there_are(file: str) -> None:
    from planting_unseen import BEYOND_A_RECIPE, FAULTS
    from sets import SETS, recipe
    from states import read, spoilt

    from fittingroom.config import parse

    pitfalls = set(re.findall(r"^- \[([a-z-]+)\]", (ROOT / "docs/pitfalls/index.md").read_text("utf-8"), re.M))
    for name, state in read(LOOP / file).items():
        assert set(state.causes) <= pitfalls, name
        assert bool(state.causes) == ("healthy" not in state.kind), name
        assert set(state.data) <= KNOWN | set(FAULTS), name
        assert state.plant in {"", "prompt_in_the_loss", *BEYOND_A_RECIPE}, name
        for one in SETS.values():
            good = parse(recipe(one), "good")
            bad = parse(spoilt(recipe(one), state.recipe), name)
            hand = parse(spoilt(recipe(one), state.hand), name)
            assert (bad != good) == bool(state.recipe), name
            # What the reference does not do better, no gate can say no to.
            assert "healthy" in state.kind or bad != hand or state.plant, name


def test_as_many_states_of_each_kind_as_were_asked_for() -> None:
    from states import read

    kinds = [state.kind for state in read(LOOP / "unseen.yaml").values()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"unseen": 8, "compound": 4, "healthy": 4}


@pytest.mark.parametrize("fault", ["swapped", "drawer", "emptied", "copied_down", "stamped"])
def test_a_fault_is_planted_by_seed_and_leaves_its_input_alone(fault: str) -> None:
    from planting_unseen import spoil

    rows = records()
    before = copy.deepcopy(rows)
    found = spoil(rows, {fault: 0.4}, "label", 7)
    assert rows == before
    assert found == spoil(rows, {fault: 0.4}, "label", 7)
    assert found != spoil(rows, {fault: 0.4}, "label", 8)
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert spoil(rows, {fault: 0.0}, "label", 7) == spoil(rows, {}, "label", 7) == rows


def test_swapped_and_drawer_spoil_the_labels_that_they_name() -> None:
    from planting_unseen import drawer, swapped

    rows = records()
    mixed = list(zip(labels_of(rows), labels_of(swapped(rows, 0.4, "label", 7)), strict=True))
    assert [mixed.count(pair) for pair in (("a", "b"), ("b", "a"), ("c", "c"))] == [8, 8, 10]
    thrown = list(zip(labels_of(rows), labels_of(drawer(rows, 0.4, "label", 7)), strict=True))
    assert thrown.count(("a", "a")) == 20
    assert sum(old != new for old, new in thrown) == sum(new == "a" for old, new in thrown if old != "a") == 12


def test_emptied_texts_keep_script_and_label_and_are_no_copies() -> None:
    from planting_unseen import emptied

    rows = records()
    found = emptied(rows, 0.5, "label", 7)
    new = [now["input"]["text"] for was, now in zip(rows, found, strict=True) if was["input"] != now["input"]]
    assert len(new) == len(set(new)) == 25
    assert labels_of(found) == labels_of(rows)


def test_what_no_recipe_mends_is_planted_by_name_and_taken_back() -> None:
    from planting import PLANTED, planted

    with planted({"noise": 0.1}, "emptied"):
        assert PLANTED == {"noise": 0.1, "emptied": 0.5}
    assert not PLANTED


def test_copied_down_rows_carry_the_label_of_the_first_of_three_blocks() -> None:
    from planting_unseen import copied_down

    rows = [{**row, "target": {"label": "abc"[place % 3]}} for place, row in enumerate(records())]
    old, new = labels_of(rows), labels_of(copied_down(rows, 0.4, "label", 7))
    thirds = [(len(rows) * part // 3, len(rows) * (part + 1) // 3) for part in range(3)]
    for low, high in thirds:
        wrong = [place for place in range(low, high) if old[place] != new[place]]
        assert 0 < len(wrong) < round(0.4 * (high - low))
        assert wrong[-1] - wrong[0] < round(0.4 * (high - low))
        assert len({new[place] for place in wrong}) == 1


def test_stamped_texts_begin_with_their_label_and_the_others_stay() -> None:
    from planting_unseen import stamped

    rows = records()
    found = stamped(rows, 0.4, "label", 7)
    pairs = [(was["input"]["text"], now["input"]["text"], was["target"]["label"])
             for was, now in zip(rows, found, strict=True)]  # fmt: skip
    assert sum(was != now for was, now, _ in pairs) == round(0.4 * len(rows))
    assert all(now in (was, f"[{label}] {was}") for was, now, label in pairs)
    assert labels_of(found) == labels_of(rows)
