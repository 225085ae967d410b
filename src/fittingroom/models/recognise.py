"""Which DeepSeek model a folder holds: by shapes, marks and chat format, never by what the folder is called.

Several public models share one shape (V3 and R1, base and chat): then all that fit are named. A hub id is a claim of
its publisher's, and is compared with the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fittingroom.models.anatomy import Anatomy, anatomy, head_width
from fittingroom.models.belonging import Vocabulary, read_vocabulary
from fittingroom.models.catalog import MODELS, KnownModel, find
from fittingroom.models.families import FAMILIES
from fittingroom.models.formats import ASSISTANT, DEEPSEEK_BOS, THINK, THINK_END, USER
from fittingroom.types import Text

_MODELSCOPE = "modelscope:"


@dataclass(frozen=True)
class Recognised:
    """What a model was found to be."""

    model_type: str
    candidates: tuple[KnownModel, ...]
    """Public models with these shapes, marks and chat format."""
    marked: bool
    """Whether the tokenizer has DeepSeek's marks."""
    sizes: Anatomy | None
    claimed: KnownModel | None = None
    """The public model that the hub id names."""

    @property
    def one(self) -> KnownModel | None:
        """The public model, where it is known which."""
        if self.claimed is not None:
            return self.claimed
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def contradicted(self) -> bool:
        """Whether the files are not those of the model that the hub id names."""
        return self.claimed is not None and self.claimed not in self.candidates

    def told(self) -> Text:
        """One sentence for people."""
        if self.claimed is not None and self.contradicted:
            return Text(
                en=f"called {self.claimed.name}, but its shapes or marks are not that model's",
                zh=f"名为 {self.claimed.name}，但形状或标记与该模型不符",
            )
        if self.one is not None:
            return Text(en=self.one.name, zh=self.one.name)
        if self.candidates:
            names = [model.name for model in self.candidates]
            return Text(
                en=f"one of {', '.join(names)} (their shapes and marks are the same)",
                zh=f"以下之一：{'、'.join(names)}（形状与标记相同）",
            )
        if self.marked:
            return Text(
                en=f"a {self.model_type} model with DeepSeek's marks, of no published shape",
                zh=f"带有 DeepSeek 标记的 {self.model_type} 模型，形状与已公布的都不同",
            )
        return Text(
            en=f"a {self.model_type} model without DeepSeek's marks", zh=f"没有 DeepSeek 标记的 {self.model_type} 模型"
        )


def recognise_id(name: str) -> KnownModel | None:
    """The public model that a hub id (`org/name` or `modelscope:org/name`) names."""
    return find(name.removeprefix(_MODELSCOPE))


def recognise(path: Path, config: Mapping[str, Any], *, hub_id: str = "") -> Recognised:
    """Compare a folder's configuration and tokenizer with the public models."""
    known = read_vocabulary(path, path.name)
    kind = str(config.get("model_type"))
    fitting = tuple(
        model
        for model in MODELS
        if model.model_type == kind and _same_shape(model, config) and _same_marks(model, known)
    )
    return Recognised(
        model_type=kind,
        candidates=_by_template(fitting, known),
        marked=DEEPSEEK_BOS in known.added,
        sizes=anatomy(config),
        claimed=recognise_id(hub_id) if hub_id else None,
    )


def _same_shape(model: KnownModel, config: Mapping[str, Any]) -> bool:
    if not model.shape:
        return False
    given = dict(config)
    if model.model_type in ("llama", "qwen2", "qwen3"):
        given.setdefault("num_key_value_heads", config.get("num_attention_heads"))
        given.setdefault("tie_word_embeddings", False)
        if "head_dim" in model.shape and config.get("num_attention_heads") and config.get("hidden_size"):
            given["head_dim"] = head_width(config)
    if model.model_type in FAMILIES:
        given.setdefault("tie_word_embeddings", False)
    return all(given.get(name) == value for name, value in model.shape.items())


def _same_marks(model: KnownModel, known: Vocabulary) -> bool:
    """DeepSeek's BOS is there, and every mark whose id is published has that id."""
    if DEEPSEEK_BOS not in known.added:
        return False
    if model.template != "A" and not {USER, ASSISTANT} <= known.added.keys():
        return False
    if model.marks is None:
        return True
    expected = {USER: model.marks.user, ASSISTANT: model.marks.assistant, DEEPSEEK_BOS: model.marks.bos}
    expected[THINK] = model.marks.think
    same = all(known.added.get(text) == number for text, number in expected.items() if number is not None)
    return same and known.eos in (None, model.marks.eos)


def _by_template(models: tuple[KnownModel, ...], known: Vocabulary) -> tuple[KnownModel, ...]:
    """Those whose chat format the template can be: V3, R1 and V3.1 share everything else.

    Base models are published with the templates of the chat models, so they stay beside them.
    """
    letters = _letters(known.template)
    return tuple(model for model in models if model.template in letters) if letters else models


def _letters(template: str) -> str:
    """Chat formats that write such a template; "" when there is none to judge by."""
    if not template:
        return ""
    if USER not in template:
        return "A"
    if "thinking" in template and THINK_END in template:
        return "EF"
    if THINK in template:
        return "CD"
    # R1's tokenizer is also published with the template of V3, which leaves `<think>` to the model.
    return "BCD"
