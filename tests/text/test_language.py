"""Languages by script."""

from __future__ import annotations

import pytest

from fittingroom.text.language import script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("质量很好", "zh"),
        ("iPhone 手机壳很漂亮我很喜欢", "zh"),
        ("very good", "en"),
        ("I bought 这个 for my very best friend today", "en"),
        ("这个 product 质量 very good", "mixed"),
        ("とてもいい", "other"),
        ("очень хорошо", "other"),
        ("666 👍", "other"),
        ("", "other"),
        ("[MOBILE] [ORDER_abcdefghijklmnop] 没收到", "zh"),
    ],
)
def test_script(text: str, script: str) -> None:
    assert script_of(text) == script
