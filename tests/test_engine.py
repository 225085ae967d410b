"""Paths of a recipe: relative to the workspace, with names from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError


def test_paths_start_at_the_workspace_and_read_the_environment(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DATA", str(tmp_path / "elsewhere"))
    assert context.path("a.csv") == context.root / "a.csv"
    assert context.path("${SHOP_DATA}/a.csv") == tmp_path / "elsewhere" / "a.csv"


def test_a_name_that_is_not_set_is_a_clear_error(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_DATA", raising=False)
    with pytest.raises(RecipeError, match="SHOP_DATA is not set"):
        context.path("${SHOP_DATA}/a.csv")
