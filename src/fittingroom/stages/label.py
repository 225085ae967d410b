"""Label: one label per row, from all that is known about it.

Spellings are united, several annotators are merged, rules speak where no person did, rows without a usable label go.
What a person decided in review stands above everything else. Rows that say the same but are labelled differently are
settled here, before `dedup` would silently keep whichever came first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.sources import decisions
from fittingroom.sources.decisions import REVIEW, Decision
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.conflicts import settle
from fittingroom.tasks.merging import GIVEN, merge
from fittingroom.tasks.rows import Drop, ordered, parted, replaced, targets, texts, with_edits, with_targets
from fittingroom.tasks.rules import LabelRule, Weak, hold
from fittingroom.tasks.spelling import folded, spellings
from fittingroom.types import Frozen, Rows

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
LIBRARIES = ("pyarrow", "rensa", "numpy", "polars", "cleanlab", "scikit-learn")


class LabelConfig(Frozen):
    """How labels are brought together."""

    merge: Literal["auto", "majority", "dawid_skene", "crowdlab"] = "auto"
    """How several annotators are merged. `auto`: Dawid and Skene's model for three annotators and more that share
    enough rows (it weighs them by their competence), else the majority. `crowdlab`: a linear model of the texts, judged
    out of fold, takes part as one more annotator; it helps where the texts tell the label better than the people do.
    The label of the source itself counts as one annotator and wins a tie that it is part of."""
    rules: list[LabelRule] = Field(default_factory=list)
    """Weak labels for rows that nobody labelled: `[{label: refund, keywords: [退款, refund]}]`. A rule has `keywords`,
    a `regex` or a SQL condition `where` (several: all must hold). Rows on which rules contradict each other are dropped
    as "rules disagree" and stand in the review queue."""
    conflicts: Literal["majority", "drop", "keep"] = "majority"
    """What becomes of equal texts with different labels. `majority`: a clear majority stays and the others go, without
    one all go; `drop`: all go; `keep`: all stay."""
    clear_majority: float = Field(default=0.6, gt=0.5, le=1)
    """Share of the votes on one text that makes a majority clear."""
    near: float = Field(default=0.9, ge=0.7, le=1)
    """Texts this alike (Jaccard of character 5-grams), of the same numbers and negations, must not differ in label."""


def observes(*, context: Context) -> dict[str, str]:
    """What people decided about single rows, where they did."""
    found = decisions.fingerprint(decisions.read(context.root))
    return {"reviews": found} if found else {}


def label(rows: Rows, *, label: LabelConfig, task: TaskConfig, context: Context) -> Rows:
    """Rows with one label each; dropped: "not labelled", "unknown label", "annotators disagree", "rules disagree",
    "conflicting labels".

    Raises UserError when no row is labelled, or all carry the same label.
    """
    spoken_for = decisions.read(context.root)
    if not spoken_for and not label.rules:
        _refuse_one_class_unseen(rows.kept, task)
    table = ordered(rows.kept.arrow(), task)
    decided = _decided(table, spoken_for)
    table = _with_annotations(table, task, decided)
    given = targets(table, task)
    told: list[list[tuple[str, str]]] = [
        [(one["annotator"] or "", one["label"]) for one in found or [] if (one["label"] or "").strip()]
        for found in table.column("annotations").to_pylist()
    ]
    spelling = spellings(task, [value for value in given if value], [name for found in told for _, name in found])
    ratings = [
        _ratings(value, [one for one in found if not one[0].startswith(REVIEW)], spelling)
        for value, found in zip(given, told, strict=True)
    ]
    sure = _reviewed(decided, spelling)
    context.progress("label", 1, 3)
    said = texts(table, task)
    merged, agreement = merge(ratings, label.merge, said, table.column("group").to_pylist())
    merged = [sure.get(index, value) for index, value in enumerate(merged)]
    weak = _weak(table, label.rules, task, spelling)
    spoken = {index for index, value in enumerate(given) if (value or "").strip() or told[index]}
    guessed, torn = _guesses(weak, spoken) if weak else (dict[int, str](), set[int]())
    measured = {"rules": weak.facts(merged, len(guessed), len(torn))} if weak else {}
    merged = [guessed.get(index, value) for index, value in enumerate(merged)]
    drops = _without(merged, ratings, spoken, torn)
    _refuse_one_class(merged, drops, task)
    context.progress("label", 2, 3)
    conflicts = settle(
        table.column("id").to_pylist(), said, merged, ratings, conflicts=label.conflicts,
        clear_majority=label.clear_majority, near=label.near, sure=sure, weak=guessed,
    )  # fmt: skip
    drops.update(conflicts.drops)
    _refuse_one_class([None if index in drops else value for index, value in enumerate(merged)], drops, task)
    changed = _changed(merged, given, sure, guessed)
    table = with_edits(
        with_targets(table, task, [new or old for new, old in zip(merged, given, strict=True)]), task, changed
    )
    kept, dropped = parted(table, task, drops)
    facts = {
        "in": table.num_rows,
        "kept": kept.rows,
        "annotated": sum(bool(found) for found in told),
        "relabelled": len(changed),
        **conflicts.facts,
        "dropped_by_reason": dict(sorted(Counter(drop.reason for drop in drops.values()).items())),
        "agreement": agreement,
        "classes": dict(sorted(Counter(value for value in targets(kept.arrow(), task) if value).items())),
        **({"reviewed": len(sure)} if decided else {}),
        **measured,
    }
    context.progress("label", 3, 3)
    return Rows(kept=kept, dropped=dropped, facts=facts)


def _without(
    merged: Sequence[str | None], ratings: Sequence[Mapping[str, str]], spoken: set[int], torn: set[int]
) -> dict[int, Drop]:
    """Rows without a label, and why: people disagree, rules disagree, no label of the task was said, or none at all."""
    drops: dict[int, Drop] = {}
    for index, value in enumerate(merged):
        if value is None:
            left = "rules disagree" if index in torn else "unknown label" if index in spoken else "not labelled"
            drops[index] = Drop("annotators disagree" if ratings[index] else left)
    return drops


def _changed(
    merged: Sequence[str | None], given: Sequence[str | None], sure: Mapping[int, str], guessed: Mapping[int, str]
) -> dict[int, list[str]]:
    """Rows whose label is not the one that the source gave, and where it comes from."""
    changed = {index: ["label"] for index, value in enumerate(merged) if value is not None and value != given[index]}
    changed |= {index: ["reviewed"] for index in changed.keys() & sure.keys()}
    return changed | {index: ["weak label"] for index in guessed}


def _decided(table: pa.Table, found: Sequence[Decision]) -> dict[int, list[Decision]]:
    """Row -> what people decided about it, oldest first."""
    if not found:
        return {}
    place = {name: index for index, name in enumerate(table.column("id").to_pylist())}
    decided: dict[int, list[Decision]] = {}
    for one in found:
        if one.id in place:
            decided.setdefault(place[one.id], []).append(one)
    return decided


def _with_annotations(table: pa.Table, task: TaskConfig, decided: Mapping[int, Sequence[Decision]]) -> pa.Table:
    """The decisions of people beside the annotations that the sources brought."""
    if not decided:
        return table
    told = [list(found or []) for found in table.column("annotations").to_pylist()]
    for index, found in decided.items():
        told[index] += [{"annotator": one.who, "label": one.label} for one in sorted(found, key=lambda one: one.who)]
    return replaced(table, task, "annotations", told)


def _reviewed(decided: Mapping[int, Sequence[Decision]], spelling: Mapping[str, str]) -> dict[int, str]:
    """Row -> the label that review came to: what most people say, of equally many what was said last. A label that the
    task no longer has decides nothing.
    """
    sure: dict[int, str] = {}
    for index, found in sorted(decided.items()):
        known = [spelling.get(folded(one.label)) for one in found if one.by == "review"]
        said = [value for value in known if value is not None]
        if said:
            counts = Counter(said)
            sure[index] = max(reversed(said), key=counts.__getitem__)
    return sure


def _weak(table: pa.Table, rules: Sequence[LabelRule], task: TaskConfig, spelling: Mapping[str, str]) -> Weak | None:
    """What the rules say, in the spelling of the task. Raises RecipeError for a rule with a label that is none."""
    if not rules:
        return None
    spelled = []
    for number, rule in enumerate(rules):
        known = spelling.get(folded(rule.label), None if task.labels is not None else rule.label)
        if known is None:
            raise RecipeError(
                f"{rule.label!r} is no label of the task: correct it, or add it to `task.labels`",
                f"{rule.label!r} 不是任务的标签：请改正，或加入 `task.labels`",
                place=f"label.rules.{number}.label",
            )
        spelled.append(rule.model_copy(update={"label": known}))
    return hold(table, spelled, task)


def _guesses(weak: Weak, spoken: set[int]) -> tuple[dict[int, str], set[int]]:
    """Row -> the label that all its rules name, and the rows whose rules contradict each other; the rows of which
    somebody spoke are none of the rules' business.
    """
    guessed: dict[int, str] = {}
    torn: set[int] = set()
    for index in range(len(weak.votes)):
        if index in spoken:
            continue
        names = weak.labels(index)
        if len(names) == 1:
            guessed[index] = names[0]
        elif names:
            torn.add(index)
    return guessed, torn


def _ratings(given: str | None, told: Sequence[tuple[str, str]], spelling: Mapping[str, str]) -> dict[str, str]:
    """Annotator -> known label. An annotator's last word on a row counts."""
    found = {name: spelling.get(folded(value)) for name, value in told}
    found[GIVEN] = spelling.get(folded(given)) if given else None
    return {name: value for name, value in found.items() if value is not None}


def _refuse_one_class_unseen(rows: Table, task: TaskConfig) -> None:
    """Refuse rows that all carry one label before a text of them is loaded: gigabytes of one class cost no memory."""
    import polars as pl

    found = rows.lazy().select(
        label=pl.col("target").struct.field(task.target), told=pl.col("annotations").list.len().fill_null(0)
    )
    counts = found.group_by("label").agg(pl.len(), pl.col("told").sum()).collect()
    said = [(value, count) for value, count, _ in counts.rows() if (value or "").strip()]
    if len(said) == 1 and not counts["told"].sum() and task.labels is None:
        missing = counts["len"].sum() - said[0][1]
        drops = {place: Drop("not labelled") for place in range(missing)}
        _refuse_one_class([said[0][0].strip()] * said[0][1] + [None] * missing, drops, task)


def _refuse_one_class(merged: Sequence[str | None], drops: Mapping[int, Drop], task: TaskConfig) -> None:
    """A classifier needs two classes: say what there is."""
    counts = Counter(value for value in merged if value is not None)
    if len(counts) > 1:
        return
    reasons = Counter(drop.reason for drop in drops.values())
    told = ", ".join(f"{reason}: {count}" for reason, count in sorted(reasons.items())) or "-"
    if not counts:
        raise UserError(
            f"none of {len(merged)} rows has a usable label in the field {task.target!r} (rows that went: {told}); "
            "check the field's name in `task.target` and in the sources, and `task.labels`",
            f"{len(merged)} 行数据中没有一行在字段 {task.target!r} 里有可用的标签（去掉的行：{told}）；"
            "请检查 `task.target`、数据源中的字段名以及 `task.labels`",
            place="task.target",
        )
    name, count = next(iter(counts.items()))
    raise UserError(
        f"all {count} labelled rows carry one label {name!r} in the field {task.target!r} (rows that went: {told}); "
        "a classifier needs at least two classes: add rows of another one",
        f"字段 {task.target!r} 中全部 {count} 行有标签的数据都是同一个标签 {name!r}（去掉的行：{told}）；"
        "分类至少需要两个类别：请补充其他类别的数据",
        place="task.target",
    )
