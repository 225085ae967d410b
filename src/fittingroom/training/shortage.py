"""Too little memory, as the devices say it, and the smaller passes that may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fittingroom.errors import ModelError

if TYPE_CHECKING:
    from fittingroom.training.passes import Layout

_SAYINGS = ("DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory", "out of memory")
"""What the allocators of a CPU and of Apple's MPS say in a plain RuntimeError."""


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory is short, and not that something else went wrong."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error) for saying in _SAYINGS)


def released() -> None:
    """Hand back what the allocator keeps of a pass that did not fit. To be called outside the `except`: the error holds
    the pass's tensors."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def smaller(layout: Layout, size: int, longest: int) -> Layout:
    """The layout with passes of half as many tokens as the one of `size` that did not fit, but of `longest`, the tokens
    of the longest row, at least. Raises ModelError where the pass was not longer than that.
    """
    size = min(layout.budget, size)
    if size <= longest:
        raise ModelError(
            f"a pass of {size} tokens does not fit into the memory of the device, and the longest row alone has "
            f"{longest}: choose train.method lora, a smaller train.max_length or train.activation_checkpointing",
            f"{size} 个词元的一次计算放不进设备的显存，而最长的一条数据就有 {longest} 个："
            "请改用 train.method: lora、更小的 train.max_length，"
            "或打开 train.activation_checkpointing",
            place="train",
        )
    return layout.within(max(longest, size // 2))
