"""Words of a recipe that YAML reads as something else."""

from __future__ import annotations

import pytest
import yaml

from fittingroom.training.config import TrainConfig


@pytest.mark.parametrize("word", ["on", "off", "auto", '"on"'])
def test_on_and_off_are_words(word: str) -> None:
    section = TrainConfig(**yaml.safe_load(f"activation_checkpointing: {word}"))
    assert section.activation_checkpointing == word.strip('"')
