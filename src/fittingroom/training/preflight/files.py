"""What the files of the base model say about the marks of beginning and end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fittingroom.training.preflight import Subject

_FILES = ("config.json", "generation_config.json")
_MARKS = ("bos_token_id", "eos_token_id")


def special_ids(subject: Subject) -> tuple[dict[str, float], list[str]]:
    """Ids of the marks of beginning and end in which config.json or generation_config.json (`files`), or the model as
    it was loaded (`loaded`), differ from the tokenizer. A list of end marks agrees when it holds the tokenizer's.
    """
    own = {name: getattr(subject.tokenizer, name) for name in _MARKS}
    files, named = 0, []
    for file in _FILES:
        path = subject.folder / file
        said = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        for name in _MARKS:
            if not _agrees(said.get(name), own[name]):
                files += 1
                named.append(f"{file}: {name} {said[name]}, tokenizer: {own[name]}")
    settings = [subject.model.config, subject.model.generation_config]
    loaded = sum(not _agrees(getattr(one, name, None), own[name]) for one in settings for name in _MARKS)
    return {"files": float(files), "loaded": float(loaded)}, named


def _agrees(said: Any, own: int | None) -> bool:
    """What is not said contradicts nothing."""
    if said is None or own is None:
        return True
    return own in said if isinstance(said, list) else bool(said == own)
