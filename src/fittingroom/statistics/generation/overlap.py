"""How near an answer is to the reference: ROUGE-L, BLEU, chrF, exact match, token F1.

BLEU (Papineni et al. 2002) and chrF (Popović 2015) are sacrebleu's (Post 2018), with its tokeniser `zh`, which sets
Chinese characters apart and treats the rest as WMT does: one tokeniser for both languages, nothing to download. ROUGE-L
(Lin 2004) is ours: the usual package `rouge-score` throws away every character that is not a-z0-9 and so gives 0 for
any Chinese text; on our own words it gives the same values (tested).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fittingroom.statistics.generation.tokens import tokens


def rouge_l(said: str, wanted: str) -> float:
    """ROUGE-L, the F-measure with equal weights: longest common subsequence over the mean length, in words."""
    ours, theirs = tokens(said), tokens(wanted)
    many = len(ours) + len(theirs)
    return 2 * _common(ours, theirs) / many if many else 0.0


def bleu(said: str, wanted: str) -> float:
    """BLEU of one sentence, with exponential smoothing and only the orders that the answer is long enough for.

    The mean over rows is not the BLEU of a corpus: that one is `corpus_bleu`.
    """
    return float(_bleu().sentence_score(said, [wanted]).score) / 100 if said.strip() else 0.0


def chrf(said: str, wanted: str) -> float:
    """chrF: F2 of character n-grams up to 6; white space does not count."""
    return float(_chrf().sentence_score(said, [wanted]).score) / 100 if said.strip() else 0.0


def corpus_bleu(said: Sequence[str], wanted: Sequence[str]) -> float:
    """BLEU of all answers together, as papers give it, in [0, 1]. It has no value per row, so no interval."""
    return float(_bleu().corpus_score(list(said), [list(wanted)]).score) / 100 if said else 0.0


def exact_match(said: str, wanted: str) -> float:
    """1 when both have the same words in the same order (punctuation, width and case aside)."""
    ours = tokens(said)
    return float(bool(ours) and ours == tokens(wanted))


def token_f1(said: str, wanted: str) -> float:
    """F1 of the words, without regard to their order (Rajpurkar et al. 2016); Chinese by character."""
    ours, theirs = Counter(tokens(said)), Counter(tokens(wanted))
    shared = sum((ours & theirs).values())
    return 2 * shared / (sum(ours.values()) + sum(theirs.values())) if shared else 0.0


def _common(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Length of the longest common subsequence, one row of the table as the bits of one number (Hyyrö 2004)."""
    where: dict[str, int] = {}
    for place, word in enumerate(theirs):
        where[word] = where.get(word, 0) | 1 << place
    whole = (1 << len(theirs)) - 1
    row = whole
    for word in ours:
        met = row & where.get(word, 0)
        row = ((row + met) | (row - met)) & whole
    return len(theirs) - row.bit_count()


@functools.cache
def _bleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize="zh", effective_order=True)


@functools.cache
def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()
