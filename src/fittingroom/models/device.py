"""Where a model computes: the processor, an NVIDIA GPU (CUDA), an Apple GPU (MPS); and with which arithmetic.

One function says which device is used, so that the memory that is planned with, the trainer and serving mean the same.
A TPU is refused: XLA compiles a program for every new shape, and the passes of our steps have a new one in almost every
step, so that it would compile instead of train; and the random state of an XLA device cannot be put back exactly.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fittingroom.errors import ModelError

Kind = Literal["cpu", "cuda", "mps"]
Wanted = Literal["auto", "cpu", "cuda", "mps", "tpu"]
Precision = Literal["fp32", "mixed", "bf16"]
CHOICE = "FITTINGROOM_DEVICE"
"""Environment variable that stands in for `auto`: for serving, and for machines whose device is needed elsewhere."""
_MACOS = 14
"""First macOS whose Apple GPUs compute in bfloat16."""


class Device(NamedTuple):
    """What computes."""

    name: str
    """For people, and for keys: `cpu`, or the GPU's product name."""
    kind: Kind
    memory: int
    """Bytes it has altogether (not: free), so that the answer does not change from minute to minute."""


def device(wanted: Wanted = "auto", *, place: str = "train.device") -> Device:
    """The device that is asked for; `auto` takes a CUDA GPU, else an Apple GPU, else the processor.

    Raises ModelError for one that is not there or cannot train.
    """
    if wanted == "auto":
        said = os.environ.get(CHOICE, "auto")
        place = CHOICE if said != "auto" else place
        wanted = _known(said)
    if wanted == "tpu":
        raise ModelError(
            "a TPU is not used: XLA compiles anew for every shape, and passes of packed rows have a new one in almost "
            "every step; take a machine with a CUDA GPU (cuda), an Apple GPU (mps), or cpu",
            "不支持 TPU：XLA 会为每个新形状重新编译，而打包后的每一步几乎都是新形状；"
            "请使用 CUDA 显卡（cuda）、Apple 显卡（mps）或 cpu",
            place=place,
        )
    there = _there()
    if wanted == "auto":
        wanted = there[0]
    if wanted not in there:
        raise ModelError(
            f"there is no such device on this machine, or torch cannot use it: choose {', '.join(there)}, or auto",
            f"本机没有这种设备，或 torch 无法使用它：请选择 {'、'.join(there)} 或 auto",
            place=f"{place} = {wanted}",
        )
    return _described(wanted)


def _known(said: str) -> Wanted:
    for one in ("auto", "cpu", "cuda", "mps", "tpu"):
        if said == one:
            return one
    raise ModelError("choose auto, cpu, cuda or mps", "请选择 auto、cpu、cuda 或 mps", place=f"{CHOICE} = {said}")


def _there() -> list[Kind]:
    """Kinds of device that torch can use here, the fastest first."""
    import torch

    kinds: list[Kind] = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        kinds.append("mps")
    return [*kinds, "cpu"]


def _described(kind: Wanted) -> Device:
    import torch

    if kind == "cuda":
        about = torch.cuda.get_device_properties(0)
        return Device(torch.cuda.get_device_name(0), "cuda", int(about.total_memory))
    if kind == "mps":
        # Memory is one for both processors; Metal says how much of it the GPU is meant to use.
        return Device("Apple GPU (MPS)", "mps", int(torch.mps.recommended_max_memory()))
    return Device("cpu", "cpu", main_memory())


def main_memory() -> int:
    """Bytes of this machine's memory within its cgroup limit: weights pass through it on their way to any device."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file():
        said = limit.read_text(encoding="ascii").strip()
        if said.isdigit():
            total = min(total, int(said))
    return total


def bfloat16(kind: Kind) -> bool:
    """Whether the device computes in bfloat16 (a processor does so, too, but seldom faster)."""
    import torch

    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return kind == "cpu" or torch.backends.mps.is_macos_or_newer(_MACOS, 0)


def precision(wanted: Literal["auto", "fp32", "mixed", "bf16"], kind: Kind) -> tuple[Precision, str]:
    """The arithmetic of a training, and why. Raises ModelError where the device has no bfloat16.

    `fp32`: everything in 32 bits. `mixed`: weights that learn are kept in 32 bits (master weights) and multiplied in
    bfloat16; frozen weights stay in the bfloat16 they came in. `bf16`: weights that learn in bfloat16 as well, which
    swallows small updates (0.5 + 1e-5 = 0.5), so it is never chosen by itself.
    """
    if wanted == "auto":
        if kind == "cuda" and bfloat16(kind):
            return "mixed", "a GPU that multiplies in bfloat16; weights that learn stay in 32 bits"
        return "fp32", "this device is not known to be faster in bfloat16"
    if wanted != "fp32" and not bfloat16(kind):
        raise ModelError(
            "this device does not compute in bfloat16: choose fp32, or auto",
            "该设备不支持 bfloat16 运算：请选择 fp32 或 auto",
            place=f"train.precision = {wanted}",
        )
    return wanted, "as asked"


def arithmetic(kind: Kind, chosen: str) -> contextlib.AbstractContextManager[Any]:
    """Inside it, matrices are multiplied in the arithmetic of `chosen` precision."""
    import torch

    return torch.autocast(kind, torch.bfloat16) if chosen == "mixed" else contextlib.nullcontext()
