"""The page on the recipe, made from the configuration classes: `python -m fittingroom.recipe_docs docs/recipe.md`.

Field, default and meaning stand in one place, the class; the docstring below a field is its meaning.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from fittingroom.config import RunConfig
from fittingroom.sources.config import SourceConfig

_HEAD = """\
# The recipe, key by key

Made by `python -m fittingroom.recipe_docs docs/recipe.md` from the configuration classes. Every key has a default
except `task` and `sources`; an unknown key is an error. `${NAME}` is read from the environment at use, so that no
secret stands in a recipe. `--set path=value` replaces one value on the command line. [中文](recipe.zh-CN.md)
"""


def render() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD]
    for name, field in RunConfig.model_fields.items():
        annotation = field.annotation
        if name == "sources":
            parts.append("\n## sources\n\nA list; `kind` says which reader.\n")
            for kind in get_args(get_args(SourceConfig)[0]):
                title = f"### kind: {get_args(kind.model_fields['kind'].annotation)[0]}"
                parts.append(_section(title, kind, without={"kind"}))
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            parts += list(_nested(name, annotation, 2))
        elif get_origin(annotation) is dict:
            entry = get_args(annotation)[1]
            parts.append(f"\n## {name}\n\nBy name; default `{{}}`.\n")
            parts += list(_nested(f"{name}.<name>", entry, 3))
        else:
            parts.append(f"\n## {name}\n\nDefault `{field.default}`.\n")
    return "".join(parts)


def _nested(path: str, model: type[BaseModel], depth: int) -> Iterator[str]:
    yield _section(f"{'#' * depth} {path}", model)
    for name, field in model.model_fields.items():
        for inner in (field.annotation, *get_args(field.annotation)):  # also a section that may be left out
            if isinstance(inner, type) and issubclass(inner, BaseModel) and get_origin(field.annotation) is not list:
                yield from _nested(f"{path}.{name}", inner, depth + 1)


def _section(heading: str, model: type[BaseModel], without: Set[str] = frozenset()) -> str:
    meanings = _meanings(model)
    lines = [
        f"\n{heading}\n",
        f"{inspect.cleandoc(model.__doc__ or '')}\n",
        "| key | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in model.model_fields.items():
        inner = field.annotation
        if name in without or (isinstance(inner, type) and issubclass(inner, BaseModel)):
            continue
        lines.append(f"| `{name}` | {_default(field)} | {meanings.get(name, '')} |")
    return "\n".join(lines) + "\n" if len(lines) > 4 else f"\n{heading}\n\n{inspect.cleandoc(model.__doc__ or '')}\n"


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    return "required" if value is PydanticUndefined else f"`{value!r}`".replace("|", "\\|")


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Docstrings below the fields, those of the base classes first."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not (issubclass(owner, BaseModel) and owner.__module__.startswith("fittingroom")):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[field.target.id] = " ".join(str(below.value.value).split()).replace("|", "\\|")
    return found


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
