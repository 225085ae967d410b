"""A test part is opened by one release; the second is flagged, the third refused."""

from __future__ import annotations

from pathlib import Path

from fittingroom.openings import Openings


def test_openings_are_counted_across_runs(tmp_path: Path) -> None:
    first = Openings(tmp_path).open("test", "bundle-1", "run-1")
    again = Openings(tmp_path).open("test", "bundle-1", "run-2")
    assert (first.number, first.refused, again.number, again.refused) == (1, False, 1, False)
    second = Openings(tmp_path).open("test", "bundle-2", "run-3")
    assert (second.number, second.refused) == (2, False)
    third = Openings(tmp_path).open("test", "bundle-3", "run-4")
    assert (third.number, third.refused) == (3, True)
    assert "add new rows" in third.message.en
    assert "新数据" in third.message.zh


def test_a_refused_opening_is_not_recorded_and_other_parts_are_free(tmp_path: Path) -> None:
    openings = Openings(tmp_path)
    for bundle in ("a", "b", "c"):
        openings.open("test", bundle, "run")
    assert openings.bundles("test") == ["a", "b"]
    assert openings.open("test", "a", "run").refused is False
    assert openings.open("other", "c", "run").number == 1
