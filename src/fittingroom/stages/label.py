"""Label: one label per row, from all that is known about it.

Spellings are united, several annotators are merged, rules speak where no person did, rows without a usable label go.
What a person decided in review stands above everything else. Rows that say the same but are labelled differently are
settled here, before `dedup` would silently keep whichever came first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.models.endpoint_config import EndpointConfig
from fittingroom.sources import decisions
from fittingroom.sources.people import PEOPLE
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.conflicts import CONFLICTING, Labelled, Settling, settle
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.labeller import Heard, LabelEndpointConfig, hear
from fittingroom.tasks.leaving import Change, Gone, parted, placed, with_column
from fittingroom.tasks.merging import GIVEN, merge
from fittingroom.tasks.open_answers import sorted_out
from fittingroom.tasks.reference import REFERENCE
from fittingroom.tasks.rows import in_order, texts, with_edits
from fittingroom.tasks.rules import LabelRule, Weak, hold
from fittingroom.tasks.spelling import folded
from fittingroom.tasks.voices import Voices
from fittingroom.tasks.wordings import Wordings
from fittingroom.types import Frozen, Rows

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 7
LIBRARIES = ("pyarrow", "rensa", "numpy", "polars", "cleanlab", "scikit-learn")

_REASONS = ("annotators disagree", "rules disagree", "unknown label", "not labelled", CONFLICTING)


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
    endpoint: LabelEndpointConfig | None = None
    """A chat API that labels rows of which nobody spoke, as one more annotator whose word is weak."""


def observes(*, context: Context) -> dict[str, str]:
    """What people decided about single rows, where they did."""
    found = decisions.fingerprint(decisions.read(context.root))
    return {"reviews": found} if found else {}


def label(
    rows: Rows,
    *,
    label: LabelConfig,
    task: TaskConfig,
    context: Context,
    endpoints: Mapping[str, EndpointConfig] | None = None,
) -> Rows:
    """Rows with one label each; dropped: "not labelled", "unknown label", "annotators disagree", "rules disagree",
    "conflicting labels"; and what the job itself must not learn from, with its reason.

    Where answers are free there is nothing to merge: rows pass through, but for those that the job must not learn from.
    Raises UserError when no row is labelled, or all carry the same label.
    """
    table = in_order(rows.kept, task)
    # What `dedup` compares rows with, and what `split` keeps together, is none of ours to label.
    tables = {name: rows.tables[name] for name in (REFERENCE, PEOPLE) if name in rows.tables}
    if not job_of(task).closed:
        if label.rules:
            raise _no_labels_here(task)
        kept, dropped, facts = sorted_out(table, task, context)
        return Rows(kept=kept, dropped=dropped, tables=tables, facts=facts)
    voices = Voices(table, task, decisions.read(context.root))
    ratings, sure = voices.ratings(), voices.reviewed()
    merged, agreement = _merged(voices, ratings, label.merge, table, task)
    for row, value in sure.items():
        merged[row] = value
    weak = _weak(table, label.rules, task, voices.spelling)
    guessed, torn = _guesses(weak, voices) if weak else (dict[int, str](), set[int]())
    measured = {"rules": weak.facts(merged, len(guessed), len(torn))} if weak else {}
    for row, value in guessed.items():
        merged[row] = value
    heard: Heard | None = None
    if label.endpoint is not None:
        known_not = guessed.keys() | torn
        heard = hear(table, voices, merged, known_not, label.endpoint, endpoints or {}, task, context)
        measured["endpoint"] = heard.facts
        for row, value in heard.guesses.items():
            merged[row] = value
    unfit = _unfit(table, merged, task)
    gone = Gone(table.rows, (*_REASONS, *sorted({*unfit.values()} - {*_REASONS})))
    for row, reason in unfit.items():
        gone.drop(row, reason)
    _without(merged, ratings, voices, torn, gone)
    _refuse_one_class(merged, gone, task)
    with Wordings(table, task, context.scratch / "wordings", context, what="label") as said:
        known = Labelled(merged, ratings, sure, guessed.keys() | (heard.guesses.keys() if heard else set()))
        rules = Settling(label.conflicts, label.clear_majority, label.near)
        conflicts = settle(said, known, rules, gone, context.scratch / "bands")
    _refuse_one_class([value if stays else None for value, stays in zip(merged, gone.stays, strict=True)], gone, task)
    changed = _changed(merged, voices.given, sure, guessed)
    changed |= {row: ["endpoint label"] for row in heard.guesses} if heard else {}
    kept, dropped = parted(table, task, context, gone, voices.ids, _noted(task, voices, merged, changed, heard))
    classes = Counter(value for value, stays in zip(merged, gone.stays, strict=True) if value and stays)
    facts = {
        "in": table.rows,
        "kept": kept.rows,
        "annotated": sum(bool(found) for found in voices.told.values()),
        "relabelled": len(changed),
        **conflicts,
        "dropped_by_reason": gone.by_reason(),
        "agreement": agreement,
        "classes": dict(sorted(classes.items())),
        **({"reviewed": len(sure)} if voices.decided else {}),
        **measured,
    }
    context.progress("label", 1, 1)
    return Rows(kept=kept, dropped=dropped, tables=tables, facts=facts)


def _no_labels_here(task: TaskConfig) -> RecipeError:
    return RecipeError(
        f"rules give labels, and the answers of kind {task.kind} are free text: take the rules out",
        f"规则给出的是标签，而 {task.kind} 的答案是自由文本：请删去这些规则",
        place="label.rules",
    )


def _merged(
    voices: Voices, ratings: Mapping[int, Mapping[str, str]], method: str, table: Table, task: TaskConfig
) -> tuple[list[str | None], dict[str, Any]]:
    """One label per row, and how far annotators agree. CROWDLAB's model learns from all rows; else only those on which
    others than the source spoke need more than a look.
    """
    alone = [voices.alone(row) for row in range(table.rows)]
    if method == "crowdlab":
        every = [ratings.get(row, {GIVEN: value} if value else {}) for row, value in enumerate(alone)]
        whole = table.arrow()
        return merge(every, method, texts(whole, task), whole.column("group").to_pylist())
    several = sorted(ratings)
    source = any(value is not None and row not in ratings for row, value in enumerate(alone))
    found, agreement = merge([ratings[row] for row in several], method, [], [], also=[GIVEN] if source else [])
    for row, value in zip(several, found, strict=True):
        alone[row] = value
    return alone, agreement


def _unfit(table: Table, merged: Sequence[str | None], task: TaskConfig) -> dict[int, str]:
    """Labelled rows that the job must not learn from, and why."""
    import pyarrow as pa

    job, found = job_of(task), dict[int, str]()
    for part, rows in placed(table):
        kind = rows.schema.field("target").type
        said = with_column(rows, "target", pa.array([{task.target: value} for value in merged[part]], kind))
        found |= {part.start + at: reason for at, reason in enumerate(job.learnable(said, task)) if reason}
    return found


def _without(
    merged: Sequence[str | None],
    ratings: Mapping[int, Mapping[str, str]],
    voices: Voices,
    torn: set[int],
    gone: Gone,
) -> None:
    """Rows without a label go: people disagree, rules disagree, no label of the task was said, or none at all."""
    for row, value in enumerate(merged):
        if value is None:
            left = "rules disagree" if row in torn else "unknown label" if voices.spoken(row) else "not labelled"
            gone.drop(row, "annotators disagree" if ratings.get(row) else left)


def _changed(
    merged: Sequence[str | None], given: Sequence[str | None], sure: Mapping[int, str], guessed: Mapping[int, str]
) -> dict[int, list[str]]:
    """Rows whose label is not the one that the source gave, and where it comes from."""
    changed = {row: ["label"] for row, value in enumerate(merged) if value is not None and value != given[row]}
    changed |= {row: ["reviewed"] for row in changed.keys() & sure.keys()}
    return changed | {row: ["weak label"] for row in guessed}


def _noted(
    task: TaskConfig,
    voices: Voices,
    merged: Sequence[str | None],
    changed: Mapping[int, list[str]],
    heard: Heard | None,
) -> Change:
    """What is written into the rows: the label, what people decided and an endpoint said beside the annotations, and
    that it was changed.
    """
    added = _added(voices, heard)

    def change(rows: pa.Table, part: slice) -> pa.Table:
        import pyarrow as pa

        given = voices.given[part]
        labels = [new or old for new, old in zip(merged[part], given, strict=True)]
        rows = with_column(
            rows, "target", pa.array([{task.target: value} for value in labels], rows.schema.field("target").type)
        )
        here = range(part.start, part.stop)
        if any(row in added for row in here):
            told = [list(found or []) for found in rows.column("annotations").to_pylist()]
            for row in here:
                told[row - part.start] += added.get(row, [])
            rows = with_column(rows, "annotations", pa.array(told, rows.schema.field("annotations").type))
        noted = {row - part.start: changed[row] for row in here if row in changed}
        return with_edits(rows, task, noted)

    return change


def _added(voices: Voices, heard: Heard | None) -> dict[int, list[dict[str, str]]]:
    """Row -> annotations that its source did not bring."""
    found = {
        row: [{"annotator": one.who, "label": one.label} for one in sorted(decided, key=lambda one: one.who)]
        for row, decided in voices.decided.items()
    }
    for row, value in heard.said.items() if heard else ():
        found.setdefault(row, []).append({"annotator": heard.annotator if heard else "", "label": value})
    return found


def _weak(table: Table, rules: Sequence[LabelRule], task: TaskConfig, spelling: Mapping[str, str]) -> Weak | None:
    """What the rules say, in the spelling of the task. Raises RecipeError for a rule with a label that is none."""
    if not rules:
        return None
    spelled = []
    for number, rule in enumerate(rules):
        known = spelling.get(folded(rule.label), None if task.all_labels is not None else rule.label)
        if known is None:
            raise RecipeError(
                f"{rule.label!r} is no label of the task: correct it, or add it to `task.labels`",
                f"{rule.label!r} 不是任务的标签：请改正，或加入 `task.labels`",
                place=f"label.rules.{number}.label",
            )
        spelled.append(rule.model_copy(update={"label": known}))
    return hold(table, spelled, task)


def _guesses(weak: Weak, voices: Voices) -> tuple[dict[int, str], set[int]]:
    """Row -> the label that all its rules name, and the rows whose rules contradict each other; the rows of which
    somebody spoke are none of the rules' business.
    """
    guessed: dict[int, str] = {}
    torn: set[int] = set()
    for row in weak.votes:
        if voices.spoken(row):
            continue
        names = weak.labels(row)
        if len(names) == 1:
            guessed[row] = names[0]
        else:
            torn.add(row)
    return guessed, torn


def _refuse_one_class(merged: Sequence[str | None], gone: Gone, task: TaskConfig) -> None:
    """A classifier needs two classes: say what there is."""
    counts = Counter(value for value in merged if value is not None)
    if len(counts) > 1:
        return
    told = ", ".join(f"{reason}: {count}" for reason, count in gone.by_reason().items()) or "-"
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
