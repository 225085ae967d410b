"""That a text was made by a machine, said with it: visibly, and in metadata.

China's measures for labelling AI-generated content (人工智能生成合成内容标识办法, in force since September 2025) ask
for both: a visible word at the text, and a mark in the data that goes with it.
"""

from __future__ import annotations

MARK = "（本内容由AI生成）"
MARK_EN = " (This text was written by AI.)"


def marked(text: str, mark: str) -> str:
    """The text with its mark behind it; a text that carries it already, or an empty one, stays as it is."""
    whole = text.rstrip()
    return text if not mark or not whole or whole.endswith(mark.strip()) else whole + mark


def unmarked(text: str, mark: str) -> str:
    """The text without its mark: what is judged and what is answered to is the text alone."""
    whole = text.rstrip()
    return whole.removesuffix(mark.strip()).rstrip() if mark.strip() and whole.endswith(mark.strip()) else text
