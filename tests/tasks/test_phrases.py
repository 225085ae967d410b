"""A phrase of a recipe says something, or is refused: a blank one would stand in every answer."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fittingroom.statistics.generation.lawful import forbidden
from fittingroom.tasks.copywrite_config import CopywriteConfig
from fittingroom.tasks.reply_config import ReplyConfig


@pytest.mark.parametrize("blank", ["", "  ", "\u3000", "。", "\u200b"])
def test_a_blank_phrase_is_refused_by_its_key(blank: str) -> None:
    for key in ("forbidden", "allowed"):
        with pytest.raises(ValidationError, match="the phrase is blank") as caught:
            CopywriteConfig(**{key: ["秒杀", blank]})
        assert caught.value.errors()[0]["loc"] == (key, 1)
    with pytest.raises(ValidationError, match="the phrase is blank"):
        ReplyConfig(hand_over=[blank])


def test_white_space_around_a_phrase_is_no_part_of_it() -> None:
    assert CopywriteConfig(forbidden=[" 秒杀 "]).forbidden == ["秒杀"]
    assert forbidden("今日秒杀", more=["", " 秒杀 "]) == ["秒杀"]
