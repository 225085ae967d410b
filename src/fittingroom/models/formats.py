"""DeepSeek's chat formats, and which of them a tokenizer speaks.

plain     `User: q\\n\\nAssistant: a` (LLM, MoE, V2)
turns     `<｜User｜>q<｜Assistant｜>a` (V2.5, V3)
thinking  like turns; the model thinks before it answers. R1 and its distilled models are made to, their template opens
          the answer with `<think>\\n`; R1-0528 does so by itself, its template leaves that out
switch    like turns, with `<think>` or `</think>` after `<｜Assistant｜>` (V3.1 and later)

V3.2 and V4 are published without a Jinja template, with Python code instead. Its chat form (system, user and assistant
turns) is the one of `switch`. Not covered of it: tools and their results, the roles developer and latest_reminder,
response formats, the sentence that V4 puts first for more effort at thinking.

Source: the chat templates of the `deepseek-ai` repositories. The tokenizer's own template is asked what it puts
before an answer and what it leaves of an earlier one, since the same tokenizer is published with several templates.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fittingroom.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"
THINK = "<think>"
THINK_END = "</think>"
DEEPSEEK_BOS = "<｜begin▁of▁sentence｜>"
EMPTY_THINK = f"{THINK}\n\n{THINK_END}\n\n"
"""A thought of which nothing is said, as R1 itself writes it where it answers at once."""
_PROBE = "q"
_THOUGHT = f"first{THINK_END}then"

ThinkPolicy = Literal["auto", "none", "empty", "keep"]
"""What stands between the assistant's mark and an answer.

none   nothing (V3.1 and later say that with `</think>`); reasoning is left out of answers and of earlier turns
empty  a finished, empty thought, without loss; reasoning is left out as well
keep   what the publisher's template puts there; reasoning in answers is learnt, in earlier turns it stays
auto   `empty` where the publisher's template opens every answer with a mark of thought, else `none`
"""


@dataclass(frozen=True)
class ChatFormat:
    """How turns are written, and what stands between the assistant's mark and its answer."""

    kind: Literal["plain", "turns", "thinking", "switch"]
    opening: str
    """What the publisher's template puts after the assistant's mark when an answer is asked for (of `switch`: when it
    may be thought about)."""
    empty_think: str
    """What stands there instead when the model shall answer at once; "" when it has no marks of thought."""
    system: Literal["first", "fold"]
    """`first`: the system text follows the BOS; `fold`: it opens the first user turn (the model was not trained with
    one).
    """
    history_mark: str = ""
    """What stands between the assistant's mark and an earlier answer."""
    drops_thoughts: bool = False
    """Whether the publisher's template leaves out what was thought before an earlier answer."""

    def policy(self, think: ThinkPolicy) -> Literal["none", "empty", "keep"]:
        """The policy that `auto` stands for. ModelError where the model has no marks of thought to write."""
        if think == "auto":
            return "empty" if self.opening.startswith((THINK, THINK_END)) else "none"
        if think != "none" and not self.empty_think:
            raise ModelError(
                f"the tokenizer of this model has no marks {THINK} and {THINK_END}: set model.think to auto or none",
                f"该模型的分词器没有 {THINK} 与 {THINK_END} 标记：请将 model.think 设为 auto 或 none",
                place=f"model.think = {think}",
            )
        return think

    def before_answer(self, think: Literal["none", "empty", "keep"]) -> str:
        """What stands between the assistant's mark and the answer that is asked for."""
        if think == "keep":
            return self.opening
        return self.empty_think if think == "empty" else self.history_mark


def chat_format(tokenizer: PreTrainedTokenizerFast) -> ChatFormat:
    """Find the format of a tokenizer; raises ModelError for one that is not DeepSeek's."""
    added, template = tokenizer.get_added_vocab(), str(tokenizer.chat_template or "")
    refuse_foreign(added, template, "model.base")
    if USER in added and ASSISTANT in added:
        return _marked_format(tokenizer, THINK in added and THINK_END in added)
    return ChatFormat("plain", "", "", "first" if "system" in template else "fold")


def refuse_foreign(added: Container[str], template: str, place: str) -> None:
    """Refuse added tokens and a template that belong to none of the formats. Raises ModelError."""
    if (USER in added and ASSISTANT in added) or "Assistant:" in template or (not template and DEEPSEEK_BOS in added):
        return
    raise ModelError(
        f"the tokenizer speaks none of DeepSeek's chat formats (no {USER} and {ASSISTANT} tokens): take the tokenizer "
        "files from the deepseek-ai repository of this model",
        f"分词器不属于 DeepSeek 的任何对话格式（没有 {USER} 与 {ASSISTANT}）："
        "请使用该模型在 deepseek-ai 仓库中的分词器文件",
        place=place,
    )


def _marked_format(tokenizer: PreTrainedTokenizerFast, thinks: bool) -> ChatFormat:
    opening = _said(tokenizer, [], prompt=True)
    if opening.startswith(THINK_END) or (thinks and not tokenizer.chat_template):
        return ChatFormat("switch", THINK, THINK_END, "first", THINK_END, True)
    drops = thinks and "first" not in _said(tokenizer, [{"role": "assistant", "content": _THOUGHT}], prompt=False)
    if opening.startswith(THINK):
        # The publisher advises against a system turn for R1.
        return ChatFormat("thinking", opening, EMPTY_THINK, "fold", "", drops)
    return ChatFormat("thinking" if drops else "turns", "", EMPTY_THINK if thinks else "", "first", "", drops)


def _said(tokenizer: PreTrainedTokenizerFast, answered: list[dict[str, str]], *, prompt: bool) -> str:
    """What the tokenizer's template writes after the assistant's mark; "" without a template."""
    if not tokenizer.chat_template:
        return ""
    from jinja2.exceptions import TemplateError

    turns = [{"role": "user", "content": _PROBE}, *answered]
    try:
        said = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt))
    except (TemplateError, TypeError, ValueError) as error:
        raise ModelError(
            f"the chat template of the tokenizer cannot be filled in ({type(error).__name__}): take the tokenizer "
            "files from the deepseek-ai repository of this model",
            f"分词器的对话模板无法使用（{type(error).__name__}）：请使用该模型在 deepseek-ai 仓库中的分词器文件",
            place="model.base",
        ) from error
    return said.rsplit(ASSISTANT, 1)[-1] if ASSISTANT in said else ""
