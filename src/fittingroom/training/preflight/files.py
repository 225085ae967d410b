"""What the files of the base model say before the loader settles it: marks, padding, generation settings.

The loader mends some of what it finds there, so the loaded model does not show it; who trains or serves the same folder
with other tools meets it all the same.
"""

from __future__ import annotations

import json
from pathlib import Path
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
        said = _said(subject.folder / file)
        for name in _MARKS:
            if not _agrees(said.get(name), own[name]):
                files += 1
                named.append(f"{file}: {name} {said[name]}, tokenizer: {own[name]}")
    settings = [subject.model.config, subject.model.generation_config]
    loaded = sum(not _agrees(getattr(one, name, None), own[name]) for one in settings for name in _MARKS)
    return {"files": float(files), "loaded": float(loaded)}, named


def padding(folder: Path) -> dict[str, float]:
    """`unnamed`: 1.0 where neither the tokenizer's settings nor config.json name a token to pad with."""
    tokenizer, config = _said(folder / "tokenizer_config.json"), _said(folder / "config.json")
    named = (tokenizer.get("pad_token"), config.get("pad_token_id"))
    return {"unnamed": float(all(value is None for value in named))}


def generation(folder: Path) -> dict[str, float]:
    """`contradict`: 1.0 where the stored generation settings are such as transformers refuses to save."""
    from transformers import GenerationConfig

    said = _said(folder / "generation_config.json")
    try:
        GenerationConfig.from_dict(said).validate(strict=True)
    except ValueError:
        return {"contradict": 1.0}
    return {"contradict": 0.0}


def _said(path: Path) -> dict[str, Any]:
    """A file of settings; a file that is not there says nothing."""
    said: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return said


def _agrees(said: Any, own: int | None) -> bool:
    """What is not said contradicts nothing."""
    if said is None or own is None:
        return True
    return own in said if isinstance(said, list) else bool(said == own)
