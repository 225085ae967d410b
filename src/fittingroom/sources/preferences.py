"""Which of two answers people prefer: what was handed out, and what came back. `pairs/` in the workspace.

    <code>.json         what was handed out: which answers (by digest), which rows, which side was ours for which rater
    <code>.said.jsonl   every word that came back: rater, row, ours / theirs / tie; the last one counts

No text and no name of a person stands in them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from fittingroom.errors import StoreError
from fittingroom.journal import Journal
from fittingroom.statistics.agreement import cohen_kappa
from fittingroom.statistics.bounds import mean_interval
from fittingroom.statistics.intervals import resamples
from fittingroom.store import digest_of, write_text
from fittingroom.types import EvalReport, Frozen, Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "pairs"
RATERS = ("rater 1", "rater 2")
Word = Literal["ours", "theirs", "tie"]
_WORTH: dict[str, float] = {"ours": 1.0, "tie": 0.5, "theirs": 0.0}
_REPLICATES = 2000
_SEED = 7


class HandedPair(Frozen):
    """One pair, as it was handed out."""

    id: str
    """Of the row."""
    group: str
    """What is resampled: the customer or conversation, else the row."""
    ours_left: dict[str, bool]
    """rater -> whether our answer stands on the left."""
    texts: dict[str, str]
    """rater -> digest of what stands left and right, to see whether a sheet was sorted by one column."""


class Handed(Frozen):
    """One hand-out."""

    code: str
    """Names it in the sheet."""
    run: str
    part: Literal["dev", "test"]
    against: str
    """Whose answers ours are compared with."""
    answers: str
    """Digest of both contestants' answers."""
    pairs: list[HandedPair]
    equal: int = 0
    """Rows on which both said the same: there is nothing to prefer."""
    left_out: int = 0
    """Rows whose texts are longer than a cell holds."""


class Preferred(Frozen):
    """What people prefer."""

    code: str
    run: str
    part: Literal["dev", "test"]
    against: str
    answers: str
    pairs: int
    """Handed out."""
    judged: int
    """Pairs of which at least one rater spoke."""
    by_both: int
    ours: int
    """Words for us; the raters together."""
    theirs: int
    ties: int
    win_rate: Interval | None = None
    """Mean over judged pairs, a tie counts one half; bootstrap over customers. None: nothing was judged yet."""
    kappa: float | None = None
    """Cohen's kappa of the two raters on the pairs that both judged."""
    left: float | None = None
    """Share of the words for a side that were for the left one: far from one half, the place decided."""
    equal: int = 0


def answers_of(report: EvalReport, against: str) -> str:
    """Digest of our answers and the other's on one part; "" where the report has none of them."""
    frame = report.predictions.frame()
    if not {"id", "predicted", against} <= set(frame.columns):
        return ""
    return digest_of([against, frame.select("id", "predicted", against).sort("id").rows()])


def texts_digest(left: str, right: str) -> str:
    """Of the two answers as they stand in a sheet, whatever it does to white space."""
    bare = "\x1f".join("".join(text.split()) for text in (left, right))
    return hashlib.blake2b(bare.encode(), digest_size=8).hexdigest()


def keep(root: Path, handed: Handed) -> None:
    """Remember what was handed out."""
    write_text(root / FOLDER / f"{handed.code}.json", handed.model_dump_json(indent=1) + "\n", mode=0o600)


def handed_out(root: Path) -> list[Handed]:
    """All hand-outs, by code. Raises StoreError for a damaged file."""
    folder = root / FOLDER
    found = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            found.append(Handed.model_validate_json(path.read_text("utf-8")))
        except ValidationError:
            raise StoreError(
                "is no hand-out of pairs as this program writes it: put it back from a copy, or take it away",
                "不是本程序写出的成对比较记录：请用备份恢复，或移走它",
                place=f"{FOLDER}/{path.name}",
            ) from None
    return found


def say(root: Path, handed: Handed, words: Mapping[tuple[str, str], Word]) -> int:
    """Keep (rater, row) -> word; returns how many are new."""
    known = _said(root, handed.code)
    fresh = {who: word for who, word in words.items() if known.get(who) != word}
    journal = Journal(root / FOLDER / f"{handed.code}.said.jsonl")
    for (rater, row), word in sorted(fresh.items()):
        journal.append("said", rater=rater, row=row, word=word)
    return len(fresh)


def result(root: Path, handed: Handed) -> Preferred:
    """What people said so far."""
    import numpy as np

    said = _said(root, handed.code)
    words = {pair.id: [said.get((rater, pair.id)) for rater in RATERS] for pair in handed.pairs}
    judged = [pair for pair in handed.pairs if any(words[pair.id])]
    both = [words[pair.id] for pair in judged if all(words[pair.id])]
    counts = Counter(word for found in words.values() for word in found if word)
    rate = None
    if judged:
        values = np.array([np.mean([_WORTH[word] for word in words[pair.id] if word]) for pair in judged])
        drawn = resamples([pair.group for pair in judged], replicates=_REPLICATES, seed=_SEED)
        rate = mean_interval(values, drawn)
    kappa = cohen_kappa([str(one) for one, _ in both], [str(other) for _, other in both])
    return Preferred(
        **handed.model_dump(include={"code", "run", "part", "against", "answers", "equal"}),
        pairs=len(handed.pairs),
        judged=len(judged),
        by_both=len(both),
        ours=counts["ours"],
        theirs=counts["theirs"],
        ties=counts["tie"],
        win_rate=rate,
        kappa=None if kappa is None else round(kappa, 4),
        left=_left(handed.pairs, said),
    )


def preferred(root: Path, report: EvalReport, against: str) -> Preferred | None:
    """What people said of exactly these answers: of several hand-outs the one with the most words."""
    answers = answers_of(report, against)
    found = [result(root, one) for one in handed_out(root) if answers and one.answers == answers]
    return max(found, key=lambda one: (one.ours + one.theirs + one.ties, one.code), default=None)


def words_of(root: Path, report: EvalReport, against: str) -> dict[str, Word]:
    """Row -> what people said of exactly these answers: a word that both raters share, or the only one."""
    answers = answers_of(report, against)
    found: dict[str, Word] = {}
    for handed in handed_out(root):
        if answers and handed.answers == answers:
            said = _said(root, handed.code)
            for pair in handed.pairs:
                words = {word for rater in RATERS if (word := said.get((rater, pair.id)))}
                if len(words) == 1:
                    found[pair.id] = words.pop()
    return found


def fingerprint(root: Path) -> str:
    """Digest of all that people said; "" for nothing."""
    said = {one.code: sorted((*who, word) for who, word in _said(root, one.code).items()) for one in handed_out(root)}
    return digest_of(said) if any(said.values()) else ""


def forget(root: Path, rows: Collection[str], names: Collection[str] = ()) -> int:
    """Take the pairs of these rows, or of these customers (pseudonyms), out; returns how many words went."""
    gone = 0
    for handed in handed_out(root):
        going = {pair.id for pair in handed.pairs if pair.id in rows or pair.group in names}
        stay = [pair for pair in handed.pairs if pair.id not in going]
        path = root / FOLDER / f"{handed.code}.said.jsonl"
        events = list(Journal(path).read())
        # A start that was killed here has taken words out and left their pairs: both are looked at each time.
        left = [event for event in events if event["row"] not in going and event["row"] not in rows]
        if len(left) < len(events):
            gone += len(events) - len(left)
            lines = (json.dumps(event, ensure_ascii=False) for event in left)
            write_text(path, "".join(f"{line}\n" for line in lines), mode=0o600)
        if len(stay) < len(handed.pairs):
            keep(root, handed.model_copy(update={"pairs": stay}))
    return gone


def _said(root: Path, code: str) -> dict[tuple[str, str], Word]:
    """(rater, row) -> the last word."""
    path = root / FOLDER / f"{code}.said.jsonl"
    return {(event["rater"], event["row"]): event["word"] for event in Journal(path).read()}


def _left(pairs: Sequence[HandedPair], said: Mapping[tuple[str, str], Word]) -> float | None:
    """Share of the words for a side that were for the left one."""
    sides = [
        (word == "ours") == pair.ours_left[rater]
        for pair in pairs
        for rater in RATERS
        if (word := said.get((rater, pair.id))) in ("ours", "theirs")
    ]
    return round(sum(sides) / len(sides), 4) if sides else None
