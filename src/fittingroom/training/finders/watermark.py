"""The highest memory since a moment, as the device or the system measures it."""

from __future__ import annotations

from pathlib import Path

from fittingroom.models.memory import held_bytes

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Watermark:
    """Counts from its making: of an NVIDIA GPU (`cuda`) the tensors, else the process."""

    def __init__(self, kind: str = "cpu") -> None:
        import torch

        self.gpu = kind == "cuda"
        self.exact = True
        """Whether the peak is that since the making; else the process's highest ever, which may be older."""
        if self.gpu:
            torch.cuda.reset_peak_memory_stats()
            self.before = int(torch.cuda.memory_allocated())
        else:
            self.exact = _forget_peak()
            self.before = held_bytes()[0]

    def bytes(self) -> int:
        """The highest since."""
        import torch

        if self.gpu:
            return int(torch.cuda.max_memory_allocated())
        told = _peak() if self.exact else 0
        return told or held_bytes()[1]

    def grown(self) -> int:
        """By how much the highest is above what was held at the making; 0 where the system does not tell it."""
        return max(0, self.bytes() - self.before) if self.exact else 0


def _forget_peak() -> bool:
    """Let Linux count the peak of this process anew; False where it does not allow that."""
    try:
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _peak() -> int:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
