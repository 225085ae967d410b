"""Free answers of the base model before tuning, shown some examples from train in its prompt.

The examples stand as earlier turns, the same for every row. Facts that were handed in head the question that they
belong to, in the examples as in the row: in the system turn nobody could tell whose they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fittingroom.errors import UserError
from fittingroom.evaluating.setting import Setting, lot
from fittingroom.statistics.judging import Exam
from fittingroom.tasks.jobs import job_of

if TYPE_CHECKING:
    from fittingroom.models.render import Message
    from fittingroom.serving.predictor import Predictor

    Turns = list[Message]

_TRIED = 20
"""Rows that are looked at for each example that is wanted: the first ones drawn may be too long, or alike."""


def conversations(
    base: Predictor, inputs: Sequence[dict[str, str]], train: Exam, setting: Setting
) -> tuple[list[Turns], dict[str, int]]:
    """What asks for the answer to each input, examples included, and the facts: `examples` shown, `wanted`, and, under
    `fewer`, the rows so long that they leave room for some of them only. Raises UserError when not one example fits.
    """
    instruction = setting.task.instruction
    system = [{"role": "system", "content": instruction}] if instruction else []
    shown = _fitting(base, inputs, train, setting)
    asked, fewer = [], 0
    for given in inputs:
        own, kept = _turns(given, setting), shown
        while kept and _tokens(base, [*system, *_joined(kept), *own]) > base.reads:
            kept = kept[1:]  # a whole example at a time: half of one would be somebody's answer to nothing
        fewer += len(kept) < len(shown)
        asked.append([*system, *_joined(kept), *own])
    return asked, {"examples": len(shown), "wanted": setting.config.few_shot.examples, "fewer": fewer}


def _fitting(base: Predictor, inputs: Sequence[dict[str, str]], train: Exam, setting: Setting) -> list[Turns]:
    """Examples that the model can read in front of the longest question as training cut it; no answer stands twice."""
    wanted, job = setting.config.few_shot.examples, job_of(setting.task)
    room = base.reads - max(len(base.prompt_ids(given)[0]) for given in inputs)
    bare = _tokens(base, [{"role": "user", "content": ""}])
    drawn = sorted(range(len(train)), key=lambda place: lot(train.ids[place], setting.seed))
    shown: list[Turns] = []
    said: set[str] = set()
    for place in drawn[: wanted * _TRIED]:
        answer = job.answer(train.targets[place], setting.task, [])
        turns = [*_turns(train.inputs[place], setting), {"role": "assistant", "content": answer}]
        needs = _tokens(base, [*turns, {"role": "user", "content": ""}]) - bare
        if answer and answer not in said and needs <= room and len(shown) < wanted:
            shown.append(turns)
            said.add(answer)
            room -= needs
    if not shown:
        raise UserError(
            f"the base model reads {base.reads} tokens, which leaves no room for a single example",
            f"基座模型最多读取 {base.reads} 个 token，放不下一个示例",
            place="evaluate.few_shot",
        )
    return shown


def _turns(given: dict[str, str], setting: Setting) -> Turns:
    """One conversation without the instruction, its facts heading its last question."""
    uninstructed = setting.task.model_copy(update={"instruction": ""})
    asked = job_of(setting.task).messages(given, uninstructed, [])
    facts = "\n".join(turn["content"] for turn in asked if turn["role"] == "system")
    *before, last = [turn for turn in asked if turn["role"] != "system"]
    return [*before, {**last, "content": f"{facts}\n{last['content']}"} if facts else last]


def _joined(examples: Sequence[Turns]) -> Turns:
    return [turn for turns in examples for turn in turns]


def _tokens(base: Predictor, turns: Turns) -> int:
    return len(base.renderer.prompt_ids(turns))
