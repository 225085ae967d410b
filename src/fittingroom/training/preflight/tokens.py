"""Preflight of tokens: tokenizer, template, marks, answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fittingroom.training.preflight import Measured, Subject


def measured(subject: Subject) -> Measured:
    """Checks of the rendered rows against the tokenizer and the base model's files."""
    return {}
