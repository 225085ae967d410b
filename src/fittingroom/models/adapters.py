"""LoRA adapters on a loaded model: put fresh ones in, or read trained ones back."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fittingroom.models.targets import lora_targets


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """peft 0.21 asks transformers by a name that transformers 5.23 is about to drop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*is_gradient_checkpointing.*")
        yield


def with_lora(model: Any, *, rank: int, alpha: float, dropout: float, master: bool = True) -> Any:
    """The model with fresh adapters (random A, zero B) on the targets of its family; all else is frozen. The adapters
    are in 32 bits, whatever the base is in; `master` False: in its number format.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=dropout,
        target_modules=lora_targets(model),
        task_type="CAUSAL_LM",
    )
    with _quiet():
        return get_peft_model(model, config, autocast_adapter_dtype=master)


def with_adapter(model: Any, folder: Path) -> Any:
    """The model with the adapters of a folder, in evaluation mode."""
    from peft import PeftModel

    with _quiet():
        adapted: Any = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    adapted.eval()
    return adapted


def merged(model: Any, folder: Path) -> Any:
    """The model with the adapters of a folder added into its weights; not-a-number in one is a ValueError."""
    return with_adapter(model, folder).merge_and_unload(safe_merge=True)


def save_adapter(model: Any, folder: Path, base: str) -> None:
    """Write the adapters; the files do not depend on the place or the process."""
    for adapter in model.peft_config.values():
        adapter.base_model_name_or_path = base
        adapter.inference_mode = True
        adapter.target_modules = sorted(adapter.target_modules)  # a set, whose order changes from process to process
    # The default of `save_embedding_layers` would ask the hub whether the base model has grown new tokens.
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
