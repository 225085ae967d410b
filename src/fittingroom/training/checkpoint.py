"""Checkpoints that survive a kill at any moment: written aside, fsynced, sealed by a manifest with SHA-256, renamed.

    checkpoints/step-000120/   weights, optimizer, rng (safetensors), trainer_state.json, recorder.json, manifest.json
    checkpoints/best-000100/   the best weights so far; a step's manifest names the one it belongs to

A folder without a manifest, or with a file that is not what the manifest says, is passed over for the one before.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.journal import fsync_folder
from fittingroom.store import MANIFEST, file_sha256

if TYPE_CHECKING:
    from torch import Tensor

_KEPT = 2
Tensors = Mapping[str, "Tensor"]


class Checkpoints:
    """The checkpoints of one training. `identity` names what is trained: a checkpoint of anything else is passed
    over.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity

    def save_best(self, step: int, weights: Tensors) -> None:
        """Keep the best weights so far."""
        if not self._whole(self._best(step)):
            self._write(self._best(step), {"weights": weights}, {}, best=step)

    def save(self, step: int, tensors: Mapping[str, Tensors], values: Mapping[str, Any], best: int) -> Path:
        """Write the state after `step` and clear away what no kept checkpoint needs."""
        target = self.folder / f"step-{step:08d}"
        self._write(target, tensors, values, best=best)
        kept = sorted(self.folder.glob("step-*"))[-_KEPT:]
        needed = {self._best(int(json.loads((path / MANIFEST).read_text())["best"])) for path in kept}
        for path in sorted([*self.folder.glob("step-*"), *self.folder.glob("best-*"), *self.folder.glob(".aside-*")]):
            if path not in kept and path not in needed:
                shutil.rmtree(path)
        return target

    def newest(self, tell: Callable[[str], None]) -> Path | None:
        """The newest whole checkpoint; `tell` hears of those that are passed over."""
        for path in sorted(self.folder.glob("step-*"), reverse=True):
            if self._whole(path):
                best = int(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["best"])
                if best < 0 or self._whole(self._best(best)):
                    return path
            tell(path.name)
            shutil.rmtree(path)
        return None

    def best_weights(self, step: int) -> dict[str, Tensor]:
        """The best weights kept after `step`."""
        return read_tensors(self._best(step), "weights")

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:08d}"

    def _whole(self, path: Path) -> bool:
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            files = dict(manifest["files"])
            same = manifest["identity"] == self.identity
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return same and all(
            (path / name).is_file() and file_sha256(path / name) == seal for name, seal in files.items()
        )

    def _write(self, target: Path, tensors: Mapping[str, Tensors], values: Mapping[str, Any], best: int) -> None:
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f".aside-{uuid.uuid4().hex[:8]}"
        aside.mkdir()
        for name, group in tensors.items():
            save_file({key: value.contiguous() for key, value in group.items()}, str(aside / f"{name}.safetensors"))
        for name, value in values.items():
            (aside / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
        seals = {path.name: file_sha256(path) for path in sorted(aside.iterdir())}
        manifest = {"identity": self.identity, "best": best, "files": seals}
        (aside / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        for path in aside.iterdir():
            _fsync(path)
        fsync_folder(aside)
        if target.exists():
            shutil.rmtree(target)
        aside.rename(target)
        fsync_folder(self.folder)


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """One group of tensors of a checkpoint."""
    from safetensors.torch import load_file

    return dict(load_file(str(folder / f"{name}.safetensors")))


def read_value(folder: Path, name: str) -> Any:
    """One JSON value of a checkpoint."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
