"""Checkpoints that survive a kill at any moment: written aside, fsynced, sealed by a manifest with SHA-256, renamed.

    checkpoints/step-000120/   weights, optimizer, rng (safetensors), trainer_state.json, recorder.json, manifest.json
    checkpoints/best-000100/   the best weights so far; a step's manifest names the one it belongs to

A folder without a manifest, or with a file that is not what the manifest says, is passed over for the one before. The
manifest also says what the training is made from, so that one of another training is passed over by the difference.
What cannot be written (a full disk) leaves nothing behind, and never touches a checkpoint that is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.journal import fsync_folder
from fittingroom.store import MANIFEST, file_sha256
from fittingroom.training.origin import Origin, differences
from fittingroom.types import Text

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "checkpoints"
"""Where they lie in the scratch folder of a training."""
_KEPT = 2
Tensors = Mapping[str, "Tensor"]


class Passed(NamedTuple):
    """A checkpoint that is not taken up, and why."""

    name: str
    why: Text
    torn: bool
    """Whether it is not whole; else it belongs to another training."""


class NotWritten(Exception):
    """A checkpoint could not be written. What was written of it is gone again; those before it are as they were."""

    def __init__(self, folder: Path, needed: int, cause: Exception) -> None:
        """`needed`: bytes of the checkpoint."""
        super().__init__(f"{folder}: {cause}")
        self.folder, self.needed, self.cause = folder, needed, cause


class Checkpoints:
    """The checkpoints of one training. `origin` is all that it is made from: a checkpoint of anything else is passed
    over.
    """

    def __init__(self, folder: Path, origin: Origin) -> None:
        self.folder = folder
        self.origin = json.loads(json.dumps(origin))  # as it reads in a manifest

    def save_best(self, step: int, weights: Tensors) -> None:
        """Keep the best weights so far. Raises NotWritten."""
        self._write(self._best(step), {"weights": weights}, {}, best=step)

    def save(self, step: int, tensors: Mapping[str, Tensors], values: Mapping[str, Any], best: int) -> Path:
        """Write the state after `step` and clear away what no kept checkpoint needs. Raises NotWritten."""
        target = self.folder / f"step-{step:08d}"
        self._write(target, tensors, values, best=best)
        kept = sorted(self.folder.glob("step-*"))[-_KEPT:]
        needed = {self._best(int(json.loads((path / MANIFEST).read_text())["best"])) for path in kept}
        for path in sorted([*self.folder.glob("step-*"), *self.folder.glob("best-*"), *self.folder.glob(".aside-*")]):
            if path not in kept and path not in needed:
                shutil.rmtree(path, ignore_errors=True)  # what cannot be removed now is tried again with the next one
        return target

    def newest(self, tell: Callable[[Passed], None]) -> Path | None:
        """The newest whole checkpoint of this training; `tell` hears of those that are passed over, which go."""
        for path in sorted(self.folder.glob("step-*"), reverse=True):
            passed = self._passed(path)
            if passed is None:
                return path
            tell(passed)
            shutil.rmtree(path)
        return None

    def elsewhere(self) -> tuple[int, Text] | None:
        """The newest checkpoint of another, unfinished training beside this one: its step, and how it differs."""
        found = sorted(self.folder.parent.parent.glob(f"*/{self.folder.name}/step-*"), key=lambda path: path.name)
        for path in reversed(found):
            made_from = origin_of(path)
            changed = differences(made_from, self.origin) if made_from is not None else None
            if path.parent != self.folder and changed is not None:
                return int(path.name.removeprefix("step-")), changed
        return None

    def _passed(self, path: Path) -> Passed | None:
        """Why a checkpoint cannot be taken up; None when it can."""
        why = _broken(path)
        if why is None:
            best = int(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["best"])
            why = _broken(self._best(best))
        if why is not None:
            return Passed(path.name, why, torn=True)
        changed = differences(origin_of(path) or {}, self.origin)
        return Passed(path.name, changed, torn=False) if changed is not None else None

    def best_weights(self, step: int) -> dict[str, Tensor]:
        """The best weights kept after `step`."""
        return read_tensors(self._best(step), "weights")

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:08d}"

    def _write(self, target: Path, tensors: Mapping[str, Tensors], values: Mapping[str, Any], best: int) -> None:
        from safetensors import SafetensorError

        if _broken(target) is None and origin_of(target) == self.origin:
            return  # written before a kill; what is in it depends on the step alone
        aside = self.folder / f".aside-{uuid.uuid4().hex[:8]}"
        try:
            aside.mkdir(parents=True)
            self._fill(aside, tensors, values, best)
            if target.exists():
                shutil.rmtree(target)
            aside.rename(target)
            fsync_folder(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise NotWritten(self.folder, bytes_of(tensors), error) from error

    def _fill(self, aside: Path, tensors: Mapping[str, Tensors], values: Mapping[str, Any], best: int) -> None:
        """All files of a checkpoint, the manifest last, everything on disk."""
        from safetensors.torch import save_file

        for name, group in tensors.items():
            save_file({key: value.contiguous() for key, value in group.items()}, str(aside / f"{name}.safetensors"))
        for name, value in values.items():
            (aside / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
        seals = {path.name: file_sha256(path) for path in sorted(aside.iterdir())}
        for path in aside.iterdir():
            _fsync(path)
        manifest = {"made_from": self.origin, "best": best, "files": seals}
        (aside / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        _fsync(aside / MANIFEST)
        fsync_folder(aside)


def newest_step(scratch: Path) -> int | None:
    """The step of the newest sealed checkpoint in a stage's scratch folder; None where there is none, as in all stages
    but training. Whether it is whole is looked at when it is taken up (`Checkpoints.newest`).
    """
    found = [path.parent.name for path in (scratch / FOLDER).glob(f"step-*/{MANIFEST}")]
    return max((int(name.removeprefix("step-")) for name in found), default=None)


def origin_of(checkpoint: Path) -> Origin | None:
    """What a checkpoint's training was made from; None when its manifest cannot be read."""
    try:
        return dict(json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))["made_from"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def bytes_of(tensors: Mapping[str, Tensors]) -> int:
    """Bytes of groups of tensors."""
    return sum(value.numel() * value.element_size() for group in tensors.values() for value in group.values())


def _broken(path: Path) -> Text | None:
    """What a checkpoint lacks to be whole; None when it lacks nothing."""
    if not (path / MANIFEST).is_file():
        return Text(en=f"{path.name} has no {MANIFEST}", zh=f"{path.name} 缺少 {MANIFEST}")
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        files, _, _ = dict(manifest["files"]), int(manifest["best"]), dict(manifest["made_from"])
    except (OSError, ValueError, KeyError, TypeError):
        return Text(en=f"{path.name}/{MANIFEST} is torn", zh=f"{path.name}/{MANIFEST} 已损坏")
    for name, seal in files.items():
        if not (path / name).is_file():
            return Text(en=f"{path.name}/{name} is missing", zh=f"缺少 {path.name}/{name}")
        if file_sha256(path / name) != seal:
            return Text(en=f"{path.name}/{name} is torn", zh=f"{path.name}/{name} 已损坏")
    return None


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """One group of tensors of a checkpoint."""
    from safetensors.torch import load_file

    return dict(load_file(str(folder / f"{name}.safetensors")))


class Opened(Mapping[str, "Tensor"]):
    """One group of tensors of a checkpoint, of which each is read when it is asked for: several processes that take a
    part of each never hold them all.
    """

    def __init__(self, folder: Path, name: str) -> None:
        from safetensors import safe_open

        opened: Callable[..., Any] = safe_open
        self._file = opened(str(folder / f"{name}.safetensors"), framework="pt")
        self._names = list(self._file.keys())

    def __getitem__(self, name: str) -> Tensor:
        found: Tensor = self._file.get_tensor(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def read_value(folder: Path, name: str) -> Any:
    """One JSON value of a checkpoint."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
