"""The input tells the answer.

What goes wrong
    A field is given to the model that was filled in after the answer was known: the stars beside the sentiment, the
    state of the refund beside the intent, the name of the label in a header of the text.
Why it hurts
    In the lab every score is nearly perfect. In service the field is empty or does not exist yet, and the model has
    learnt nothing else.
How it is detected
    Every input field of few different values (at most 50), and every `name: value` that at least half of the texts
    hold, is asked alone: for each value the most frequent label of train. On dev and calibration that is right on at
    least 95 % (lower end of the Wilson interval) and better than the most frequent label by at least 5 points. Also:
    nine rows in ten hold the name of their own label, and hardly any that of another.
What the remedy does
    Asks a person to take the field out of `task.input`; for a `name: value` inside the text it advises a rule that cuts
    it out.
Not detected
    Free text that gives the answer away in other words, and a field that tells the answer only together with others.
Source
    Kaufman, Rosset, Perlich, Leakage in Data Mining, TKDD 2012; Kapoor and Narayanan, Leakage and the Reproducibility
    Crisis, arXiv 2207.07048.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field

from fittingroom.pitfalls.rows import fields, gain_over_majority, sample, targets, texts
from fittingroom.tables import Table
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text

_PAIR = re.compile(r"(?:^|[\n，,;；|\s])([A-Za-z_\u3400-\u9fff]{1,16})\s?[:：=]\s?([^\s，,;；|:：=]{1,24})")
_MOST_ROWS = 10_000


class Settings(Frozen):
    """Limits."""

    values: int = Field(default=50, ge=2)
    """Different values of a field at most; a field of more is a text."""
    right: float = Field(default=0.95, gt=0, le=1)
    """Share of the held-out rows that a field alone may get right (lower end of the interval)."""
    gain: float = Field(default=0.05, ge=0, lt=1)
    """By how much it may beat the most frequent label."""


_Which = tuple[int, str]
"""Place and name of what is asked."""
_Given = tuple[list[str], list[str]]
"""Its values in train, and in the held-out parts."""


class _Told(NamedTuple):
    """A field that tells the answer."""

    number: int
    """Place among the input fields; -1 for a pair inside the text, -2 for the name of the label."""
    name: str
    right: float
    usual: float


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the field that tells most."""
    if splits.facts.get("free"):
        return  # an answer of its own for every row: no model of classes could be fitted
    train = sample(splits.train, _MOST_ROWS)
    parts = [sample(part, _MOST_ROWS) for part in (splits.dev, splits.calibration) if part.rows]
    known, wanted = targets(train), [label for part in parts for label in targets(part)]
    if len(wanted) < 30 or len(set(known)) < 2:
        return
    told = [_asked(found, given, known, wanted, settings) for found, given in _fields(train, parts, settings)]
    told.append(_named(train, parts, known, wanted))
    worst = max((one for one in told if one), key=lambda one: (one.right, one.name), default=None)
    if worst is None:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{worst.name} alone tells the label: at least {worst.right:.0%} right on held-out rows, "
            f"{worst.usual:.0%} by "
            "the most frequent label",
            zh=f"仅凭 {worst.name} 就能说出标签：留出数据上至少答对 {worst.right:.0%}，按最常见标签为 "
            f"{worst.usual:.0%}",
        ),
        measured={"right": worst.right, "majority": worst.usual, "field": float(worst.number)},
        limits={"right": settings.right},
        strength=max(1.0, worst.right / settings.right),
    )


def _fields(train: Table, parts: Sequence[Table], settings: Settings) -> Iterator[tuple[_Which, _Given]]:
    """What could be asked, with its values."""
    kind = train.schema.field("input").type
    names = [kind.field(place).name for place in range(kind.num_fields)]
    held = [fields(part, "input") for part in parts]
    for place, values in enumerate(fields(train, "input")):
        if len(names) > 1 and 1 < len(set(values)) <= settings.values:
            yield (place, f"`{names[place]}`"), (values, [value for part in held for value in part[place]])
    pairs = [dict(_PAIR.findall(text)) for text in texts(train)]
    others = [dict(_PAIR.findall(text)) for part in parts for text in texts(part)]
    for name, rows in Counter(key for found in pairs for key in found).most_common(20):
        given = [found.get(name, "") for found in pairs]
        if rows >= train.rows / 2 and 1 < len(set(given)) <= settings.values:
            yield (-1, f"`{name}:`"), (given, [found.get(name, "") for found in others])


def _asked(
    which: _Which, given: _Given, known: Sequence[str], wanted: Sequence[str], settings: Settings
) -> _Told | None:
    """What a field alone gets right, when that is too much."""
    votes: dict[str, Counter[str]] = {}
    for value, label in zip(given[0], known, strict=True):
        votes.setdefault(value, Counter())[label] += 1
    usual = min(Counter(known).items(), key=lambda item: (-item[1], item[0]))[0]
    answers = {value: min(found.items(), key=lambda item: (-item[1], item[0]))[0] for value, found in votes.items()}
    said = [answers.get(value, usual) for value in given[1]]
    _, majority, gain = gain_over_majority(known, said, wanted)
    right = _wilson(sum(one == label for one, label in zip(said, wanted, strict=True)), len(wanted))
    return _Told(*which, right, majority) if right >= settings.right and gain >= settings.gain else None


def _wilson(hits: int, rows: int) -> float:
    """Lower end of the 95 % interval of a share (Wilson 1927)."""
    share, z = hits / rows, 1.96
    middle = share + z * z / (2 * rows)
    return (middle - z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))) / (1 + z * z / rows)


def _named(train: Table, parts: Sequence[Table], known: Sequence[str], wanted: Sequence[str]) -> _Told | None:
    """Whether texts hold the names of their own labels: nine in ten do, and one in fifty another's."""
    names = sorted(set(known))
    if any(len(name) < 2 for name in names):
        return None
    said = [text.casefold() for table in (train, *parts) for text in texts(table)]
    own = others = 0
    for text, label in zip(said, [*known, *wanted], strict=True):
        held = {name for name in names if name.casefold() in text}
        own += label in held
        others += bool(held - {label})
    most = Counter(wanted).most_common(1)[0][1] / len(wanted)
    right = own / len(said)
    return _Told(-2, "the label's name / 标签名", right, most) if right >= 0.9 and others <= 0.02 * len(said) else None


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The field goes, when a person agrees."""
    number, inputs = int(finding.measured["field"]), list(used["task"]["input"])
    if number < 0 or len(inputs) < 2:
        return Remedy(
            title=Text(
                en="Cut it out of the texts (`prepare.clean.rules`): in service it is not there yet",
                zh="用 `prepare.clean.rules` 从文本中去掉：上线时它还不存在",
            ),
            safety=Safety.ADVICE,
        )
    name = inputs.pop(number)
    return Remedy(
        title=Text(en=f"Take `{name}` out of the input", zh=f"把 `{name}` 移出输入"),
        safety=Safety.ASK,
        patch={"task.input": inputs},
        expectation=Text(en="scores fall to what they are worth in service", zh="分数回落到上线后的真实水平"),
    )


ZH = Page(
    title="输入里写着答案",
    what_goes_wrong="给模型的某个字段是在知道答案之后才填的：情感旁边的星级，意图旁边的退款状态，文本抬头里的标签名。",
    why_it_hurts="实验室里分数几乎满分。上线后该字段是空的或尚不存在，而模型别的什么也没学。",
    how_it_is_detected="对取值很少（最多 50 个）的每个输入字段，以及至少一半文本都有的“名称：值”，单独提问：每个"
    "取值答训练集中最常见的标签。在开发集与校准集上答对至少 95%（Wilson 区间下限），且比最常"
    "见标签高至少 5 个百分点。另外：十行有九行含有自己标签的名字，而几乎不含别的标签名。",
    what_the_remedy_does="请人确认后把该字段移出 `task.input`；若是文本内的“名称：值”，建议用规则去掉。",
    not_detected="用别的话透露答案的自由文本；要与其他字段合起来才透露答案的字段。",
    source="Kaufman、Rosset、Perlich，TKDD 2012；Kapoor、Narayanan，arXiv 2207.07048。",
)

PITFALL = Pitfall("target-in-the-input", "split", Settings(), detect, remedy, ZH, rank=5)
