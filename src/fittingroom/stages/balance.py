"""Balance: how often each class is met in training. Only the training part is touched: the other parts keep the mix of
the world, or their scores would speak of another one. What training then believes about the frequency of the classes is
put right when the model answers: `facts["prior_shift"]` goes into the bundle.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.models.endpoint_config import EndpointConfig
from fittingroom.models.teacher import TeacherConfig
from fittingroom.statistics.folds import keyed_order
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.rows import Drop, dropped, labels, ordered, replaced, take, with_edits
from fittingroom.tasks.taught import Taught, taught
from fittingroom.text.augment import varied
from fittingroom.types import Frozen, Splits

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 4
LIBRARIES = ("pyarrow", "rjieba")
_OF_LABELS = (
    "audited", "trusted", "estimated_noise", "remaining_noise", "model_accuracy", "relabelled", "removed",
)  # fmt: skip
"""What the audit found of the labels and later stages still need."""


class BalanceConfig(Frozen):
    """How far classes are brought together."""

    method: Literal["none", "weights", "oversample", "undersample", "tempered"] = "none"
    """`weights`: rare classes weigh more in the loss; `oversample`: their rows are repeated; `undersample`: rows of
    common classes are left out; `tempered`: both, so that the number of rows stays about the same."""
    temperature: float = Field(default=0.5, ge=0, le=1)
    """Classes are drawn with p ∝ n^temperature: 1 leaves them as they are, 0 makes them equal."""
    max_factor: float = Field(default=5.0, ge=1)
    """No class is weighted, repeated or thinned out by more than this: twenty copies of a row teach it by heart."""
    augment: float = Field(default=0.0, ge=0, le=0.3)
    """Largest share of the words of a repeated row that are left out, particles only; clauses that only describe may
    change places. Numbers, negations and placeholders are never touched. 0 repeats rows as they are."""
    teacher: TeacherConfig | None = None
    """A larger model that says repeated rows in other words; a reply that cannot be used leaves its row repeated."""
    correct_prior: bool = True
    """The model answers as if it had met the classes as often as the world has them, though it was trained otherwise:
    its probabilities are true ones. `false` leaves it in favour of the rare classes: more of them are found, at the
    price of false alarms."""


def balance(
    splits: Splits,
    *,
    balance: BalanceConfig,
    task: TaskConfig,
    seed: int,
    context: Context,
    endpoints: Mapping[str, EndpointConfig] | None = None,
) -> Splits:
    """The training part balanced, or class weights whose mean over the training rows is 1; all else passes unchanged.

    Repeated rows carry the id of the row with `~1`, `~2`, …, its group and cluster, and the edit "oversampled" (and
    "augmented", where words went, "teacher", where a teacher model says it in other words); rows left out are
    dropped as "undersampled", replies of the teacher that are not used as "teacher: …". Which ones is decided by a
    keyed hash of the id. Raises UserError when a teacher is configured and cannot be asked.
    """
    import pyarrow as pa

    table = ordered(splits.train.arrow(), task)
    if not job_of(task).closed:
        return _as_it_is(splits, balance, task, table.num_rows)
    names = labels(table, task)
    before = Counter(names)
    # What belongs to no class is no class to be brought level with the others.
    apart = {name: float(count) for name, count in before.items() if name == task.none_of_these}
    wanted = _wanted({name: count for name, count in before.items() if name not in apart}, balance) | apart
    train, drops, weights = table, dict[int, Drop](), dict[str, float]()
    said: Taught | None = None
    if balance.method == "weights":
        weights = _weights(before, wanted)
    if balance.method in ("oversample", "tempered"):
        again = _copies(table, names, wanted, seed)
        if balance.teacher is not None and again.num_rows:
            judged = [part for name, part in splits.parts().items() if name != "train"]
            said = taught(again, table, judged, balance.teacher, endpoints or {}, task=task, seed=seed, context=context)
        train = pa.concat_tables([table, _marked(again, said, task, seed, balance.augment)])
    if balance.method in ("undersample", "tempered"):
        drops = _left_out(table, names, wanted, seed)
        gone = {table.column("id")[index].as_py() for index in drops}
        kept = [index for index, name in enumerate(train.column("id").to_pylist()) if name not in gone]
        train = take(train, task, kept).arrow()
    after = Counter(labels(train, task))
    context.progress("balance", 1, 1)
    facts = {
        "method": balance.method,
        "in": table.num_rows,
        "before": dict(sorted(before.items())),
        "after": dict(sorted(after.items())),
        "weights": weights,
        "labels": {name: splits.facts[name] for name in _OF_LABELS if name in splits.facts},
        **_told(train, before, after, weights, balance),
        **({"teacher": said.facts} if said else {}),
    }
    return Splits(
        train=Table.of(ordered(train, task)),
        dev=splits.dev,
        calibration=splits.calibration,
        test=splits.test,
        dropped=_gone(dropped(table, task, drops), said),
        review=splits.review,
        class_weights=weights,
        facts=facts,
    )


def _as_it_is(splits: Splits, config: BalanceConfig, task: TaskConfig, rows: int) -> Splits:
    """Where answers are free there are no classes to balance. Raises RecipeError when the recipe asks for it."""
    if config.method != "none":
        raise RecipeError(
            f"there are no classes to balance: the answers of kind {task.kind} are free text; set it to none",
            f"没有可以平衡的类别：{task.kind} 的答案是自由文本；请设为 none",
            place=f"balance.method = {config.method}",
        )
    facts = {"method": "none", "free": True, "in": rows, "before": {}, "after": {}, "weights": {}}
    none = dropped(splits.train.arrow().slice(0, 0), task, {})
    return splits.model_copy(update={"dropped": none, "class_weights": {}, "facts": facts})


def _wanted(counts: Mapping[str, int], config: BalanceConfig) -> dict[str, float]:
    """Rows each class should have, from the largest class (from the smallest, when thinning out), within the cap."""
    if not counts:
        return {}
    if config.method == "tempered":
        drawn = {name: count**config.temperature for name, count in counts.items()}
        scale = sum(counts.values()) / sum(drawn.values())
        cap = config.max_factor
        return {name: min(max(scale * drawn[name], count / cap), count * cap) for name, count in counts.items()}
    least = config.method == "undersample"
    anchor = min(counts.values()) if least else max(counts.values())
    wanted = {name: anchor * (count / anchor) ** config.temperature for name, count in counts.items()}
    if least:
        return {name: max(wanted[name], count / config.max_factor) for name, count in counts.items()}
    return {name: min(wanted[name], count * config.max_factor) for name, count in counts.items()}


def _told(
    train: pa.Table, before: Counter[str], after: Counter[str], weights: Mapping[str, float], config: BalanceConfig
) -> dict[str, object]:
    """Facts of what rebalancing alone does: the shift that puts the prior right, and rows that were augmented.

    The shift of a class is log(share in the world) - log(share in training), to be added to its score: a classifier
    learns p(class | text) under the mix that it met (Saerens, Latinne, Decaestecker 2002; Elkan 2001).
    """
    facts: dict[str, object] = {}
    if config.method != "none" and config.correct_prior:
        met = {name: count * weights.get(name, 1.0) for name, count in after.items()}
        world, training = sum(before.values()), sum(met.values())
        shift = {
            name: round(math.log(before[name] / world) - math.log(met[name] / training), 6) for name in sorted(met)
        }
        facts["prior_shift"] = shift if any(shift.values()) else {}
    if config.augment:
        rules = [{one["rule"] for one in found or []} for found in train.column("edits").to_pylist()]
        facts["augmented"] = sum("augmented" in found for found in rules)
    return facts


def _weights(counts: Mapping[str, int], wanted: Mapping[str, float]) -> dict[str, float]:
    raw = {name: wanted[name] / count for name, count in counts.items()}
    mean = sum(raw[name] * count for name, count in counts.items()) / sum(counts.values())
    return {name: round(value / mean, 9) for name, value in sorted(raw.items())}


def _by_hash(table: pa.Table, names: Sequence[str], seed: int) -> dict[str, list[int]]:
    """Indices of each class, in the order of the keyed hash of their ids."""
    ids = table.column("id").to_pylist()
    order = sorted(range(len(ids)), key=lambda index: keyed_order(seed, ids[index]))
    found: dict[str, list[int]] = {}
    for index in order:
        found.setdefault(names[index], []).append(index)
    return found


def _copies(table: pa.Table, names: Sequence[str], wanted: Mapping[str, float], seed: int) -> pa.Table:
    """The rows to be added, each with an id of its own: every row of a class as often as every other, but for one."""
    import pyarrow as pa

    copies: list[tuple[int, int]] = []
    for name, members in _by_hash(table, names, seed).items():
        extra = round(wanted[name]) - len(members)
        copies += [(members[place % len(members)], place // len(members) + 1) for place in range(extra)]
    again = table.take(pa.array([index for index, _ in copies], type=pa.int64()))
    ids = [f"{name}~{number}" for name, (_, number) in zip(again.column("id").to_pylist(), copies, strict=True)]
    return again.set_column(again.schema.get_field_index("id"), "id", pa.array(ids, type=pa.string()))


def _marked(again: pa.Table, said: Taught | None, task: TaskConfig, seed: int, share: float) -> pa.Table:
    """Repeated rows in the teacher's words, else augmented by `share`, and what was done in `edits`."""
    if not again.num_rows:
        return again
    rules = {index: ["oversampled"] for index in range(again.num_rows)}
    given = again.column("input").to_pylist()
    found = list(said.inputs) if said else given
    taught_rows = said.rules if said else {}
    if share:
        ids = again.column("id").to_pylist()
        found = [
            fields
            if index in taught_rows
            else {
                field: varied(text, share, f"{seed}:{ids[index]}:{field}") if text else text
                for field, text in fields.items()
            }
            for index, fields in enumerate(found)
        ]
    for index in rules:
        if index in taught_rows:
            rules[index] += taught_rows[index]
        elif found[index] != given[index]:
            rules[index].append("augmented")
    return with_edits(replaced(again, task, "input", found), task, rules)


def _gone(rows: Table, said: Taught | None) -> Table:
    """Rows left out, and replies of the teacher that are not used."""
    import pyarrow as pa

    if said is None or not said.dropped.rows:
        return rows
    return Table.of(pa.concat_tables([rows.arrow(), said.dropped.arrow()]).sort_by("id").combine_chunks())


def _left_out(table: pa.Table, names: Sequence[str], wanted: Mapping[str, float], seed: int) -> dict[int, Drop]:
    return {
        index: Drop("undersampled")
        for name, members in _by_hash(table, names, seed).items()
        for index in members[max(1, round(wanted[name])) :]
    }
