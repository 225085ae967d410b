"""What is wrong with a value, and why a row was rejected, is said in Chinese to those who read Chinese."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import fittingroom
from fittingroom.config import parse
from fittingroom.dotted import set_path
from fittingroom.errors import RecipeError
from fittingroom.models.endpoint_config import fault_of_url
from fittingroom.reasons import in_chinese
from fittingroom.values import wrong

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


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("train.epochs", 5000, "train.epochs"),
        ("train.epochs", "many", "train.epochs"),
        ("train.max_length", 1, "train.max_length"),
        ("train.early_stopping", 0, "train.early_stopping"),
        ("sources.0.group", 3, "sources.0.group"),
        ("sources.0.group", ["a", []], "sources.0.group"),
        ("sources.0.path", [], "sources.0.path"),
        ("task.aliases", {"csv": []}, "task.aliases.csv"),
        ("balance.teacher", 3, "balance.teacher"),
        ("prepare.irrelevant", {"threshold": 3}, "prepare.irrelevant.threshold"),
        ("label.rules", [{"label": 3, "keywords": ["a"]}], "label.rules.0.label"),
    ],
)
def test_the_place_is_a_key_of_the_recipe(key: str, value: Any, place: str) -> None:
    """Not the step that pydantic takes to get there; and one wrong value is one problem."""
    values = yaml.safe_load(yaml.safe_dump(RECIPE))
    set_path(values, key, value)
    with pytest.raises(RecipeError) as caught:
        parse(values, "recipe.yaml")
    assert caught.value.place == f"recipe.yaml: {place}"
    assert "more problem" not in caught.value.text("en")


def raised(file: Path, within: str) -> list[str]:
    """What the ValueErrors of a file say, with 3 for all that is filled in; of functions decorated like `within`."""
    found = []
    for function in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef) and within in "".join(map(ast.unparse, function.decorator_list)):
            for node in ast.walk(function):
                called = node.exc if isinstance(node, ast.Raise) else None
                if isinstance(called, ast.Call) and ast.unparse(called.func) == "ValueError":
                    said = called.args[0]
                    parts = said.values if isinstance(said, ast.JoinedStr) else [said]
                    found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "3" for part in parts))
    return found


def test_all_that_our_checks_say_is_known() -> None:
    package = Path(fittingroom.__file__).parent
    files = [file for file in sorted(package.rglob("*.py")) if file.parent != package / "serving"]  # no recipe there
    met = [said for file in files for said in raised(file, "_validator") if said != "3"]
    met += [str(fault_of_url(url)) for url in ("ftp://a", "http://a.b/v1", "https://u:p@a.b")]
    assert len(met) > 15
    told = {said: wrong({"type": "value_error", "msg": f"Value error, {said}"}) for said in met}
    assert [said for said, text in told.items() if text.zh == text.en] == []


def test_every_reason_of_a_conversation_is_known() -> None:
    package = Path(fittingroom.__file__).parent / "sources"
    met = [said for name in ("conversation.py", "batching.py") for said in raised(package / name, "")]
    assert len(met) > 12
    assert [said for said in met if in_chinese(said) == said] == []
    assert in_chinese("no instruction") == "没有 instruction"
    assert in_chinese("turn 2 is no object") == "第 2 轮不是 JSON 对象"


def test_reasons_are_told_in_chinese() -> None:
    assert in_chinese("3 fields where the header has 2") == "有 3 列，而表头有 2 列"
    assert in_chinese("of a plugin") == "of a plugin"


def test_every_reason_is_known() -> None:
    """Reasons that are written as plain words where rows are rejected or dropped."""
    package = Path(fittingroom.__file__).parent
    files = [*package.glob("sources/*.py"), *package.glob("stages/prepare*.py"), package / "text/clean.py"]
    met: set[str] = set()
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
