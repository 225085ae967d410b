"""DeepSeek's chat formats, and which of them a tokenizer speaks.

plain     `User: q\\n\\nAssistant: a` (LLM, MoE, V2)
turns     `<｜User｜>q<｜Assistant｜>a` (V2.5, V3)
thinking  like turns, and the model's answer opens with `<think>\\n` (R1 and its distilled models)
switch    like turns, with `<think>` or `</think>` after `<｜Assistant｜>` (V3.1 and later, with or without a Jinja
template)

Source: the chat templates of the `deepseek-ai` repositories. The tokenizer's own template is asked what it puts
before an answer, since the same tokenizer is published with several templates.
"""

from __future__ import annotations

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
_PROBE = "q"


@dataclass(frozen=True)
class ChatFormat:
    """How turns are written, and what stands between the assistant's mark and its answer."""

    kind: Literal["plain", "turns", "thinking", "switch"]
    opening: str
    """What the publisher's template puts after the assistant's mark when an answer is asked for."""
    empty_think: str
    """What stands there instead when the model shall answer at once: a finished, empty thought; "" when it never
    thinks.
    """
    system: Literal["first", "fold"]
    """`first`: the system text follows the BOS; `fold`: it opens the first user turn (the model was not trained with
    one).
    """
    history_mark: str = ""
    """What stands between the assistant's mark and an earlier answer."""


def chat_format(tokenizer: PreTrainedTokenizerFast) -> ChatFormat:
    """Find the format of a tokenizer; raises ModelError for one that is not DeepSeek's."""
    added = tokenizer.get_added_vocab()
    if USER in added and ASSISTANT in added:
        return _marked_format(_opening(tokenizer, ASSISTANT), THINK in added, bool(tokenizer.chat_template))
    template = str(tokenizer.chat_template or "")
    if "Assistant:" in template or (not template and DEEPSEEK_BOS in added):
        return ChatFormat("plain", "", "", "first" if "system" in template else "fold")
    raise ModelError(
        f"the tokenizer speaks none of DeepSeek's chat formats (no {USER} and {ASSISTANT} tokens): take the tokenizer "
        "files from the deepseek-ai repository of this model",
        f"分词器不属于 DeepSeek 的任何对话格式（没有 {USER} 与 {ASSISTANT}）："
        "请使用该模型在 deepseek-ai 仓库中的分词器文件",
        place="model.base",
    )


def _marked_format(opening: str, thinks: bool, has_template: bool) -> ChatFormat:
    if opening.startswith(THINK_END) or (not has_template and thinks):
        return ChatFormat("switch", THINK_END, THINK_END, "first", THINK_END)
    if opening.startswith(THINK):
        # The publisher advises against a system turn for R1.
        return ChatFormat("thinking", opening, f"{THINK}\n\n{THINK_END}\n\n", "fold")
    return ChatFormat("turns", "", "", "first")


def _opening(tokenizer: PreTrainedTokenizerFast, mark: str) -> str:
    """What the tokenizer's template writes after the assistant's mark; "" without a template."""
    if not tokenizer.chat_template:
        return ""
    said = tokenizer.apply_chat_template(
        [{"role": "user", "content": _PROBE}], tokenize=False, add_generation_prompt=True
    )
    return str(said).rsplit(mark, 1)[-1] if mark in str(said) else ""
