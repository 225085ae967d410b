"""A bundle around the tiny random model, as `package` lays it out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from fittingroom.serving.bundle import seal
from tiny_model import tiny_folder

LABELS = ["good", "bad", "where", "质量很好"]
WEIGHTS = ("config.json", "generation_config.json", "model.safetensors")


def make_bundle(folder: Path, **changes: Any) -> Path:
    """Write a sealed bundle; `changes` replace keys of bundle.json."""
    base = tiny_folder()
    (folder / "model").mkdir(parents=True)
    (folder / "tokenizer").mkdir()
    for path in base.iterdir():
        shutil.copy(path, folder / ("model" if path.name in WEIGHTS else "tokenizer") / path.name)
    info = {
        "version": 1,
        "task": {"kind": "classify", "input": ["review"], "target": "label"},
        "labels": LABELS,
        "temperature": 2.0,
        "base": {"name": str(base), "revision": "", "digest": _digest(base)},
        "data": {"train": "t"},
        "prepare": {"clean": {}, "redact": {}},
        "max_length": 96,
    }
    (folder / "bundle.json").write_text(json.dumps(info | changes, ensure_ascii=False), encoding="utf-8")
    (folder / "LICENSE.base").write_text("none")
    seal(folder)
    return folder


def _digest(base: Path) -> str:
    from fittingroom.models.load import folder_digest

    return folder_digest(base)
