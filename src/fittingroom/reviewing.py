"""`review`: the rows whose labels people should look at go out in a file, and their decisions come back.

**What to relabel next comes first.** Rows are ranked by what a look at them is expected to change:

    value = change x (1 + disagreement) x rarity

change: the confidence of the suggestion; of a label that the audit replaced already, the rest (a look only helps where
the suggestion is wrong). disagreement: the share of the people's votes on the row that speak against the label given.
rarity: the root of (mean rows of a class / rows of the rarer of the two labels), from 1/3 to 3. Ties go by id.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fittingroom import sheets
from fittingroom.config import RunConfig
from fittingroom.errors import StoreError, UserError
from fittingroom.history import History
from fittingroom.sources import decisions
from fittingroom.sources.decisions import Decision
from fittingroom.store import Store
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rules import hold
from fittingroom.tasks.spelling import folded, spellings
from fittingroom.text.redact import find_personal
from fittingroom.types import Frozen, Output, Rows, Splits

O = TypeVar("O", bound=Output)  # noqa: E741 - the conventional letter of an output type

COLUMNS = (
    "id", "part", "text", "given", "suggested", "confidence", "reason", "value", "label", "annotator",
)  # fmt: skip
_CONTESTED = ("annotators disagree", "rules disagree", "conflicting labels")
"""Rows that `label` dropped, and that a person's word brings back."""


class Decided(Frozen):
    """What a hand-in came to."""

    rows: int
    """Rows of the file that were filled in."""
    new: int
    """Decisions that were not known yet."""
    labels: dict[str, int]
    """Label -> rows."""
    annotators: list[str]


def write_review(root: Path, history: History, folder: Path, out: Path, form: str = "") -> int:
    """Write the review queue of a run, most valuable rows first; returns the number of rows.

    Texts are the redacted ones. The columns `label` and `annotator` are empty, for people to fill in. Rows that were
    decided since are left out.
    """
    form = sheets.format_of(out, form)
    splits = _output(root, history, folder, "audit", Splits)
    labelled = _output(root, history, folder, "label", Rows)
    config = history.config(folder)
    done = {one.id for one in decisions.read(root) if one.by == "review"}
    rows = [row for row in queue(splits, labelled, config) if row["id"] not in done]
    known = sorted(set(config.task.all_labels or ()) | set(labelled.facts["classes"]))
    sheets.write(out, rows, COLUMNS, form, known)
    return len(rows)


def take_decisions(root: Path, history: History, folder: Path, file: Path, form: str = "", by: str = "") -> Decided:
    """Read a filled-in review file and keep what people decided in the workspace; the next run goes by it.

    `by` names the annotator of rows that name none. Raises UserError that names file, row and field for an unknown id
    or label, a decision without a name, or one person's two labels for one row; then nothing is kept.
    """
    form = sheets.format_of(file, form)
    ids = _known_ids(root, history, folder)
    spelling = _known_labels(_output(root, history, folder, "label", Rows), history.config(folder))
    found: dict[tuple[str, str], tuple[str, Decision]] = {}
    rows = 0
    for line in sheets.read(file, form, ("id", "label")):
        if not line.cells.get("label"):
            continue
        rows += 1
        one = _decision(line, ids, spelling, by)
        place, before = found.get((one.id, one.annotator), ("", one))
        if before.label != one.label:
            raise UserError(
                f"{one.annotator} gives this row another label than at {place}: leave one of them",
                f"{one.annotator} 给该行的标签与 {place} 处不同：请只保留一个",
                place=f"{line.place}, label",
            )
        found[one.id, one.annotator] = (line.place, one)
    return keep([one for _, one in found.values()], root, rows)


def keep(found: Sequence[Decision], root: Path, rows: int) -> Decided:
    """Keep decisions, and say what they are."""
    return Decided(
        rows=rows,
        new=decisions.add(root, found),
        labels=dict(sorted(Counter(one.label for one in found if one.label).items())),
        annotators=sorted({one.annotator for one in found}),
    )


# ---------------------------------------------------------------------------------------------- in


def _decision(line: sheets.Line, ids: set[str], spelling: Mapping[str, str], by: str) -> Decision:
    """One filled-in row, checked."""
    name, said = line.cells.get("id", ""), line.cells["label"]
    if name not in ids:
        mangled = "E+" in name.upper()
        hint = "; a spreadsheet turned it into a number: use .xlsx" if mangled else ""
        hint_zh = "；表格软件把它变成了数字：请改用 .xlsx" if mangled else ""
        raise UserError(
            f"this id is none of the run's rows{hint}; hand the file in with the run that it was written from",
            f"该 id 不属于这次运行的数据{hint_zh}；请指明写出该文件的运行",
            place=f"{line.place}, id",
        )
    label = spelling.get(folded(said))
    if label is None:
        raise unknown_label(said, sorted(set(spelling.values())), f"{line.place}, label")
    annotator = signed(line.cells.get("annotator") or by, f"{line.place}, annotator")
    return Decision(id=name, label=label, annotator=annotator, at=_when(line.cells.get("at", "")), by="review")


def signed(name: str, place: str) -> str:
    """The name of who decided, which rows carry from then on: of an e-mail address the part before the @; no telephone
    or card number. Raises UserError.
    """
    name = name.strip()
    name = name.split("@", 1)[0] if "@" in name else name
    if not name:
        raise UserError(
            "a decision needs a name: fill in `annotator`, or give --by NAME for the whole file",
            "每个决定都要有名字：请填写 annotator 列，或用 --by 给整个文件署名",
            place=place,
        )
    if any(kind != "name" for kind, _, _ in find_personal(name)):
        raise UserError(
            "is personal data (a number that leads to a person): sign with a name or a staff number",
            "含有个人信息（可追溯到个人的号码）：请用名字或工号署名",
            place=place,
        )
    return name


def unknown_label(said: str, known: Sequence[str], place: str) -> UserError:
    """The error for a label that is none. What was typed is not quoted: with a shifted column it would be a customer's
    text.
    """
    near = difflib.get_close_matches(said, known, n=1)
    hint, hint_zh = (f" (did you mean {near[0]!r}?)", f"（是否指 {near[0]!r}？）") if near else ("", "")
    listed, more = ", ".join(known[:20]), len(known) - 20
    rest = f", … ({more} more)" if more > 0 else ""
    return UserError(
        f"is no label of the task{hint}; there are: {listed}{rest}. A new one belongs into `task.labels` first",
        f"不是任务的标签{hint_zh}；现有：{listed}{rest}。新标签请先加入 `task.labels`",
        place=place,
    )


def _when(said: str) -> str:
    """A time in one form, so that times can be compared; now, where none is given or it cannot be read."""
    try:
        given = datetime.fromisoformat(said)
    except ValueError:
        return decisions.now()
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def _known_ids(root: Path, history: History, folder: Path) -> set[str]:
    """Ids of the rows that were read: every one of them may be decided."""
    rows = _output(root, history, folder, "prepare", Rows)
    return {name for batch in rows.kept.batches() for name in batch.column("id").to_pylist()}


def _known_labels(labelled: Rows, config: RunConfig) -> dict[str, str]:
    """Folded spelling -> label: those of the task, else those that the rows carry and that the rules name."""
    seen = Counter(labelled.facts["classes"])
    if config.task.all_labels is None:
        seen.update(rule.label for rule in config.label.rules if rule.label not in seen)
        dropped = labelled.dropped.frame()
        gone = dropped.filter(dropped["reason"].is_in(_CONTESTED))
        seen.update(name for name in _targets(gone.to_dicts(), config.task) if name and name not in seen)
    return spellings(config.task, seen)


# ---------------------------------------------------------------------------------------------- out


class _Doubt(NamedTuple):
    """A row, and what speaks against its label."""

    row: Mapping[str, Any]
    """Of the review table, or of the dropped rows."""
    part: str
    given: str
    suggested: str
    confidence: float
    reason: str


def queue(splits: Splits, labelled: Rows, config: RunConfig) -> list[dict[str, sheets.Cell]]:
    """Every doubtful row with its value, the most valuable first."""
    classes: dict[str, int] = labelled.facts["classes"]
    found: list[dict[str, sheets.Cell]] = []
    for doubt in (*_audited(splits), *_contested(labelled, config)):
        fields: dict[str, str | None] = doubt.row["input"]
        found.append(
            {
                "id": doubt.row["id"],
                "part": doubt.part,
                "text": "\n".join(text for text in fields.values() if text),
                "given": doubt.given,
                "suggested": doubt.suggested,
                "confidence": round(doubt.confidence, 6),
                "reason": doubt.reason,
                "value": round(value_of(doubt, classes), 6),
                "label": "",
                "annotator": "",
            }
        )
    return sorted(found, key=lambda row: (-float(row["value"] or 0), str(row["id"])))


def value_of(doubt: _Doubt, classes: Mapping[str, int]) -> float:
    """What a look at the row is expected to change: the rule of this module. `classes`: label -> rows."""
    mean = sum(classes.values()) / max(1, len(classes))
    rarest = min((classes.get(name, 1) for name in (doubt.given, doubt.suggested) if name), default=mean)
    rarity = min(3.0, max(1 / 3, (mean / max(1, rarest)) ** 0.5))
    change = 1 - doubt.confidence if doubt.reason == "relabelled" else doubt.confidence
    votes = [vote["label"] for vote in doubt.row["annotations"] or [] if vote["label"]]
    disagreement = sum(vote != doubt.given for vote in votes) / len(votes) if votes else 0.0
    return float(change * (1 + disagreement) * rarity)


def _audited(splits: Splits) -> Iterator[_Doubt]:
    """What the audit flagged."""
    flagged = splits.review.dicts() if splits.review is not None else []
    rows = _rows_of([*splits.parts().values(), splits.dropped], {row["id"] for row in flagged})
    for row in flagged:
        yield _Doubt(
            rows[row["id"]], row["part"], row["given"], row["suggested"], row["confidence"] or 0.0, row["reason"]
        )


def _contested(labelled: Rows, config: RunConfig) -> Iterator[_Doubt]:
    """What `label` could not settle: people or rules that contradict each other, equal texts with different labels."""
    frame = labelled.dropped.frame()
    frame = frame.filter(frame["reason"].is_in(_CONTESTED))
    rows = frame.to_dicts()
    twins = _rows_of([labelled.kept, labelled.dropped], {row["twin"] for row in rows if row["twin"]})
    torn = frame.filter(frame["reason"] == "rules disagree")
    weak = hold(Table.of(torn), config.label.rules, config.task) if torn.height else None
    place = {name: index for index, name in enumerate(torn["id"].to_list())}
    for row, given in zip(rows, _targets(rows, config.task), strict=True):
        votes = Counter(vote["label"] for vote in row["annotations"] or [] if vote["label"])
        suggested, confidence = "", 0.0
        if row["reason"] == "conflicting labels" and row["twin"] in twins:
            suggested = _targets([twins[row["twin"]]], config.task)[0] or ""
            confidence = row["score"] or 0.0
        elif row["reason"] == "rules disagree" and weak is not None:
            index = place[row["id"]]
            suggested = weak.labels(index)[0]
            named = [config.label.rules[number].label for number in weak.votes[index]]
            confidence = named.count(suggested) / len(named)
        elif votes:
            votes.update([given] if given else [])
            suggested = min(votes, key=lambda name: (-votes[name], name))
            confidence = votes[suggested] / votes.total()
        yield _Doubt(row, "dropped", given or "", suggested, confidence, row["reason"])


def _rows_of(tables: Sequence[Table], wanted: set[str]) -> dict[str, dict[str, Any]]:
    """Rows by id."""
    found: dict[str, dict[str, Any]] = {}
    for table in tables:
        frame = table.frame()
        found |= {row["id"]: row for row in frame.filter(frame["id"].is_in(sorted(wanted))).iter_rows(named=True)}
    return found


def _targets(rows: Sequence[Mapping[str, Any]], task: TaskConfig) -> list[str | None]:
    return [row["target"][task.target] for row in rows]


def _output(root: Path, history: History, folder: Path, stage: str, kind: type[O]) -> O:
    """What a stage of this run put out, if it is still there."""
    digest = history.summary(folder).digests.get(stage)
    store = Store(root)
    if not digest or not store.has(digest):
        raise StoreError(
            f"this run has no output of `{stage}` (any more); run its recipe again",
            f"该运行没有（或不再有）`{stage}` 的结果；请重新运行其配方",
            place=f"runs/{folder.name}",
        )
    return store.load(digest, kind)
