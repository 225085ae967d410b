"""Label: one label per row, from all that is known about it.

Spellings are united, several annotators are merged, rows without a usable label go. Rows that say the same but are
labelled differently are settled here, before `dedup` would silently keep whichever came first.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.statistics.agreement import cohen_kappa, dawid_skene, fleiss_kappa, krippendorff_alpha, majority
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import Drop, ordered, parted, targets, texts, with_edits, with_targets
from fittingroom.text.similarity import clusters, distinguishing, match_key, near_pairs
from fittingroom.types import Frozen, Rows

VERSION = 1
LIBRARIES = ("pyarrow", "rensa", "numpy")

GIVEN = "(given)"
"""Name under which the target that the source itself gave takes part as an annotator."""
_MODEL_ROWS = 30
"""Rows with two ratings below which Dawid and Skene's confusions would be guesses: then the majority decides."""


class LabelConfig(Frozen):
    """How labels are brought together."""

    merge: Literal["auto", "majority", "dawid_skene"] = "auto"
    """How several annotators are merged. `auto`: Dawid and Skene's model for three annotators and more that share
    enough rows (it weighs them by their competence), else the majority. The label of the source itself counts as one
    annotator and wins a tie that it is part of."""
    conflicts: Literal["majority", "drop", "keep"] = "majority"
    """What becomes of equal texts with different labels. `majority`: a clear majority stays and the others go, without
    one all go; `drop`: all go; `keep`: all stay."""
    clear_majority: float = Field(default=0.6, gt=0.5, le=1)
    """Share of the votes on one text that makes a majority clear."""
    near: float = Field(default=0.9, ge=0.7, le=1)
    """Texts this alike (Jaccard of character 5-grams), of the same numbers and negations, must not differ in label."""


def label(rows: Rows, *, label: LabelConfig, task: TaskConfig, context: Context) -> Rows:
    """Rows with one label each; dropped: "not labelled", "unknown label", "annotators disagree", "conflicting labels".

    Raises UserError when no row is labelled, or all carry the same label.
    """
    table = ordered(rows.kept.arrow(), task)
    given = targets(table, task)
    told: list[list[tuple[str, str]]] = [
        [(one["annotator"] or "", one["label"]) for one in found or [] if (one["label"] or "").strip()]
        for found in table.column("annotations").to_pylist()
    ]
    spelling = _spellings(task, [value for value in given if value], [name for found in told for _, name in found])
    ratings = [_ratings(value, found, spelling) for value, found in zip(given, told, strict=True)]
    context.progress("label", 1, 3)
    merged, agreement = _merge(ratings, label.merge)
    drops: dict[int, Drop] = {}
    for index, value in enumerate(merged):
        if value is None:
            unknown = (given[index] or "").strip() or told[index]
            reason = "annotators disagree" if ratings[index] else "unknown label" if unknown else "not labelled"
            drops[index] = Drop(reason)
    _refuse_one_class(merged, drops, task)
    context.progress("label", 2, 3)
    conflicts = _settle(table.column("id").to_pylist(), texts(table, task), merged, ratings, label)
    drops.update(conflicts.drops)
    _refuse_one_class([None if index in drops else value for index, value in enumerate(merged)], drops, task)
    changed = {index: ["label"] for index, value in enumerate(merged) if value is not None and value != given[index]}
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
    }
    context.progress("label", 3, 3)
    return Rows(kept=kept, dropped=dropped, facts=facts)


def _fold(spelled: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", spelled).casefold().split())


def _spellings(task: TaskConfig, given: Sequence[str], told: Sequence[str]) -> dict[str, str]:
    """Folded spelling -> label: the labels and aliases of the task; without labels, the most frequent spelling."""
    known: dict[str, str] = {}
    if task.labels is not None:
        for name in task.labels:
            if _fold(name) in known:
                raise RecipeError(
                    f"the labels {known[_fold(name)]!r} and {name!r} differ only in case or width: keep one",
                    f"标签 {known[_fold(name)]!r} 与 {name!r} 仅大小写或全半角不同:请只保留一个",
                    place="task.labels",
                )
            known[_fold(name)] = name
    else:
        counts = Counter(value.strip() for value in (*given, *told) if value.strip())
        for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            known.setdefault(_fold(name), name)
    for alias, name in task.aliases.items():
        if task.labels is not None and name not in task.labels:
            raise RecipeError(
                f"the alias {alias!r} stands for {name!r}, which is no label of the task: correct one of them",
                f"别名 {alias!r} 指向 {name!r},但它不在任务的标签中:请改正其中之一",
                place="task.aliases",
            )
        known[_fold(alias)] = name
    return known


def _ratings(given: str | None, told: Sequence[tuple[str, str]], spelling: Mapping[str, str]) -> dict[str, str]:
    """Annotator -> known label. An annotator's last word on a row counts."""
    found = {name: spelling.get(_fold(value)) for name, value in told}
    found[GIVEN] = spelling.get(_fold(given)) if given else None
    return {name: value for name, value in found.items() if value is not None}


def _merge(ratings: Sequence[Mapping[str, str]], method: str) -> tuple[list[str | None], dict[str, Any]]:
    """One label per row (None without ratings, or on a tie that the source's label cannot settle), and agreement."""
    people = Counter(name for votes in ratings for name in votes)
    several = [index for index, votes in enumerate(ratings) if len(votes) > 1]
    shared = [ratings[index] for index in several]
    weigh = method == "dawid_skene" or (method == "auto" and len(people) > 2 and len(several) >= _MODEL_ROWS)
    facts: dict[str, Any] = {
        "annotators": len(people),
        "rows": len(several),
        "method": "dawid_skene" if weigh and several else "majority",
        "unanimous": sum(len(set(votes.values())) == 1 for votes in shared) / len(shared) if shared else None,
        "fleiss_kappa": fleiss_kappa(shared),
        "krippendorff_alpha": krippendorff_alpha(shared),
    }
    if len(people) == 2:
        left, right = sorted(people)
        facts["cohen_kappa"] = cohen_kappa([votes[left] for votes in shared], [votes[right] for votes in shared])
    merged = [majority(votes) or votes.get(GIVEN) for votes in ratings]
    for index, votes in enumerate(ratings):  # a tie between others does not make the source's label right
        if majority(votes) is None and votes.get(GIVEN) is not None:
            counts = Counter(votes.values())
            merged[index] = votes[GIVEN] if counts[votes[GIVEN]] == max(counts.values()) else None
    if weigh and several:
        believed = dawid_skene(shared)
        facts["competence"] = {name: round(value, 4) for name, value in believed.competence.items()}
        facts["converged"] = believed.converged
        for index, chances in zip(several, believed.probabilities, strict=True):
            merged[index] = believed.labels[int(chances.argmax())]
    return merged, facts


class _Conflicts(NamedTuple):
    """What settling equal texts with different labels came to."""

    drops: dict[int, Drop]
    facts: dict[str, int]


def _settle(
    ids: Sequence[str],
    said: Sequence[str],
    merged: Sequence[str | None],
    ratings: Sequence[Mapping[str, str]],
    config: LabelConfig,
) -> _Conflicts:
    """Equal texts first, then near ones among those that are left; a row votes with the ratings that agree with it."""
    labelled = [index for index, value in enumerate(merged) if value is not None]
    keys = {index: match_key(said[index]) for index in labelled}
    guards = {index: distinguishing(said[index]) for index in labelled}
    drops: dict[int, Drop] = {}
    counts = {"conflicts_exact": 0, "conflicts_near": 0, "resolved": 0}
    for kind, threshold in (("conflicts_exact", 1.0), ("conflicts_near", config.near)):
        left = [index for index in labelled if index not in drops]
        pairs = near_pairs([keys[index] for index in left], threshold, guard=[guards[index] for index in left])
        for members in _together(left, pairs):
            votes: Counter[str] = Counter()
            for index in members:
                own = merged[index] or ""
                votes[own] += max(1, sum(value == own for value in ratings[index].values()))
            if len(votes) < 2 or (kind == "conflicts_near" and config.conflicts == "keep" and _same(members, keys)):
                continue
            counts[kind] += len(members)
            winner, most = votes.most_common(1)[0]
            share = most / votes.total()
            clear = config.conflicts == "majority" and share >= config.clear_majority
            counts["resolved"] += clear
            if config.conflicts != "keep":
                drops.update(_losers(members, merged, ids, winner if clear else None, share))
    return _Conflicts(drops=drops, facts={**counts, "dropped": len(drops)})


def _together(left: Sequence[int], pairs: Sequence[tuple[int, int, float]]) -> list[list[int]]:
    """Groups of two and more rows that pairs connect."""
    groups: dict[int, list[int]] = {}
    for place, root in enumerate(clusters(len(left), pairs)):
        groups.setdefault(root, []).append(left[place])
    return [members for members in groups.values() if len(members) > 1]


def _same(members: Sequence[int], keys: Mapping[int, str]) -> bool:
    return len({keys[index] for index in members}) == 1


def _losers(
    members: Sequence[int], merged: Sequence[str | None], ids: Sequence[str], winner: str | None, share: float
) -> dict[int, Drop]:
    """Who goes: all but the winners. The twin is the first row of the group that says otherwise."""
    found: dict[int, Drop] = {}
    for index in members:
        if merged[index] != winner:
            against = (ids[other] for other in members if merged[other] != merged[index])
            standing = (ids[other] for other in members if merged[other] == winner)
            found[index] = Drop("conflicting labels", min(standing, default=None) or min(against), share)
    return found


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
            f"{len(merged)} 行数据中没有一行在字段 {task.target!r} 里有可用的标签(去掉的行:{told});"
            "请检查 `task.target`、数据源中的字段名以及 `task.labels`",
            place="task.target",
        )
    name, count = next(iter(counts.items()))
    raise UserError(
        f"all {count} labelled rows carry one label {name!r} in the field {task.target!r} (rows that went: {told}); "
        "a classifier needs at least two classes: add rows of another one",
        f"字段 {task.target!r} 中全部 {count} 行有标签的数据都是同一个标签 {name!r}(去掉的行:{told});"
        "分类至少需要两个类别:请补充其他类别的数据",
        place="task.target",
    )
