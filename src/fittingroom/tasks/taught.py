"""Repeated rows in a teacher's words: which replies may stand in the place of a repeated row, and which may not.

A reply is used when it is new, keeps the numbers and placeholders of its row, comes near no row that models are judged
on, and still looks like its label to a linear model of the training rows. Of every other the reason is kept, and the
row is repeated as without a teacher.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.models.endpoint_config import EndpointConfig
from fittingroom.models.teacher import Answer, Question, TeacherConfig, ask_all, safe_texts
from fittingroom.statistics.linear import LinearText, fit_linear
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import Drop, dropped, labels, replaced, texts
from fittingroom.text.similarity import match_key, pairs_across

if TYPE_CHECKING:
    import pyarrow as pa

_FEWEST = 20
"""Training rows below which no linear model can say anything about a label."""
_NEAR = 0.8
_SURE = 0.5
_VALUES = re.compile(r"\[[A-Z_]+(?:_[a-p]{16})?\]|\d+(?:[.,:]\d+)*")


class Taught(NamedTuple):
    """What the teacher's replies came to, for the repeated rows in their order."""

    inputs: list[dict[str, str]]
    """The fields of every row: the teacher's where they can be used, else as they were."""
    rules: dict[int, list[str]]
    """Row -> what to note in its `edits`, for rows in the teacher's words."""
    dropped: Table
    """Replies that are not used, each with its reason; the twin is the row that it was asked for."""
    facts: dict[str, Any]


def taught(
    again: pa.Table,
    train: pa.Table,
    judged: Sequence[Table],
    config: TeacherConfig,
    endpoints: Mapping[str, EndpointConfig],
    *,
    task: TaskConfig,
    seed: int,
    context: Context,
) -> Taught:
    """Ask for every field of the repeated rows `again`, up to `max_calls`, and judge the replies.

    `judged` are the parts that no training row may come near. Raises UserError when the teacher cannot be asked.
    """
    given: list[dict[str, str]] = again.column("input").to_pylist()
    ids: list[str] = again.column("id").to_pylist()
    groups: list[str | None] = again.column("group").to_pylist()
    names = labels(again, task)
    asked: list[tuple[int, str]] = []
    for place, fields in enumerate(given):
        filled = [(place, field) for field, text in fields.items() if text and text.strip()]
        if len(asked) + len(filled) > config.max_calls:
            break
        asked += filled
    questions = []
    for place, field in asked:
        row, _, number = ids[place].rpartition("~")
        questions.append(Question(row, groups[place], given[place][field], names[place], int(number)))
    answers, account = ask_all(questions, config, endpoints, context)
    told: dict[int, dict[str, Answer]] = {}
    for (place, field), answer in zip(asked, answers, strict=True):
        told.setdefault(place, {})[field] = answer
    inputs = [
        fields | {field: answer.text for field, answer in told.get(place, {}).items()}
        for place, fields in enumerate(given)
    ]
    safe: dict[int, dict[str, str]] = {}
    for (place, field), text in zip(asked, safe_texts([one.text for one in questions], context), strict=True):
        safe.setdefault(place, {})[field] = text
    faults = _Judge(train, judged, task, seed).faults(replaced(again, task, "input", inputs), safe, told, names)
    good = [place for place in told if place not in faults]
    facts = {
        "asked": len(told),
        "used": len(good),
        "dropped": dict(sorted(Counter(faults.values()).items())),
        "tokens_in": sum(answer.tokens_in for answer in answers),
        "tokens_out": sum(answer.tokens_out for answer in answers),
        "models": account.models,
        "cost": account.cost,
        "currency": account.currency,
    }
    return Taught(
        inputs=[inputs[place] if place in good else fields for place, fields in enumerate(given)],
        rules={
            place: ["teacher", *sorted({rule for answer in told[place].values() for rule in answer.edits})]
            for place in good
        },
        dropped=_refused(again, task, inputs, faults),
        facts=facts,
    )


class _Judge:
    """Whether a reply may stand for its row."""

    def __init__(self, train: pa.Table, judged: Sequence[Table], task: TaskConfig, seed: int) -> None:
        self._task = task
        own = texts(train, task)
        self._taken = {match_key(text) for text in own}
        self._judged = [match_key(text) for table in judged for text in texts(table.arrow(), task)]
        names = labels(train, task)
        self._model: LinearText | None = None
        if len(names) >= _FEWEST and len(set(names)) > 1 and min(Counter(names).values()) > 1:
            groups = [group or name for group, name in zip(
                train.column("cluster").to_pylist(), train.column("id").to_pylist(), strict=True)]  # fmt: skip
            self._model = fit_linear(own, names, seed=seed, groups=groups)

    def faults(
        self,
        replies: pa.Table,
        asked: dict[int, dict[str, str]],
        told: dict[int, dict[str, Answer]],
        names: Sequence[str],
    ) -> dict[int, str]:
        """Row -> why its reply is not used. Of equal replies the first is used."""
        places = sorted(told)
        said = texts(replies, self._task)
        found = {place: fault for place in places if (fault := _fault(asked[place], told[place]))}
        keys = {place: match_key(said[place]) for place in places}
        near = {i for i, _, _ in pairs_across([keys[place] for place in places], self._judged, _NEAR)}
        others = self._mistaken([said[place] for place in places], [names[place] for place in places])
        for index, place in enumerate(places):
            if place in found:
                continue
            if keys[place] in self._taken:
                found[place] = "copy"
            elif index in near:
                found[place] = "near a judged row"
            elif index in others:
                found[place] = "another label"
            else:
                self._taken.add(keys[place])
        return found

    def _mistaken(self, said: Sequence[str], names: Sequence[str]) -> set[int]:
        """Replies that the linear model takes for another label, and is rather sure of it."""
        if self._model is None or not said:
            return set()
        chances = self._model.predict_proba(list(said))
        best = chances.argmax(axis=1)
        return {
            place
            for place, name in enumerate(names)
            if self._model.labels[best[place]] != name and chances[place, best[place]] >= _SURE
        }


def _fault(fields: dict[str, str], told: dict[str, Answer]) -> str:
    """What is wrong with a reply, as seen from the reply and its row alone."""
    for field, answer in told.items():
        asked = fields[field]
        if answer.fault:
            return answer.fault
        if match_key(answer.text) == match_key(asked):
            return "copy"
        if len(answer.text) > 3 * len(asked) + 60:
            return "too long"
        if sorted(_VALUES.findall(answer.text)) != sorted(_VALUES.findall(asked)):
            return "other numbers"
    return ""


def _refused(again: pa.Table, task: TaskConfig, inputs: list[dict[str, str]], faults: dict[int, str]) -> Table:
    """Replies that are not used, as dropped rows with ids of their own: `…~1~reply`."""
    import pyarrow as pa

    rows = replaced(again, task, "input", inputs)
    ids: list[str] = rows.column("id").to_pylist()
    named = [f"{name}~reply" for name in ids]
    rows = rows.set_column(rows.schema.get_field_index("id"), "id", pa.array(named, pa.string()))
    drops = {place: Drop(f"teacher: {fault}", ids[place].rpartition("~")[0]) for place, fault in sorted(faults.items())}
    return dropped(rows, task, drops)
