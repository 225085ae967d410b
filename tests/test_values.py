"""What is wrong with a value, and why a row was rejected, is said in Chinese to those who read Chinese."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import fittingroom
from fittingroom.config import parse
from fittingroom.errors import RecipeError
from fittingroom.reasons import in_chinese

RECIPE: dict[str, Any] = {
    "task": {"kind": "classify", "input": ["text"], "target": "label"},
    "sources": [{"kind": "csv", "path": "rows.csv", "key": "id"}],
}


def said(**sections: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        parse({**RECIPE, **sections}, "recipe.yaml")
    return caught.value.text("zh")


@pytest.mark.parametrize(
    ("sections", "wanted"),
    [
        ({"sources": [{"kind": "csv", "path": "x", "retention": "90d"}]}, "`retention` 需要 `time`"),
        ({"sources": [{"kind": "csv", "path": "x", "group": ["a", "a"]}]}, "列名列表至少一项"),
        ({"split": {"dev": 2}}, "应小于 1"),
        ({"split": {"dev": 0.5, "test": 0.5}}, "给 train 留出份额"),
        ({"split": {"min_per_class": "many"}}, "应为整数，而不是 'many'"),
        ({"split": {"by_time": "maybe"}}, "应为 true 或 false"),
        ({"dedup": {"method": "far"}}, "应为 'near'、'exact'、'none' 之一"),
        ({"prepare": {"clean": 3}}, "应为一节配置"),
        ({"pitfalls": {"settings": {"duplicates": 3}}}, "应为键值对"),
    ],
)
def test_values_are_told_in_chinese(sections: dict[str, Any], wanted: str) -> None:
    told = said(**sections)
    assert wanted in told
    assert not re.search(r"[a-z]{3,} [a-z]{3,}", told.replace("true 或 false", "")), told


def test_reasons_are_told_in_chinese() -> None:
    assert in_chinese("3 fields where the header has 2") == "有 3 列，而表头有 2 列"
    assert in_chinese("of a plugin") == "of a plugin"


def test_every_reason_is_known() -> None:
    """Reasons that are written as plain words where rows are rejected or dropped."""
    package = Path(fittingroom.__file__).parent
    files = [*package.glob("sources/*.py"), *package.glob("stages/prepare*.py"), package / "text/clean.py"]
    met = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            called = getattr(node, "func", None)
            if getattr(called, "id", getattr(called, "attr", "")) in ("reject", "_reject"):
                inside = {id(part) for one in ast.walk(node) if isinstance(one, ast.JoinedStr) for part in one.values}
                plain = (one for one in ast.walk(node) if isinstance(one, ast.Constant) and id(one) not in inside)
                told = [one.value for one in plain if isinstance(one.value, str)]
                met.update(one for one in told if re.fullmatch("[a-zA-Z ]{5,}", one))
    assert len(met) > 3
    met |= {
        "empty",
        "too long",
        "garbled",
        "too short",
        "spam",
        "boilerplate",
        "other language",
        "the key stands twice",
    }
    assert [one for one in sorted(met) if in_chinese(one) == one] == []
