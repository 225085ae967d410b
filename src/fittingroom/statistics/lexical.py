"""BM25: which texts share the rarest words with a question (Robertson & Zaragoza 2009), by the library bm25s.

Scores are Lucene's variant with k1 = 1.2 and b = 0.75: never negative, 0 where no word is shared.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_K1, _B = 1.2, 0.75


class Lexicon:
    """An index of texts; deterministic for the same texts in the same order."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        """`documents`: the words of each text. No text at all, or none with a word, is an index that finds nothing."""
        self.size = len(documents)
        self._known = {word for document in documents for word in document}
        self._index: Any = None
        if self._known:
            import bm25s

            # It asks for every message about its own steps, whatever the program's level is.
            logging.getLogger("bm25s").setLevel(logging.WARNING)
            self._index = bm25s.BM25(method="lucene", k1=_K1, b=_B, backend="numpy")
            # Numbered here: the library's own vocabulary is built from a set, whose order changes with the process.
            vocabulary = {word: place for place, word in enumerate(sorted(self._known))}
            ids = [[vocabulary[word] for word in document] for document in documents]
            self._index.index((ids, vocabulary), show_progress=False, create_empty_token=False)

    def scores(self, question: Sequence[str]) -> NDArray[np.float64]:
        """[texts] how well each text fits the words of a question; a word that stands twice counts twice."""
        import numpy as np

        asked = [word for word in question if word in self._known]
        if not asked:
            return np.zeros(self.size)
        found: NDArray[np.float64] = np.asarray(self._index.get_scores(asked), dtype=np.float64)
        return found
