"""Rows that are no matter of the shop, told by examples of such texts.

A calibrated linear model on character n-grams learns the examples against a sample of the rows. The sample holds
irrelevant rows too, so it is cleaned first, by spies (Liu, Lee, Yu, Li 2002, "Partially supervised classification of
text documents"): rows that look at least as irrelevant as all but 15 % of the examples, judged by models that have not
seen them, are left out of it. A model that does not know its own examples again drops nothing.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.sources.files import digest, encoding_of, lines, locate
from fittingroom.statistics.linear import LinearText, fit_linear, out_of_fold
from fittingroom.text.similarity import match_key
from fittingroom.types import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FEWEST = 10
_FOLDS = 5
_SPIES = 0.15
_KNOWN_AGAIN = 0.3
_MOST_SPIED_OUT = 0.5
_SEED = 20_260_102
_COST = 0.1
"""Of an error beside the width of the margin: a few examples deserve a wide one (0.5 and 2 knew fewer again)."""
_PLACE = "prepare.irrelevant"
_YES, _NO = "irrelevant", "relevant"


class IrrelevantConfig(Frozen):
    """Examples of texts that are no matter of the shop; rows like them are dropped as "irrelevant", with the score."""

    examples: list[str] = Field(default_factory=list, max_length=10_000)
    """Such texts; with those of `file` at least ten different ones."""
    file: str = ""
    """A text file with one example in each line."""
    relevant: list[str] = Field(default_factory=list, max_length=10_000)
    """Texts that look like them and must stay."""
    threshold: float = Field(default=0.7, ge=0.5, le=1)
    """A row is dropped when it is irrelevant with at least this probability."""
    sample: int = Field(default=10, ge=2, le=100)
    """Rows that the examples are told from, in multiples of the examples (500 at least)."""

    @model_validator(mode="after")
    def _has_examples(self) -> IrrelevantConfig:
        if not self.examples and not self.file:
            raise ValueError("give `examples` of irrelevant texts, or a `file` with one in each line")
        return self


def observed(config: IrrelevantConfig, context: Context) -> str:
    """Digest of the file of examples; "" when there is none."""
    return digest(config.file, context) if config.file else ""


def examples_of(config: IrrelevantConfig, context: Context) -> list[str]:
    """All examples. Raises RecipeError for fewer than ten different ones, SourceError for a file that is not there."""
    found = list(config.examples)
    if config.file:
        path = locate(config.file, context)
        encoding = encoding_of(path, "", config.file)
        found += [line.strip("\ufeff \t\r\n") for _, line in lines(path, encoding)]
    distinct = {match_key(text): text for text in found if text.strip()}
    if len(distinct) < _FEWEST:
        raise RecipeError(
            f"{len(distinct)} different examples are too few to learn from: give at least {_FEWEST}",
            f"只有 {len(distinct)} 个不同的示例，无法学习：请至少给出 {_FEWEST} 个",
            place=_PLACE,
        )
    return [distinct[key] for key in sorted(distinct)]


class Sample:
    """A sample of texts that depends on neither their order nor on how often one is there."""

    def __init__(self, size: int, secret: bytes) -> None:
        self._size = size
        self._key = hashlib.blake2b(secret, person=b"sample", digest_size=32).digest()
        self._heap: list[tuple[int, str]] = []
        self._held: set[int] = set()

    def see(self, texts: Iterable[str]) -> None:
        """Take note of texts; the smallest keyed digests stay."""
        for text in texts:
            rank = -int.from_bytes(
                hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=8).digest()
            )
            if rank in self._held or not text.strip() or (len(self._heap) == self._size and rank < self._heap[0][0]):
                continue
            self._held.add(rank)
            if len(self._heap) < self._size:
                heapq.heappush(self._heap, (rank, text))
            else:
                self._held.discard(heapq.heappushpop(self._heap, (rank, text))[0])

    def texts(self) -> list[str]:
        """The sample, in the order of the digests."""
        return [text for _, text in sorted(self._heap, reverse=True)]


class Relevance:
    """Tells how surely a text is irrelevant."""

    def __init__(self, config: IrrelevantConfig, examples: Sequence[str], rows: Sequence[str]) -> None:
        """`examples` (of `examples_of`) and `rows` (a sample), both cleaned and redacted as rows are.

        Raises UserError when the rows are too few to tell the examples from.
        """
        self._threshold = config.threshold
        stays = {match_key(text) for text in config.relevant}
        yes = [text for text in examples if match_key(text) not in stays]
        known = {match_key(text) for text in yes}
        self._stays = stays
        others = [text for text in rows if text and match_key(text) not in known]
        if len(others) < _FEWEST or len(yes) < _FEWEST:
            raise UserError(
                f"{len(others)} rows and {len(yes)} examples are too few to tell one from the other",
                f"只有 {len(others)} 行数据、{len(yes)} 个示例，不足以区分",
                place=_PLACE,
            )
        doubtful = self._spied(yes, others)
        clean = [text for text, doubt in zip(others, doubtful, strict=True) if not doubt] + list(config.relevant)
        self._model: LinearText | None = None
        found, alarms = self._judged(yes, clean)
        trusted = found >= _KNOWN_AGAIN and sum(doubtful) <= _MOST_SPIED_OUT * len(others)
        if trusted:
            self._model = fit_linear([*yes, *clean], [_YES] * len(yes) + [_NO] * len(clean), seed=_SEED, cost=_COST)
        self.facts: dict[str, Any] = {
            "examples": len(yes),
            "sample": len(others),
            "alike": int(sum(doubtful)),
            "recognised": round(found, 4),
            "false_alarms": round(alarms, 4),
            "trusted": trusted,
        }

    def reasons(self, texts: Sequence[str]) -> list[float | None]:
        """The probability of every text that is to be dropped; None for a text that stays."""
        if self._model is None or not texts:
            return [None] * len(texts)
        chances = self._model.predict_proba(texts)[:, self._model.labels.index(_YES)]
        return [
            round(float(chance), 4) if chance >= self._threshold and match_key(text) not in self._stays else None
            for chance, text in zip(chances, texts, strict=True)
        ]

    def _spied(self, yes: list[str], others: list[str]) -> NDArray[np.bool_]:
        import numpy as np

        chances = _out_of_fold(yes, others)
        limit = np.quantile(chances[: len(yes)], _SPIES)
        found: NDArray[np.bool_] = chances[len(yes) :] >= max(float(limit), 0.5 * float(np.median(chances[: len(yes)])))
        return found

    def _judged(self, yes: list[str], clean: list[str]) -> tuple[float, float]:
        """Share of the examples that are known again, and of the sample that would be dropped, both unseen."""
        if len(clean) < _FEWEST:
            return 0.0, 1.0
        chances = _out_of_fold(yes, clean)
        return (
            float((chances[: len(yes)] >= self._threshold).mean()),
            float((chances[len(yes) :] >= self._threshold).mean()),
        )


def _out_of_fold(yes: list[str], no: list[str]) -> NDArray[np.float64]:
    """Probability of being irrelevant, by models that have not seen the text or its like."""
    both = [*yes, *no]
    said, groups = [_YES] * len(yes) + [_NO] * len(no), [match_key(text) for text in both]
    judged = out_of_fold(both, said, groups, folds=_FOLDS, seed=_SEED, cost=_COST)
    return judged.probabilities[:, judged.labels.index(_YES)]
