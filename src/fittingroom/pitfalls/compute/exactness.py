"""How exact a comparison of the preflight can be, by the width of the numbers that were computed in."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from fittingroom.types import Frozen


class Exactness(Frozen):
    """Limits on a relative difference that should be rounding and nothing else."""

    float32: float = Field(default=1e-3, gt=0)
    """Where the model computes in 32 bit; rounding alone comes to about 1e-6."""
    half: float = Field(default=0.25, gt=0)
    """Where it computes in 16 bit; rounding alone comes to about 0.02, and may send a token to another expert."""

    def limit(self, measured: Mapping[str, float]) -> float:
        """The limit for what was measured."""
        return self.float32 if measured.get("bits", 32.0) >= 32 else self.half
