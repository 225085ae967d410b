"""The publisher's chat template beside what the renderer writes.

The renderer needs the template only to know the format; whoever serves the bundle elsewhere fills in the template
itself. So a template of another family, or one whose marks are no tokens, is found here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from fittingroom.models.formats import ASSISTANT

if TYPE_CHECKING:
    from fittingroom.training.preflight import Subject

_COMPARED = 40
"""Prompts that are rendered twice at most: what goes wrong here goes wrong in every row."""
_MARK = re.compile(r"[<＜]\s?[|｜][^<>|｜\n]{1,40}[|｜]\s?[>＞]")
_FOREIGN = re.compile(r"\[/?INST\]|<<SYS>>|### ?(?:Instruction|Response)|<(?:start|end)_of_turn>")
_OWN = ("<｜User｜>", "<｜Assistant｜>", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>")


def template(subject: Subject) -> tuple[dict[str, float], list[str]]:
    """Whether there is a template; marks in what it writes that are no tokens: of DeepSeek's in another width
    (`half_width`) and of other families (`foreign`); prompts that differ from the renderer's up to where the answer is
    asked for, what is meant to differ left out (system text folded, mark of thought, marks in texts).
    """
    tokenizer, renderer = subject.tokenizer, subject.renderer
    if not tokenizer.chat_template:
        return {"there": 0.0}, []
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}]
    said = str(tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True))
    added = tokenizer.get_added_vocab()
    half, foreign = _strange(said, added)
    compared, differ = 0, []
    for at in spread(min(len(subject.messages), len(subject.rows))):
        row, turns = subject.rows.row_ids[at], subject.messages[at]
        if any(_marked(turn["content"], added) for turn in turns):
            continue
        folded = renderer.folded(turns)
        text = str(tokenizer.apply_chat_template(folded, tokenize=False, add_generation_prompt=True))
        theirs = tokenizer.encode(text, add_special_tokens=False)
        compared += 1
        if _asked(theirs, added.get(ASSISTANT)) != _asked(renderer.prompt_ids(turns), added.get(ASSISTANT)):
            differ.append(row)
    numbers = {
        "there": 1.0, "prompts": float(compared), "differ": float(len(differ)),
        "half_width": float(half), "foreign": float(foreign),
    }  # fmt: skip
    return numbers, differ


def spread(count: int) -> list[int]:
    """Some of so many rows, evenly over all."""
    return sorted(
        {at * count // _COMPARED for at in range(min(count, _COMPARED))} if count > _COMPARED else range(count)
    )


def _strange(said: str, added: Collection[str]) -> tuple[int, int]:
    """Marks that are no tokens: DeepSeek's in another width, and those of other families."""
    own = {_folded(mark) for mark in _OWN}
    written = set(_MARK.findall(said)) - set(added)
    half = sum(_folded(mark) in own for mark in written)
    return half, len(written) - half + len(set(_FOREIGN.findall(said)))


def _folded(mark: str) -> str:
    return unicodedata.normalize("NFKC", mark).replace("▁", "_").replace(" ", "").casefold()


def _marked(text: str, added: Collection[str]) -> bool:
    """Whether a text holds what the template is made of; there the two are meant to differ."""
    if "User:" in text or "Assistant:" in text:
        return True
    return any(sign in text for sign in "<[") and any(mark in text for mark in added)


def _asked(ids: Sequence[int], mark: int | None) -> list[int]:
    """The ids up to where the answer is asked for."""
    if mark is None or mark not in ids:
        return list(ids)
    return list(ids[: len(ids) - list(reversed(ids)).index(mark)])
