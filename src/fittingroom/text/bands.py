"""Candidates for near copies among any number of texts: MinHash sketches, cut into bands, one file per band.

Two texts whose slots agree in a whole band are candidates. What is held for a text is 128 one-byte slots (to rule
candidates out before the exact check) and its number of 5-grams; the bands, several times as large, lie on disk when a
folder is given and are read one at a time.

How many pairs are alike at most grows with the square of the texts, so a bucket (all texts that agree in one band) is
not compared whole when it is large: each text meets its 64 neighbours and the 16 best-ranked of its bucket. That is
enough to drop and to cluster, because a large bucket is one family; how many pairs were passed over is counted.

MinHash: Broder 1997, "On the resemblance and containment of documents"; banding: Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", chapter 3. Sketches by `rensa`.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRAM = 5
_SLOTS = 128
_SEED = 20_260_101
_SKETCH_ROWS = 5_000
_PRIME = 0x9E3779B97F4A7C15
_NEIGHBOURS = 64
_BEST = 16
_FLUSH_PAIRS = 4_000_000
# A sketch estimates Jaccard with a standard deviation of at most 0.045 (128 slots): candidates whose estimate lies this
# far below the threshold (more than four deviations) are let go before the exact check.
_SLACK = 0.2


def grams(key: str) -> set[str]:
    """The character 5-grams of a match key; empty when the key is shorter than 5."""
    return {key[start : start + GRAM] for start in range(len(key) - GRAM + 1)}


def slots_per_band(threshold: float) -> int:
    """How many slots make a band, so that at the threshold at most two pairs in a hundred are missed, and just above it
    hardly any: 32 bands of 4 miss a pair at 0.7 with probability 0.0002, 42 of 3 one at 0.6 with 0.00004.
    """
    return 4 if threshold >= 0.65 else 3 if threshold >= 0.5 else 2


class Sketch(NamedTuple):
    """MinHash sketches of some texts: which of them are long enough for one [n], and of those the slots [m, 128] and
    the number of different 5-grams [m].
    """

    long: NDArray[np.bool_]
    slots: NDArray[np.uint32]
    sizes: NDArray[np.int32]


def sketched(keys: Sequence[str]) -> Sketch:
    """The sketches of match keys. Pure, so that it can be done anywhere."""
    import numpy as np

    lengths = np.array([len(key) for key in keys], dtype=np.int64)
    long = lengths >= GRAM
    slots = [np.empty((0, _SLOTS), dtype=np.uint32)]
    sizes = [np.empty(0, dtype=np.int32)]
    enough = [key for key in keys if len(key) >= GRAM]
    for start in range(0, len(enough), _SKETCH_ROWS):
        own, distinct = _sketched(enough[start : start + _SKETCH_ROWS])
        slots.append(own)
        sizes.append(distinct)
    return Sketch(long, np.concatenate(slots), np.concatenate(sizes))


def _sketched(keys: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Slots and numbers of different 5-grams; every key has one at least."""
    import itertools

    import numpy as np
    import rensa

    digest, counts = _gram_digests(keys)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(digest, offsets, _SLOTS, _SEED)
    slots = np.fromiter(
        itertools.chain.from_iterable(matrix.to_rows()), dtype=np.uint32, count=len(keys) * _SLOTS
    ).reshape(-1, _SLOTS)
    # The number of the key above, 48 bits of the digest below: sorted, equal neighbours are one 5-gram twice.
    row = np.repeat(np.arange(len(keys), dtype=np.uint64), counts)
    tagged = np.sort((row << np.uint64(48)) | (digest >> np.uint64(16)))
    again = (tagged[1:] == tagged[:-1]).cumsum()
    repeated = np.diff(np.concatenate([[0], again])[np.concatenate([[0], np.cumsum(counts) - 1])])
    return slots, (counts - repeated).astype(np.int32)


def lowest(keys: Sequence[str]) -> NDArray[np.uint64]:
    """The smallest digest of the 5-grams of each key [n]; of a shorter key a digest of the whole.

    Two keys have the same with the probability of their Jaccard index, so the texts below a limit are a sample in which
    near copies meet (a bottom sketch: Cohen and Kaplan 2007, "Summarizing data using bottom-k sketches").
    """
    import numpy as np

    # A key that is too short is filled up with what no key contains: control characters.
    filled = [key if len(key) >= GRAM else key.ljust(GRAM, "\0") for key in keys]
    if not filled:
        return np.empty(0, dtype=np.uint64)
    digest, counts = _gram_digests(filled)
    return np.minimum.reduceat(digest, np.cumsum(counts) - counts)


def _gram_digests(keys: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Digests of all 5-grams, key after key, and how many each key has (one at least).

    All keys are one run of code points, and the digests of its 5-grams are made at once.
    """
    import numpy as np

    codes = np.frombuffer("".join(keys).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    counts = np.array([len(key) - GRAM + 1 for key in keys], dtype=np.int64)
    ends = np.cumsum(counts + GRAM - 1)
    digest = np.zeros(len(codes) - GRAM + 1, dtype=np.uint64)
    for place in range(GRAM):
        digest = digest * _PRIME + codes[place : place + len(digest)]
    return _mixed(digest[_ranges(ends - counts - GRAM + 1, counts)]), counts  # 5-grams across two keys are none


class Bands:
    """Sketches of texts that are added in order; a text is named by its position.

    `thresholds` are those that `candidates` will be asked for. With a `folder` (of its own: what lies there goes) the
    bands are files; use it as a context manager, and the folder goes at the end. Without one all is in memory.
    """

    def __init__(self, thresholds: Sequence[float], folder: Path | None = None) -> None:
        self._kinds = sorted({slots_per_band(threshold) for threshold in thresholds})
        self._folder = folder
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self._files: dict[tuple[int, int], BinaryIO] = {}
        self._small = self._open("small")
        self._sizes: list[NDArray[np.int32]] = []
        self.count = 0
        self.passed_over = 0
        """Pairs of large buckets that were not compared, summed over all bands of all calls."""

    def __enter__(self) -> Bands:
        return self

    def __exit__(self, *_: object) -> None:
        for file in [self._small, *self._files.values()]:
            file.close()
        if self._folder is not None:
            shutil.rmtree(self._folder)

    def keep(self, sketch: Sketch) -> None:
        """Add the texts of a sketch; those too short for one are left out."""
        import numpy as np

        self._small.write(sketch.slots.astype(np.uint8).data)
        for width in self._kinds:
            for band in range(_SLOTS // width):
                key = sketch.slots[:, band * width].astype(np.uint64)
                for slot in range(band * width + 1, (band + 1) * width):
                    key = _mixed(key) ^ sketch.slots[:, slot]
                if (width, band) not in self._files:
                    self._files[width, band] = self._open(f"band-{width}-{band}")
                self._files[width, band].write(key.data)
        self._sizes.append(sketch.sizes)
        self.count += len(sketch.sizes)

    def candidates(
        self,
        threshold: float,
        *,
        entries: NDArray[np.int64] | None = None,
        marks: NDArray[np.uint64] | None = None,
        rank: NDArray[np.int64] | None = None,
        kinds: NDArray[np.uint8] | None = None,
        sides: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """Pairs [p, 2] of entries, smaller first, each once, in rising order, that could reach the threshold.

        `entries`: positions of texts, one per entry (default: all texts once). Of entries with different `marks` no
        pair is made, nor of entries that have no bit of `kinds` in common, nor of two on the same side. `rank` [n]:
        the best-ranked of a large bucket are compared with everything in it.
        """
        import numpy as np

        if self.count < 2:
            return np.empty((0, 2), dtype=np.int64)
        place = np.arange(self.count) if entries is None else entries
        sizes = np.concatenate(self._sizes)[place]
        small = self._read(self._small, np.uint8).reshape(-1, _SLOTS)
        first = np.argsort(rank, kind="stable") if rank is not None else None
        found = _Codes(small, place, threshold)
        width = slots_per_band(threshold)
        for band in range(_SLOTS // width):
            keys = self._read(self._files[width, band], np.uint64)[place]
            if marks is not None:
                keys = _mixed(keys ^ marks)
            for one, other in self._bucket_pairs(keys, first):
                fits = np.minimum(sizes[one], sizes[other]) >= threshold * np.maximum(sizes[one], sizes[other])
                if marks is not None:
                    fits &= marks[one] == marks[other]
                if kinds is not None:
                    fits &= (kinds[one] & kinds[other]) > 0
                if sides is not None:
                    fits &= sides[one] != sides[other]
                found.add(one[fits], other[fits])
        return found.pairs()

    def _open(self, name: str) -> BinaryIO:
        return io.BytesIO() if self._folder is None else (self._folder / name).open("w+b")

    def _read(self, file: BinaryIO, kind: type[Any]) -> NDArray[Any]:
        """What was written. A band is read whole and let go again."""
        import numpy as np

        if isinstance(file, io.BytesIO):
            return np.frombuffer(file.getbuffer(), dtype=kind)
        file.flush()
        return np.fromfile(file.name, dtype=kind)

    def _bucket_pairs(
        self, keys: NDArray[np.uint64], first: NDArray[np.int64] | None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Index pairs (smaller, larger) of entries with the same key, in pieces of bounded size.

        Entries are sorted by key; at distance d in that order, neighbours with the same key are a pair. Every round
        looks only at entries whose bucket reaches that far.
        """
        import numpy as np

        order = np.argsort(keys, kind="stable") if first is None else first[np.argsort(keys[first], kind="stable")]
        ranked = keys[order]
        starts = np.concatenate([[0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1, [len(order)]])
        lengths = np.diff(starts)
        several = lengths > 1
        lengths, starts = lengths[several], starts[:-1][several]
        position = _ranges(starts, lengths)
        begins, ends = np.repeat(starts, lengths), np.repeat(starts + lengths, lengths)
        far = lengths[lengths > _NEIGHBOURS] - _NEIGHBOURS
        passed = int((far * (far - 1) // 2).sum())
        for distance in range(1, _NEIGHBOURS + 1):
            reach = position + distance < ends
            position, begins, ends = position[reach], begins[reach], ends[reach]
            if not len(position):
                return
            yield _smaller_first(order[position], order[position + distance])
        for best in range(_BEST):
            beyond = position + _NEIGHBOURS - begins > best + _NEIGHBOURS
            # `position` are entries with a neighbour 64 places on: that one is what the best-ranked have not met yet.
            one, other = begins[beyond] + best, position[beyond] + _NEIGHBOURS
            passed -= len(one)
            yield _smaller_first(order[one], order[other])
        self.passed_over += passed


class _Codes:
    """Pairs as numbers (smaller · n + larger), freed now and then of repetitions and of what cannot be alike."""

    def __init__(self, small: NDArray[np.uint8], place: NDArray[np.int64], threshold: float) -> None:
        # A share of equal slots, as a number of them: multiplied by a power of two it stays exact.
        self._small, self._place, self._least = small, place, (threshold - _SLACK) * _SLOTS
        self._pending: list[NDArray[np.int64]] = []
        self._waiting = 0
        self._kept: list[NDArray[np.int64]] = []
        self._united = 0

    def add(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        self._pending.append(one * len(self._place) + other)
        self._waiting += len(one)
        if self._waiting > _FLUSH_PAIRS:
            self._sift()

    def pairs(self) -> NDArray[np.int64]:
        import numpy as np

        self._sift()
        self._unite()
        return np.stack(np.divmod(self._kept[0], len(self._place)), axis=1)

    def _sift(self) -> None:
        import numpy as np

        codes = np.unique(np.concatenate(self._pending)) if self._pending else np.empty(0, dtype=np.int64)
        for start in range(0, len(codes), 100_000):
            part = codes[start : start + 100_000]
            one, other = (self._place[places] for places in np.divmod(part, len(self._place)))
            equal = np.take(self._small, one, axis=0) == np.take(self._small, other, axis=0)
            self._kept.append(part[np.count_nonzero(equal, axis=1) >= self._least])
        self._pending, self._waiting = [], 0
        # The same pair turns up in many bands. Uniting is a sort: it waits until there is twice as much to sort.
        if sum(map(len, self._kept)) > max(2 * self._united, _FLUSH_PAIRS):
            self._unite()

    def _unite(self) -> None:
        import numpy as np

        self._kept = [np.unique(np.concatenate([np.empty(0, dtype=np.int64), *self._kept]))]
        self._united = len(self._kept[0])


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """All positions of the runs that begin at `starts`, one run after the other."""
    import numpy as np

    before = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else lengths
    found: NDArray[np.int64] = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return found


def _smaller_first(one: NDArray[np.int64], other: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import numpy as np

    return np.minimum(one, other), np.maximum(one, other)


def _mixed(key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit of the output."""
    import numpy as np

    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = key ^ (key >> np.uint64(31))
    return mixed
