"""The best weights of a training as files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fittingroom.errors import NoRoom
from fittingroom.models.adapters import save_adapter
from fittingroom.models.experts import save_chosen, splits_experts
from fittingroom.room import roomy


def weight_bytes(model: Any) -> int:
    """Bytes of the weights that are kept: all of a model, or those of its adapters."""
    adapters = hasattr(model, "peft_config")
    return sum(
        value.numel() * value.element_size() for value in model.parameters() if value.requires_grad or not adapters
    )


def kept(model: Any, base: str, folder: Path) -> Path:
    """The weights of a model in a folder; `base` is the base model's name.

    Raises NoRoom on a full disk: the last checkpoint stays, and half a folder goes.
    """
    try:
        with roomy(folder.parent, weight_bytes(model)):
            return _saved(model, base, folder)
    except NoRoom:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _saved(model: Any, base: str, folder: Path) -> Path:
    """Nothing in the files depends on time or place."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    shutil.rmtree(folder, ignore_errors=True)
    model.config.use_cache = True
    if hasattr(model, "peft_config"):
        save_adapter(model, folder, base)
    elif splits_experts(model):
        save_chosen(model, folder)
    else:
        model.save_pretrained(str(folder))
    return folder
