"""Documentation that is made from the code is up to date, and every verb has its place in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from fittingroom import model_docs
from fittingroom.config import RunConfig
from fittingroom.recipe_docs import render

ROOT = Path(__file__).resolve().parent.parent
PAIRS = [
    (page, chinese)
    for page in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    if (chinese := page.with_name(f"{page.stem}.zh-CN.md")).is_file()
]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(?:^|(?<=\s))#\s.*$", re.MULTILINE)
_PIECE = re.compile(r""""[^"]*"|'[^']*'|[\w.-]+|\S""")
_HAN = re.compile(r"[\u4e00-\u9fff]")


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


def blocks(page: Path) -> list[tuple[str, Any]]:
    """(language, what it says) of each fenced block with a language: YAML and JSON as values, others as their pieces
    line by line, without comments. `--lang zh` is a translation, too.
    """
    found: list[tuple[str, Any]] = []
    for language, body in _BLOCK.findall(page.read_text("utf-8")):
        if language == "yaml":
            found.append((language, yaml.safe_load(body)))
        elif language == "json":
            found.append((language, [json.loads(line) for line in body.splitlines()]))
        else:
            lines = _COMMENT.sub("", body.replace(" --lang zh", "")).splitlines()
            found.append((language, [_PIECE.findall(line) for line in lines if line.strip()]))
    return found


def translates(english: Any, chinese: Any) -> bool:
    """Whether two values are equal, in order, but for words that are Chinese in the second."""
    if isinstance(english, dict) and isinstance(chinese, dict):
        return translates(list(english.items()), list(chinese.items()))
    if isinstance(english, list | tuple) and isinstance(chinese, list | tuple):
        return len(english) == len(chinese) and all(map(translates, english, chinese))
    return bool(english == chinese or (isinstance(english, str) and isinstance(chinese, str) and _HAN.search(chinese)))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair[0].relative_to(ROOT)))
def test_both_pages_of_a_pair_show_the_same_examples(pair: tuple[Path, Path]) -> None:
    english, chinese = map(blocks, pair)
    assert [language for language, _ in english] == [language for language, _ in chinese]
    assert [(ours, theirs) for ours, theirs in zip(english, chinese, strict=True) if not translates(ours, theirs)] == []


def test_a_key_that_one_page_lacks_or_another_value_is_no_translation() -> None:
    assert translates({"a": ["fast", 1]}, {"a": ["快", 1]})
    assert not translates({"a": 1, "b": 2}, {"a": 1})
    assert not translates({"a": ["fast", 1]}, {"a": ["快", 2]})
    assert not translates([["run", "--all"]], [["run"]])


def test_every_guide_is_linked_in_the_readme_of_its_language() -> None:
    for english, chinese in PAIRS:
        if english.parent == ROOT / "docs":
            assert f"(docs/{english.name})" in (ROOT / "README.md").read_text("utf-8")
            assert f"(docs/{chinese.name})" in (ROOT / "README.zh-CN.md").read_text("utf-8")
