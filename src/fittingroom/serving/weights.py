"""The weights of a bundle: those that were fitted, or those of the base before, on the device that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fittingroom.errors import StoreError
from fittingroom.serving.bundle import ADAPTER, MODEL, BundleInfo


def tuned(folder: Path) -> Any:
    """The weights that were fitted, merged or with their adapter."""
    from fittingroom.models.adapters import with_adapter
    from fittingroom.models.load import load_to_score

    model: Any = load_to_score(folder / MODEL)
    return with_adapter(model, folder / ADAPTER) if (folder / ADAPTER).is_dir() else model


def untuned(folder: Path, info: BundleInfo, root: Path | None) -> Any:
    """The base's weights: in the bundle beside an adapter, else found again by name and compared by digest."""
    from fittingroom.models.load import ModelConfig, load_to_score, resolve

    if (folder / ADAPTER).is_dir():
        return load_to_score(folder / MODEL)
    # A bundle in a store lies at <workspace>/objects/<digest>/folder.
    base = resolve(ModelConfig(base=info.base.name, revision=info.base.revision or None), root or folder.parents[2])
    if base.digest != info.base.digest:
        raise StoreError(
            "the base model is not the one that this bundle was made from; run the recipe again",
            "基座模型与制作此模型包时的不同；请重新运行配方",
            place=f"model.base = {info.base.name}",
        )
    return load_to_score(base.path)
