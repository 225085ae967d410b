"""`init`: a folder to start with."""

from __future__ import annotations

import secrets
from pathlib import Path

from fittingroom.engine import ProgressSink
from fittingroom.errors import UserError
from fittingroom.key import add_key


def start(root: Path, recipe: str, *, sample: bool, seed: int, source: str, progress: ProgressSink) -> list[Path]:
    """Write a recipe (or a whole sample shop) and the key into the folder; see `Workspace.init`."""
    if sample and source:
        raise UserError("either a sample or a source, not both", "sample 与 source 只能选一个", place="init")
    if (root / recipe).exists():
        raise UserError(
            "there is a recipe already; choose another folder",
            "这里已有配方文件；请换一个文件夹",
            place=str(root / recipe),
        )
    root.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in root.iterdir()}
    if sample:
        from fittingroom.sample.shop import write_sample

        write_sample(root, seed=seed)
    else:
        (root / recipe).write_text(_drafted(root, source, progress), encoding="utf-8")
        add_key(root / ".env")
    return sorted(path for path in root.iterdir() if path.is_file() and path.name not in before)


def _drafted(root: Path, source: str, progress: ProgressSink) -> str:
    """The recipe to start with: for a source that is looked at, or for none."""
    if not source:
        from fittingroom.starter import RECIPE_TEXT

        return RECIPE_TEXT
    from fittingroom.drafting import draft
    from fittingroom.engine import Context
    from fittingroom.sources.survey import survey

    # A log's reader makes pseudonyms; nothing of this look is kept, so the key is one of the moment.
    passing = Context(root=root, scratch=root, secret=secrets.token_bytes(32), progress=progress)
    return draft(source, survey(source, passing))
