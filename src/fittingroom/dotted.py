"""Values of a recipe by their dotted path."""

from __future__ import annotations

from typing import Any

from fittingroom.errors import RecipeError


def set_path(values: dict[str, Any], path: str, value: Any) -> None:
    """Set `a.b.0.c` in nested dictionaries and lists."""
    keys = path.split(".")
    here: Any = values
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        if isinstance(here, list):
            if not key.isdigit() or int(key) >= len(here):
                raise RecipeError(
                    f"there is no item {key!r} in this list of {len(here)}",
                    f"这个列表只有 {len(here)} 项，没有 {key!r}",
                    place=path,
                )
            index = int(key)
            if last:
                here[index] = value
            here = here[index]
        else:
            if last:
                here[key] = value
            else:
                if not isinstance(here.get(key), dict | list):
                    here[key] = {}
                here = here[key]


def flatten(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested values as dotted path -> leaf (empty containers are leaves)."""
    items: list[tuple[str, Any]]
    if isinstance(values, dict) and values:
        items = [(str(key), item) for key, item in values.items()]
    elif isinstance(values, list) and values and any(isinstance(item, dict | list) for item in values):
        items = [(str(index), item) for index, item in enumerate(values)]
    else:
        return {prefix: values}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat |= flatten(item, f"{prefix}.{key}" if prefix else key)
    return flat
