"""Freed memory goes back to the system where training needs it.

glibc raises the size from which a block is given back at once to 32 MiB as a program frees large ones, and keeps
smaller ones between blocks in use: of some trainings on a processor the process then holds up to 2.1 times its tensors,
which are what the estimate counts (`benchmarks/memory_estimate`). A fixed size of 1 MiB brings it within a tenth of
them. It costs the system fresh pages for every such block, so it is set only where memory would not hold twice the
estimate.
"""

from __future__ import annotations

import platform

from fittingroom.models.memory import machine_bytes
from fittingroom.types import Plan

_M_MMAP_THRESHOLD = -3
"""Of glibc's `malloc.h`."""
_BLOCK = 2**20
_HELD = 2.1
"""How many times its tensors a process was found to hold at most."""


def give_back(plan: Plan, processes: int = 1) -> bool:
    """From here on blocks of 1 MiB are given back when they are freed, if this training is on a processor whose memory,
    shared by so many processes, is tight for it. Whether that was set; elsewhere than on Linux with glibc it never is.
    """
    if plan.device != "cpu" or _HELD * plan.memory_bytes <= machine_bytes("cpu")[1] // processes:
        return False
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    import ctypes

    return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _BLOCK))
