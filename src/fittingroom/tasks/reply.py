"""Reply: the next answer of a conversation, grounded on facts that are handed in.

The application looks the facts up (goods card, stock, the state of the order) and hands them in with the question; they
are told in the system turn and never learnt by heart. What is learnt is only what was resolved and what the facts
support: a model that is shown answers beyond its facts learns to make them up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fittingroom.statistics.generation.grounding import unsupported
from fittingroom.statistics.generation.habits import hands_over
from fittingroom.statistics.generation.tokens import normal, tokens
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.job import Job, Unlabelled
from fittingroom.tasks.reply_config import ReplyConfig
from fittingroom.tasks.rows import inputs_of, targets

if TYPE_CHECKING:
    import pyarrow as pa

NO_QUESTION, BLANK, UNRESOLVED, UNSUPPORTED = (
    "no question",
    "blank answer",
    "not resolved",
    "not supported by its facts",
)
_ROLES = ("user", "assistant")
_BARE = re.compile(r"\d|(?:yes|true|是|有)\s*$", re.IGNORECASE)
"""A value that says nothing without the name of its field."""


def settings(task: TaskConfig) -> ReplyConfig:
    """The section `task.reply`, or its defaults."""
    return task.reply or ReplyConfig()


def question(given: Mapping[str, str], task: TaskConfig) -> str:
    """What is asked now: the input fields that are neither history nor facts nor hidden. One stands alone; several are
    named, one a line, and those without a value are left out.
    """
    apart = set(settings(task).fields())
    names = [name for name in task.input if name not in apart]
    if len(names) == 1:
        return given.get(names[0], "").strip()
    return "\n".join(f"{name}: {given[name].strip()}" for name in names if given.get(name, "").strip())


def facts_of(given: Mapping[str, str], task: TaskConfig) -> dict[str, str]:
    """The facts that are handed in with one question, those without a value left out."""
    return {name: given[name].strip() for name in settings(task).facts if given.get(name, "").strip()}


def evidence(facts: Mapping[str, str]) -> list[str]:
    """The facts as texts to compare an answer with: a number or a yes behind the name of its field, which may say what
    it counts (`stock: 3` is no price) or grants (`free shipping: yes`).
    """
    return [f"{name.replace('_', ' ')}: {value}" if _BARE.match(value) else value for name, value in facts.items()]


def history_of(given: Mapping[str, str], task: TaskConfig) -> list[dict[str, str]]:
    """What was said before, in turns. A text that is no list of turns is one turn of the user's; turns that say nothing
    go, and two of one speaker in a row become one.
    """
    text = given.get(settings(task).history, "").strip() if settings(task).history else ""
    if not text:
        return []
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(turn, dict) for turn in found):
        return [{"role": "user", "content": text}]
    return joined([(str(turn.get("role", "")), str(turn.get("content") or "")) for turn in found])


def joined(turns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Turns of user and assistant that say something; of one speaker in a row they are one, line by line."""
    made: list[dict[str, str]] = []
    for role, said in turns:
        if role not in _ROLES or not said.strip():
            continue
        if made and made[-1]["role"] == role:
            made[-1] = {"role": role, "content": f"{made[-1]['content']}\n{said.strip()}"}
        else:
            made.append({"role": role, "content": said.strip()})
    return made


def must_hand_over(given: Mapping[str, str], wanted: str, task: TaskConfig) -> bool:
    """Whether a row must be handed over to a person: it is marked so, or a person's answer did it."""
    config = settings(task)
    if not config.hand_over:
        return False
    return _yes(given.get(config.must_hand_over, ""), config) or hands_over(wanted, config.hand_over)


def said_by_customer(given: Mapping[str, str], task: TaskConfig) -> list[str]:
    """The customer's own words, now and before."""
    before = [turn["content"] for turn in history_of(given, task) if turn["role"] == "user"]
    return [*before, question(given, task)]


def _yes(value: str, config: ReplyConfig) -> bool:
    return normal(value).strip() in {normal(word).strip() for word in config.resolved_values}


def why_not(given: Mapping[str, str], target: str | None, task: TaskConfig) -> str:
    """Why a row must not be learnt from; "" for a good one."""
    config = settings(task)
    if not tokens(target or ""):
        return BLANK
    if not question(given, task) and not any(turn["role"] == "user" for turn in history_of(given, task)):
        return NO_QUESTION
    if config.resolved and not _yes(given.get(config.resolved, ""), config):
        return UNRESOLVED
    facts = facts_of(given, task)
    if config.facts and unsupported(target or "", evidence(facts), said_by_customer(given, task)):
        return UNSUPPORTED
    return ""


class _Reply(Unlabelled):
    """The job; see `Job` for what each part says."""

    kind = "reply"
    metrics = (
        "rouge_l",
        "bleu",
        "chrf",
        "token_f1",
        "exact_match",
        "fact_consistency",
        "hand_over_recall",
        "length_fits",
        "unrepeated",
        "answered",
    )

    def messages(self, given: Mapping[str, str], task: TaskConfig, labels: Sequence[str]) -> list[dict[str, str]]:
        """Instruction and facts, one a line, in the system turn, where a long question cannot push them out."""
        facts = [f"{name}: {value}" for name, value in facts_of(given, task).items()]
        system = "\n".join([*([task.instruction] if task.instruction else []), *facts])
        asked = [{"role": "system", "content": system}] if system else []
        said = [(turn["role"], turn["content"]) for turn in history_of(given, task)]
        turns = joined([*said, ("user", question(given, task))])
        if not turns or turns[-1]["role"] != "user":
            turns.append({"role": "user", "content": ""})
        return [*asked, *turns]

    def answer(self, target: str, task: TaskConfig, labels: Sequence[str]) -> str:
        return target.strip()

    def learnable(self, table: pa.Table, task: TaskConfig) -> list[str]:
        rows = zip(inputs_of(table), targets(table, task), strict=True)
        return [why_not(given, target, task) for given, target in rows]


JOB: Job = _Reply()
