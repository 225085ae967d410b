"""Documentation that is made from the code is up to date, and every verb has its place in it."""

from __future__ import annotations

from pathlib import Path

from fittingroom import model_docs
from fittingroom.config import RunConfig
from fittingroom.recipe_docs import render

ROOT = Path(__file__).resolve().parent.parent


def test_the_recipe_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "recipe.md").read_text("utf-8")
    assert page == render(), "run: python -m fittingroom.recipe_docs docs/recipe.md"


def test_kinds_are_told_where_they_are_chosen() -> None:
    """The kind of a source is the heading of its table; elsewhere it is a key like others."""
    page = render()
    for section in ("## task", "## engine"):
        assert "| `kind` |" in page.split(f"\n{section}\n")[1].split("\n## ")[0]
    assert "| `kind` |" not in page.split("\n## sources\n")[1].split("\n## ")[0]
    assert "engine: {kind: ray" in (ROOT / "docs" / "recipe.zh-CN.md").read_text("utf-8")


def test_every_section_has_a_place_in_the_chinese_page() -> None:
    page = (ROOT / "docs" / "recipe.zh-CN.md").read_text("utf-8")
    assert [name for name in RunConfig.model_fields if f"`{name}`" not in page] == []


def test_the_pages_on_models_are_up_to_date() -> None:
    for language, name in (("en", "models.md"), ("zh", "models.zh-CN.md")):
        page = (ROOT / "docs" / name).read_text("utf-8")
        assert page == model_docs.render(language), "run: python -m fittingroom.model_docs docs"


def test_every_verb_stands_in_both_readmes() -> None:
    verbs = (
        "init check run resume runs approve review discover export report explain pitfalls models verify deploy "
        "rollback serve ask monitor forget search"
    )
    for name in ("README.md", "README.zh-CN.md"):
        assert f"`{verbs}`" in (ROOT / name).read_text("utf-8")


def test_the_pages_name_no_machine() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks" / "results").glob("*.md")]
    assert pages
    # Folders that exist on one machine only; the parts are joined so that this line does not name one itself.
    marks = ["/" + name + "/" for name in ("root", "home", "tmp", "work")]
    assert [(page.name, mark) for page in pages for mark in marks if mark in page.read_text("utf-8")] == []
