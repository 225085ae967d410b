"""The shelf: the goods that training knows, how often each was bought, what goes with what, and which titles share
words with a question. It proposes candidates; by itself it is three baselines.

    popularity   the most bought first
    item_knn     item-item nearest neighbours: cosine of the customers who bought both (Sarwar et al. 2001,
                 doi 10.1145/371920.372071), summed over what the customer has
    bm25         titles that share the rarest words with what is known of the moment

What one of them cannot tell (no history, no shared word) is left to popularity, so that each gives a whole list. Ties
go to the more popular, then to the alphabet. On disk it is two Parquet files without a customer in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fittingroom.errors import StoreError
from fittingroom.statistics.lexical import Lexicon
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.recommend import HISTORY, apart, grade_of, settings_of, title_of, told
from fittingroom.text.words import words

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

GOODS, PAIRS = "goods.parquet", "together.parquet"
Way = Literal["popularity", "item_knn", "bm25"]
WAYS: tuple[Way, ...] = ("item_knn", "bm25", "popularity")
_NEIGHBOURS = 50
"""Of each item, the nearest that are kept."""
_SHRINK = 10.0
"""Added below the fraction of a cosine, so that two goods that one customer bought are not the best of friends
(Dacrema et al. 2019, arXiv 1907.06902)."""
_TITLES_AT_ONCE = 2_000


class Shelf:
    """Goods in the order of popularity, and the similarities between them."""

    def __init__(self, counts: Mapping[str, int], pairs: Iterable[tuple[str, str, float]]) -> None:
        """`counts`: title -> how often it was bought; `pairs`: two titles and how alike their customers are, in one
        direction or both.
        """
        from scipy.sparse import csr_array

        self.titles: list[str] = sorted(counts, key=lambda title: (-counts[title], title))
        self.bought: dict[str, int] = {title: int(counts[title]) for title in self.titles}
        self._place = {title: place for place, title in enumerate(self.titles)}
        cells = {(self._place[one], self._place[other]): value for one, other, value in pairs}
        cells |= {(other, one): value for (one, other), value in cells.items()}
        rows, columns = zip(*sorted(cells), strict=True) if cells else ((), ())
        values = [cells[cell] for cell in sorted(cells)]
        size = len(self.titles)
        self._near: Any = csr_array((values, (rows, columns)), shape=(size, size), dtype="float64")

    @classmethod
    def of(cls, rows: Table, task: TaskConfig, *, least_customers: int = 1) -> Shelf:
        """From the rows of a training part. `least_customers`: how many must have bought two goods for them to count as
        going together.
        """
        bought, baskets = _read(rows, task)
        return cls(bought, _alike(baskets, least_customers))

    def knowing(self, titles: Iterable[str]) -> Shelf:
        """The same shelf with more titles, bought by nobody: how rare a word is, is counted over all of them."""
        return Shelf(dict.fromkeys(titles, 0) | self.bought, self._pairs())

    # ------------------------------------------------------------------------------------------ ranking

    def ranked(self, way: Way, given: Mapping[str, str], task: TaskConfig, *, most: int) -> list[str]:
        """The best titles of the whole shelf for a moment, without those that must not be shown again."""
        scores = self.scores(way, told(given, task))
        hidden = {self._place[title] for title in self.hidden(given, task) if title in self._place}
        order = _best(scores, most + len(hidden))
        return [self.titles[place] for place in order if place not in hidden][:most]

    def among(self, way: Way, given: Mapping[str, str], candidates: Sequence[str]) -> list[str]:
        """The candidates in the order of one way; titles that the shelf does not know are bought 0 times."""
        if way == "bm25" and any(title not in self._place for title in candidates):
            return _ordered(candidates, _lexicon_of(candidates).scores(_asked(given)), self.bought)
        scores = self.scores(way, given)
        known = [float(scores[self._place[title]]) if title in self._place else 0.0 for title in candidates]
        return _ordered(candidates, known, self.bought)

    def scores(self, way: Way, given: Mapping[str, str]) -> NDArray[np.float64]:
        """[goods] in the order of `titles`; all 0 where a way can tell nothing."""
        import numpy as np

        if way == "popularity":
            return np.array([self.bought[title] for title in self.titles], dtype=np.float64)
        if way == "bm25":
            return self._lexicon.scores(_asked(given))
        had = [self._place[title] for title in apart(given.get(HISTORY)) if title in self._place]
        total: NDArray[np.float64] = np.asarray(self._near[had].sum(axis=0)).ravel() if had else self._zeros()
        total[had] += 1.0  # a thing is bought by all who bought it: its cosine with itself
        return total

    def hidden(self, given: Mapping[str, str], task: TaskConfig) -> set[str]:
        """What a customer has and is not shown again."""
        return set() if settings_of(task).rebuy else set(apart(given.get(HISTORY)))

    def candidates(self, given: Mapping[str, str], task: TaskConfig) -> list[str]:
        """Titles for the model to rank: the best of each way in turn, each once."""
        most = settings_of(task).candidates
        lists = [self.ranked(way, given, task, most=most) for way in WAYS]
        mixed = dict.fromkeys(title for turn in zip_longest(*lists) for title in turn if title is not None)
        return list(mixed)[:most]

    def _zeros(self) -> NDArray[np.float64]:
        import numpy as np

        return np.zeros(len(self.titles))

    @cached_property
    def _lexicon(self) -> Lexicon:
        return _lexicon_of(self.titles)

    # ------------------------------------------------------------------------------------------ files

    def write(self, folder: Path) -> None:
        """Two Parquet files: goods with counts, and pairs with similarities (each pair once)."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder.mkdir(parents=True, exist_ok=True)
        counts = pa.array([self.bought[title] for title in self.titles], pa.int64())
        pq.write_table(pa.table({"title": pa.array(self.titles, pa.string()), "bought": counts}), folder / GOODS)
        pairs = list(self._pairs())
        columns = list(zip(*pairs, strict=True)) if pairs else [(), (), ()]
        named = zip(("title", "other", "alike"), columns, (pa.string(), pa.string(), pa.float64()), strict=True)
        pq.write_table(pa.table({name: pa.array(values, kind) for name, values, kind in named}), folder / PAIRS)

    def _pairs(self) -> Iterator[tuple[str, str, float]]:
        cells = self._near.tocoo()
        for row, column, value in zip(*cells.coords, cells.data, strict=True):
            if row < column:
                yield self.titles[int(row)], self.titles[int(column)], float(value)

    @classmethod
    def load(cls, folder: Path) -> Shelf:
        """Read it back. Raises StoreError for files that are not those of a shelf."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            goods, pairs = pq.read_table(folder / GOODS), pq.read_table(folder / PAIRS)
            counts = dict(zip(goods["title"].to_pylist(), goods["bought"].to_pylist(), strict=True))
            told = zip(*(pairs[name].to_pylist() for name in ("title", "other", "alike")), strict=True)
            return cls(counts, told)
        except (OSError, pa.ArrowInvalid, KeyError) as error:
            raise StoreError(
                "the tables of goods cannot be read: make the bundle again by running the recipe",
                "商品表无法读取：请重新运行配方生成模型包",
                place=folder.name,
            ) from error


def _lexicon_of(titles: Sequence[str]) -> Lexicon:
    return Lexicon([words(title) for title in titles])


def _asked(given: Mapping[str, str]) -> list[str]:
    """The words of all that is known of a moment."""
    return [word for text in given.values() for word in words(text)]


def _best(scores: NDArray[np.float64], most: int) -> list[int]:
    """Places of the highest scores; of equal ones the smaller place, which is the more popular."""
    import numpy as np

    return [int(place) for place in np.argsort(-scores.round(9), kind="stable")[:most]]


def _ordered(candidates: Sequence[str], scores: Sequence[float] | Any, bought: Mapping[str, int]) -> list[str]:
    told = zip(candidates, scores, strict=True)
    ranked = sorted(told, key=lambda one: (-round(float(one[1]), 9), -bought.get(one[0], 0), one[0]))
    return [title for title, _ in ranked]


# ---------------------------------------------------------------------------------------------- learning


def _read(rows: Table, task: TaskConfig) -> tuple[dict[str, int], list[list[str]]]:
    """How often each title was bought, and what each customer bought: targets, and the history they were told with.

    With grades only titles that are right count as bought, and a question is no basket.
    """
    settings = settings_of(task)
    bought: dict[str, int] = {}
    baskets: dict[str, dict[str, None]] = {}
    for batch in rows.batches():
        for row_id, group, given, target, copies in _columns(batch, task):
            title = title_of(target)
            if not title:
                continue
            if settings.grade and not _is_right(given.get(settings.grade), task):
                bought.setdefault(title, 0)
                continue
            bought[title] = bought.get(title, 0) + copies
            if not settings.grade:
                of_one = baskets.setdefault(group or row_id, {})
                of_one.update(dict.fromkeys([title, *apart(given.get(HISTORY))]))
    for basket in baskets.values():  # what was bought before the first moment that is told is known by name only
        for title in basket:
            bought.setdefault(title, 0)
    return bought, [list(basket) for basket in baskets.values()]


def _columns(batch: pa.RecordBatch, task: TaskConfig) -> Iterator[tuple[str, str | None, dict[str, str], str, int]]:
    named = (batch.column(name).to_pylist() for name in ("id", "group", "input", "target", "dup_count"))
    for row_id, group, given, target, copies in zip(*named, strict=True):
        yield row_id, group, given, target[task.target] or "", int(copies or 1)


def _is_right(grade: str | None, task: TaskConfig) -> bool:
    settings = settings_of(task)
    found = grade_of(grade, settings)
    return found is not None and settings.gain(found) >= settings.relevant_from


def _alike(baskets: Sequence[Sequence[str]], least: int) -> Iterator[tuple[str, str, float]]:
    """Pairs of titles and the cosine of their customers; of each title the nearest ones, of equal ones by alphabet."""
    import numpy as np
    from scipy.sparse import csr_array

    titles = sorted({title for basket in baskets for title in basket})
    if not titles:
        return
    place = {title: number for number, title in enumerate(titles)}
    rows = np.repeat(np.arange(len(baskets)), [len(basket) for basket in baskets])
    columns = np.array([place[title] for basket in baskets for title in basket])
    table = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(baskets), len(titles)))
    customers = np.asarray(table.sum(axis=0)).ravel()
    across = table.T.tocsr()
    for start in range(0, len(titles), _TITLES_AT_ONCE):
        block = (across[start : start + _TITLES_AT_ONCE] @ table).tocsr()
        for row in range(block.shape[0]):
            begin, end = block.indptr[row], block.indptr[row + 1]
            others, both = block.indices[begin:end], block.data[begin:end]
            keep = (others != start + row) & (both >= least)
            others = others[keep]
            cosine = both[keep] / (np.sqrt(customers[start + row] * customers[others]) + _SHRINK)
            best = np.lexsort((others, -cosine.round(12)))[:_NEIGHBOURS]
            for other, value in zip(others[best].tolist(), cosine[best].tolist(), strict=True):
                yield titles[start + row], titles[other], round(value, 9)
