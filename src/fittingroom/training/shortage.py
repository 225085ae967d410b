"""Too little memory, as the devices say it."""

from __future__ import annotations

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
