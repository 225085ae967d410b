"""Phrases of a recipe that are looked for in answers: one without a letter or digit would stand in every answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from fittingroom.statistics.generation.tokens import tokens


def _says_something(phrase: str) -> str:
    if not tokens(phrase):
        raise ValueError("the phrase is blank: it would stand in every answer; take it out, or say what is meant")
    return phrase.strip()


Phrase = Annotated[str, AfterValidator(_says_something)]
"""A phrase with at least one letter or digit, without white space around it."""
