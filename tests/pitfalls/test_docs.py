"""The pages in docs/pitfalls are those of the code, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

from fittingroom.pitfalls import catalog
from fittingroom.pitfalls.docs import LANGUAGES, render, write

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pitfalls"


def test_the_pages_are_up_to_date() -> None:
    """Else: python -m fittingroom.pitfalls.docs docs/pitfalls."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")} == render()


def test_every_pitfall_is_on_the_index() -> None:
    pages = render()
    for ending in LANGUAGES.values():
        linked = re.findall(rf"\]\(([a-z-]+){re.escape(ending)}\)", pages[f"index{ending}"])
        assert sorted(name for name in linked if name != "index") == sorted(catalog())


def test_every_link_leads_somewhere() -> None:
    pages = render()
    for name, text in pages.items():
        for link in re.findall(r"\]\(([^)]+)\)", text):
            assert link in pages, f"{name}: {link}"


def test_a_page_of_a_pitfall_that_is_no_more_goes(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old")

    written = write(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    assert not (tmp_path / "gone.md").exists()
