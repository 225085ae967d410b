"""Bytes and files: how weights are stored, whether what training makes can be saved, what the device holds.

Sources: bitsandbytes issue 1849 (fused experts stay in 16 bit), transformers pull request 41516 (FP8 and training), own
measurement (a temperature without sampling makes saving fail, after training).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.models.device import Wanted
from fittingroom.models.folder import inventory, read_header
from fittingroom.models.memory import machine_bytes

if TYPE_CHECKING:
    from torch import Tensor

_EIGHT = ("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
_FOUR = ("F4",)


def weights(model: Any) -> dict[str, float]:
    """Bytes of the weights in all, by width (`bits32` …) and by part: `embeddings` with the head, `attention`, routed
    `experts`, `other`. `four_bit`: they came from bitsandbytes, two to a byte. Adapters are left out.
    """
    tables = {id(table.weight) for table in _tables(model)}
    found = dict.fromkeys(
        ("total", "bits32", "bits16", "bits8", "four_bit", "embeddings", "attention", "experts", "other"), 0.0
    )
    for name, value in model.named_parameters():
        if ".lora_" in name:
            continue
        size = float(value.numel() * value.element_size())
        found["total"] += size
        found[_width(value)] = found.get(_width(value), 0.0) + size
        found["embeddings" if id(value) in tables else _part(name)] += size
    return found


def in_four_bit(model: Any) -> dict[str, float]:
    """Of the weights outside of embeddings and head, the share that is stored in 4 bit; of a model that is not loaded
    that way, the share that bitsandbytes would store so, which are those of `nn.Linear` and no others (`loaded` 0).
    """
    tables = {id(table.weight) for table in _tables(model)}
    linear = {id(module.weight) for module in model.modules() if _is_linear(module)} - tables
    inner = [value for value in model.parameters() if id(value) not in tables]
    packed = {id(value) for value in inner if _width(value) == "four_bit"}
    counts = [(id(value), (2.0 if id(value) in packed else 1.0) * value.numel()) for value in inner]
    small = sum(count for which, count in counts if which in (packed or linear))
    rest = sum(count for _, count in counts)
    return {"share": small / max(1.0, rest), "loaded": float(bool(packed)), "weights": rest}


def stored(model: Any, folder: Path) -> dict[str, float]:
    """Shares of bytes in 8-bit and in 4-bit floating point, in the folder's files and in the model as it was loaded;
    `raw`: of the tensors that lie in the files in 8 bits, the share (of some, evenly) whose numbers in the model are
    the bare codes of the files, so that the loader has left out their scales.
    """
    sizes = inventory(folder, folder.name).bytes_by_dtype
    total = max(1, sum(sizes.values()))
    bytes_of = weights(model)
    widths = [(_float_width(value), value.numel() * value.element_size()) for value in model.parameters()]
    return {
        "files_8": sum(sizes.get(kind, 0) for kind in _EIGHT) / total,
        "files_4": sum(sizes.get(kind, 0) for kind in _FOUR) / total,
        "loaded_8": sum(size for width, size in widths if width == 8) / max(1.0, bytes_of["total"]),
        "loaded_4": sum(size for width, size in widths if width == 4) / max(1.0, bytes_of["total"]),
        "raw": _raw(model, folder) if any(sizes.get(kind, 0) for kind in _EIGHT) else 0.0,
    }


_COMPARED = 8
"""Tensors that are compared with their codes."""


def _raw(model: Any, folder: Path) -> float:
    """Only tensors that have the same name in the files as in the model; of experts, which are put together while they
    are loaded, nothing is compared.
    """
    held = dict(model.named_parameters())
    lying = [
        (file, name)
        for file in sorted(folder.glob("*.safetensors"))
        for name, facts in sorted(read_header(file, file.name).items())
        if facts["dtype"] in _EIGHT and name in held and held[name].shape == tuple(facts["shape"])
    ]
    step = max(1, len(lying) // _COMPARED)
    some = lying[::step][:_COMPARED]
    return sum(_are_codes(file, name, held[name]) for file, name in some) / max(1, len(some))


def _are_codes(file: Path, name: str, value: Tensor) -> bool:
    """Whether the first row's numbers are the codes as they lie in the file."""
    import torch
    from safetensors import safe_open

    opener: Any = safe_open  # its stubs know no slices
    with opener(str(file), framework="pt") as opened:
        codes = opened.get_slice(name)[:1]
    plain = codes.float()
    return bool(plain.any()) and torch.equal(value.detach()[:1].float().cpu(), plain)


def saving(model: Any) -> dict[str, float]:
    """Whether the generation settings are valid, and they and the model's can be saved; no weights are written."""
    valid = saved = 1.0
    generation = model.generation_config
    try:
        if generation is not None:
            generation.validate(strict=True)
    except ValueError:
        valid = 0.0
    with tempfile.TemporaryDirectory(prefix="fittingroom-") as folder:
        try:
            model.save_pretrained(folder, state_dict={})
            saved = float((Path(folder) / "config.json").is_file())
        except (ValueError, TypeError, OSError):  # what transformers raises for settings it will not write
            saved = 0.0
    return {"valid": valid, "saved": saved, "fails": float(not (valid and saved))}


def padding(model: Any, pad: int) -> dict[str, float]:
    """`missing`: how many of the places that must name the padding token do not; `outside`: it has no embedding."""
    generation = model.generation_config
    named = [model.config.pad_token_id, *([generation.pad_token_id] if generation is not None else [])]
    size = int(model.get_input_embeddings().weight.shape[0])
    return {
        "missing": float(sum(value is None for value in named)),
        "outside": float(any(not 0 <= value < size for value in (*named, pad) if value is not None)),
    }


def device(wanted: Wanted, sharing: int = 1) -> dict[str, float]:
    """Bytes that a process has of the device that trains, where so many processes share its memory (`sharing`)."""
    return {"bytes": float(machine_bytes(wanted)[1] // sharing), "sharing": float(sharing)}


def _tables(model: Any) -> list[Any]:
    return [table for table in (model.get_input_embeddings(), model.get_output_embeddings()) if table is not None]


def _is_linear(module: Any) -> bool:
    from torch.nn import Linear

    return isinstance(module, Linear)


def _width(value: Tensor) -> str:
    if type(value).__name__ == "Params4bit":  # of bitsandbytes
        return "four_bit"
    return f"bits{8 * value.element_size()}"


def _float_width(value: Tensor) -> int:
    """8 and 4 for the narrow floating-point types, which transformers trains through at best; 0 for all others."""
    name = str(value.dtype)
    return 8 if "float8" in name else 4 if "float4" in name else 0


def _part(name: str) -> str:
    if ".experts." in name:
        return "experts"
    return "attention" if "attn" in name else "other"
