"""The section `task` of a recipe: what the model shall do for the shop."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from fittingroom.tasks.copywrite_config import CopywriteConfig
from fittingroom.tasks.recommend_config import RecommendConfig
from fittingroom.tasks.reply_config import ReplyConfig
from fittingroom.types import Frozen


class TaskConfig(Frozen):
    """A job: which fields go in, which one comes out."""

    kind: Literal["classify", "reply", "recommend", "copywrite"]
    """`classify`: one label of a closed set for each row; `reply`: the next answer of a conversation, grounded on facts
    that are handed in; `recommend`: goods ranked for a customer; `copywrite`: texts about goods."""
    input: list[str] = Field(min_length=1)
    """Fields of the sources that the model is given, in this order."""
    target: str = Field(min_length=1)
    """Field of the sources that holds the wanted answer."""
    labels: list[str] | None = None
    """The closed set of labels; without it, the labels that the rows carry."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Another spelling of a label -> the label."""
    instruction: str = ""
    """What the system turn says; empty for none."""
    list_labels: bool = False
    """Whether the prompt lists the labels (many tokens when there are many labels)."""
    reply: ReplyConfig | None = None
    """Settings of the kind `reply`."""
    recommend: RecommendConfig | None = None
    """Settings of the kind `recommend`."""
    copywrite: CopywriteConfig | None = None
    """Settings of the kind `copywrite`."""

    @field_validator("input")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("the same field stands twice")
        return value

    @field_validator("labels", "aliases")
    @classmethod
    def _said(cls, value: list[str] | dict[str, str] | None) -> list[str] | dict[str, str] | None:
        named = [*value, *value.values()] if isinstance(value, dict) else value or []
        if any(not name.strip() for name in named):
            raise ValueError(
                "a label is empty: an answer without a word cannot be learnt; write its name, or leave it out"
            )
        return value

    @model_validator(mode="after")
    def _only_its_own_settings(self) -> TaskConfig:
        for kind, section in (("reply", self.reply), ("recommend", self.recommend), ("copywrite", self.copywrite)):
            if section is not None and kind != self.kind:
                raise ValueError(f"holds settings of {kind}, but task.kind is {self.kind}: take task.{kind} out")
        return self

    @model_validator(mode="after")
    def _answer_is_not_given(self) -> TaskConfig:
        if self.target in self.input:
            raise ValueError(
                f"input holds the target {self.target!r}: the model would be told the answer it shall find"
            )
        return self
