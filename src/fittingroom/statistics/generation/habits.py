"""How an answer behaves: its length, repetitions, refusals, and whether it hands over to a person when it must."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fittingroom.statistics.generation.tokens import grams, normal, tokens

REFUSALS = (
    "作为ai", "作为一个ai", "作为人工智能", "作为一个人工智能", "作为语言模型", "作为一个语言模型", "我无法回答",
    "无法回答您", "我不能回答", "我无法提供", "我无法协助", "无法满足您的请求", "as an ai", "as a language model",
    "i cannot help", "i can't help", "i cannot assist", "i can't assist", "i'm unable to", "i am unable to",
    "i cannot answer", "i can't answer", "i cannot provide", "i can't provide",
)  # fmt: skip
"""Beginnings of an answer that gives none, in one width and case."""
_SPACE = re.compile(r"\s+")


def length_window(answers: Sequence[str], share: float = 0.05) -> tuple[int, int]:
    """The lengths, in words, that all but `share` of the answers at each end have; ValueError without answers."""
    if not answers:
        raise ValueError("no answer to take the length from")
    lengths = sorted(len(tokens(answer)) for answer in answers)
    edge = int(share * (len(lengths) - 1))
    return lengths[edge], lengths[-1 - edge]


def within(said: str, window: tuple[int, int]) -> float:
    """1 when the answer has as many words as the window allows, both ends included."""
    return float(window[0] <= len(tokens(said)) <= window[1])


def unrepeated(said: str, n: int = 4) -> float:
    """1 minus the share of n-grams that stood before in the same answer; 1 for an answer shorter than n words."""
    return distinct(said, n)


def distinct(said: str, n: int = 2) -> float:
    """Different n-grams of all n-grams (distinct-n, Li et al. 2016) of one answer; 1 where it has none."""
    found = grams(tokens(said), n)
    return len(set(found)) / len(found) if found else 1.0


def corpus_distinct(said: Sequence[str], n: int = 2) -> float:
    """Distinct-n over all answers together: low when they are all alike. 0 without any n-gram."""
    found = [gram for answer in said for gram in grams(tokens(answer), n)]
    return len(set(found)) / len(found) if found else 0.0


def refuses(said: str) -> bool:
    """Whether an answer declines to be one."""
    text = _SPACE.sub(" ", normal(said).replace("’", "'"))
    return any(phrase in text for phrase in REFUSALS)


def answers(said: str, wanted: str) -> float:
    """0 when the answer declines to be one where the reference does not."""
    return float(refuses(wanted) or not refuses(said))


def hands_over(said: str, phrases: Sequence[str]) -> bool:
    """Whether an answer holds one of the phrases (width, case and white space aside)."""
    text = _SPACE.sub("", normal(said))
    return any(_SPACE.sub("", normal(phrase)) in text for phrase in phrases)
