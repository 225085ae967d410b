"""Preflight of mechanics: weights, adapters, gradients, attention, saving."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fittingroom.training.preflight import Measured, Subject


def measured(subject: Subject) -> Measured:
    """Checks that put a few short rows through the model itself."""
    return {}
