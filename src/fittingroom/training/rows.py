"""Training rows as token ids, and the batches they are trained in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fittingroom.errors import UserError
from fittingroom.models.render import Rendered
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.options import Places, by_label
from fittingroom.tasks.rows import inputs_of, targets

if TYPE_CHECKING:
    import numpy as np

    from fittingroom.models.render import Renderer
    from fittingroom.tables import Table

_NAMED = 10
_MOST_ROOM = 512
"""Tokens that are kept for a free answer whatever a row's own needs: one very long answer in training must not take the
room of every question."""
_USUAL = 0.99
_POOL = 8
"""Batches whose rows are sorted by length together: enough to save most padding, few enough to keep batches mixed."""


@dataclass(frozen=True)
class Encoded:
    """Rows of one part, rendered, in the order of their ids."""

    row_ids: list[str]
    ids: list[list[int]]
    answer_starts: list[int]
    wanted: list[int]
    """Index of the label; -1 where answers are free, or the label is none of those that are learnt."""
    weights: list[float]
    truncated: int
    """Rows whose input was cut."""
    prompt_limit: int | None = None
    """Tokens of a prompt at most: where the input was cut, and where serving will cut."""
    places: list[list[int]] | None = None
    """For every row and label the place of its answer among all answers (see `tasks.options`), where it is not simply
    that of the label."""

    def __len__(self) -> int:
        return len(self.ids)

    def answer_tokens(self, row: int) -> int:
        """Tokens of a row that carry loss; 0 when its answer did not fit."""
        return len(self.ids[row]) - self.answer_starts[row]

    def said(self, row: int) -> int:
        """Place of a row's answer among all answers; -1 where it is none of them."""
        wanted = self.wanted[row]
        return self.places[row][wanted] if self.places and wanted >= 0 else wanted

    def label_scores(self, rows: Sequence[int], scores: np.ndarray) -> np.ndarray:
        """[n, labels] from the scores of the answers [n, answers] to these rows."""
        return by_label(scores, [self.places[row] for row in rows]) if self.places else scores

    def prompts(self, rows: Sequence[int]) -> list[list[int]]:
        """The prompts of these rows."""
        return [self.ids[row][: self.answer_starts[row]] for row in rows]

    def only(self, rows: Sequence[int]) -> Encoded:
        """The rows at these places."""
        return Encoded(
            row_ids=[self.row_ids[row] for row in rows],
            ids=[self.ids[row] for row in rows],
            answer_starts=[self.answer_starts[row] for row in rows],
            wanted=[self.wanted[row] for row in rows],
            weights=[self.weights[row] for row in rows],
            truncated=self.truncated,
            prompt_limit=self.prompt_limit,
            places=[self.places[row] for row in rows] if self.places else None,
        )

    def with_loss(self) -> list[int]:
        """Rows whose answer fitted; the others have nothing to learn from."""
        return [row for row in range(len(self)) if self.answer_tokens(row) > 0]


def encode(
    table: Table,
    *,
    task: TaskConfig,
    labels: Sequence[str],
    renderer: Renderer,
    max_length: int,
    class_weights: Mapping[str, float] | None = None,
    room: int | None = None,
    learning: bool = False,
) -> Encoded:
    """Render the rows of a part; every row is cut as if it had the longest answer, as serving will do.

    `labels`: [] where answers are free; then `wanted` is -1 everywhere. `room`: tokens kept for that longest answer,
    where it was reckoned before (on the training part, for all parts); else it is `answer_room` of this table.
    `learning`: the rows are learnt from, so that options stand in the order that falls to each; else as served. A row
    whose label is none of `labels` is rendered without an answer.
    """
    rows = table.arrow().sort_by("id")
    job = job_of(task)
    known = {label: at for at, label in enumerate(labels)}
    kept = answer_room(task, labels, renderer, table) if room is None else room
    weights = class_weights or {}
    made = []
    ids: list[str] = rows["id"].to_pylist()
    wanted, found = targets(rows, task), list[int]()
    places, placed = Places(job, task, labels), list[list[int]]()
    for name, given, target in zip(ids, inputs_of(rows), wanted, strict=True):
        shown = job.choices(given, task, labels, name if learning else "")
        placed.append(places(shown) if labels else [])
        asked = job.messages(given, task, shown)
        found.append(known.get(target or "", -1) if target in shown else -1)
        if labels and found[-1] < 0:
            ids_of, cut = renderer.prompt(asked, max_length - kept)
            made.append(Rendered(ids_of, len(ids_of), cut))
        else:
            made.append(renderer.example(asked, job.answer(target or "", task, shown), max_length, kept))
    plain = list(range(len(labels)))
    return Encoded(
        row_ids=ids,
        ids=[row.ids for row in made],
        answer_starts=[row.answer_start for row in made],
        wanted=found,
        weights=[float(weights.get(target or "", 1.0)) for target in wanted],
        truncated=sum(row.truncated > 0 for row in made),
        prompt_limit=max_length - kept,
        places=None if not labels or all(one == plain for one in placed) else placed,
    )


def answer_room(task: TaskConfig, labels: Sequence[str], renderer: Renderer, table: Table) -> int:
    """Tokens of the longest answer with its end mark, of all that may be said. Where answers are free, tokens that 99 %
    of the answers in the table keep to, up to 512: a longer one takes what it needs from the input of its own row.
    """
    job = job_of(task)
    if job.closed:
        return max(len(renderer.answer_ids(said)) for said in job.answers(task, labels))
    found = (job.answer(target or "", task, []) for target in targets(table.arrow(), task))
    lengths = sorted(len(renderer.answer_ids(said)) for said in found)
    return min(_MOST_ROOM, lengths[math.ceil(_USUAL * (len(lengths) - 1))]) if lengths else 1


def refuse_long_answers(
    table: Table, *, task: TaskConfig, labels: Sequence[str], renderer: Renderer, reads: int
) -> None:
    """UserError when an answer does not fit into the `reads` tokens of the model even behind an empty message: every
    row is cut as if it had the longest answer, so nothing would be left of any message.
    """
    job = job_of(task)
    bare = len(renderer.prompt_ids(job.messages({}, task, job.choices({}, task, labels))))
    rows = table.arrow().sort_by("id")
    wanted = []
    for given, target in zip(inputs_of(rows), targets(rows, task), strict=True):
        shown = job.choices(given, task, labels)
        wanted.append(job.answer(target or "", task, shown) if not labels or target in shown else "")
    lengths = {said: len(renderer.answer_ids(said)) for said in job.answers(task, labels) or wanted}
    long = {said for said, length in lengths.items() if bare + length > reads}
    # A free answer of a single row is that row's own affair: it is counted as one without room.
    if not long or (not job.closed and len(long) < len(lengths)):
        return
    held = [row for row, said in zip(rows["id"].to_pylist(), wanted, strict=True) if said in long]
    named = ", ".join(held[:_NAMED]) + (", …" if len(held) > _NAMED else "")
    longest = max(lengths.values())
    if bare >= reads:
        raise UserError(
            f"instruction and labels take {bare} tokens, and the base model reads {reads}: shorten "
            "task.instruction, or leave the labels out (task.list_labels)",
            f"指令与标签清单占 {bare} 个词元，而基座模型最多读 {reads} 个："
            "请缩短 task.instruction，或不在其中列出标签（task.list_labels）",
            place="task.instruction",
        )
    raise UserError(
        f"{len(long)} answer(s) do not fit into the {reads} tokens that the base model reads, not even behind an empty "
        f"message: up to {longest} tokens, with {bare} in front of them; {len(held)} training row(s): {named or '-'}. "
        "Give them a short name by task.aliases, mend these rows in the source, or choose a base model that reads more",
        f"{len(long)} 个答案放不进基座模型可读的 {reads} 个词元，即使消息为空也不行：答案最多 {longest} 个词元，"
        f"前面还有 {bare} 个；涉及训练数据 {len(held)} 行：{named or '-'}。"
        "请用 task.aliases 给出短名，在数据源中改正这些行，或换用上下文更长的基座模型",
        place="task.target",
    )


def sample(rows: Encoded, count: int, seed: int) -> list[int]:
    """A fixed sample with the classes in proportion: the first share of every class, in an order drawn from seed and
    id.
    """
    by_class: dict[int, list[tuple[bytes, int]]] = {}
    for row in rows.with_loss():
        key = hashlib.blake2b(f"{seed} {rows.row_ids[row]}".encode(), digest_size=8).digest()
        by_class.setdefault(rows.wanted[row], []).append((key, row))
    ranked = []
    for members in by_class.values():
        ranked += [((rank + 0.5) / len(members), key, row) for rank, (key, row) in enumerate(sorted(members))]
    return sorted(row for _, _, row in sorted(ranked)[:count])


class Replaying(NamedTuple):
    """General rows that go with every step; they stand behind the shop's own."""

    rows: int
    per_row: float
    """How many of them go with one of the shop's."""


NO_REPLAY = Replaying(0, 0.0)
_OF_REPLAY = 1_000_003
"""Keeps the draws of general rows apart from those of an epoch."""


class Batches:
    """Rows of every optimiser step of an epoch; a batch sampler for a DataLoader.

    The order depends on (seed, epoch) alone. A step is `batch_size` rows (and general ones in proportion), the last of
    an epoch may be smaller; its rows are of like length, and how they are cut into forward passes is the layout's to
    say.
    """

    def __init__(self, lengths: Sequence[int], *, batch_size: int, seed: int, replay: Replaying = NO_REPLAY) -> None:
        self.lengths = lengths[: len(lengths) - replay.rows]
        self.replay = replay
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self._orders: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return math.ceil(len(self.lengths) / self.batch_size)

    @property
    def steps(self) -> int:
        """Optimiser steps of an epoch."""
        return len(self)

    def __iter__(self) -> Iterator[list[int]]:
        yield from self.epoch_batches(self.epoch)

    def epoch_batches(self, epoch: int) -> list[list[int]]:
        """All batches of an epoch, in order; the short one is last, so that steps keep their count."""
        import numpy as np

        generator = np.random.default_rng([self.seed, epoch])
        order = [int(row) for row in generator.permutation(len(self.lengths))]
        pool = self.batch_size * _POOL
        batches: list[list[int]] = []
        short: list[list[int]] = []
        for start in range(0, len(order), pool):
            rows = sorted(order[start : start + pool], key=lambda row: (self.lengths[row], row))
            made = [rows[at : at + self.batch_size] for at in range(0, len(rows), self.batch_size)]
            batches += [batch for batch in made if len(batch) == self.batch_size]
            short += [batch for batch in made if len(batch) < self.batch_size]
        ordered = [batches[at] for at in generator.permutation(len(batches))] + short
        return self._with_replay(ordered, epoch) if self.replay.rows else ordered

    def _with_replay(self, batches: list[list[int]], epoch: int) -> list[list[int]]:
        """Each step with its rows of general data: all of them once, in an order of their own, before any comes again.

        An epoch takes as many of them as every other, so that where the next one goes on follows from its number.
        """
        counts = [max(1, round(self.replay.per_row * len(batch))) for batch in batches]
        at = epoch * sum(counts)
        mixed = []
        for batch, count in zip(batches, counts, strict=True):
            mixed.append(batch + [self._replayed(at + number) for number in range(count)])
            at += count
        return mixed

    def _replayed(self, place: int) -> int:
        """The row at a place of the endless sequence of general rows."""
        import numpy as np

        turn, at = divmod(place, self.replay.rows)
        if turn not in self._orders:
            order = np.random.default_rng([self.seed, _OF_REPLAY, turn]).permutation(self.replay.rows)
            self._orders = {turn: [int(row) for row in order]}
        return len(self.lengths) + self._orders[turn][at]
