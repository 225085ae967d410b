"""The section `task.copywrite` of a recipe."""

from __future__ import annotations

from pydantic import Field, model_validator

from fittingroom.tasks.marking import MARK
from fittingroom.tasks.phrases import Phrase
from fittingroom.types import Frozen


class CopywriteConfig(Frozen):
    """Settings of a task of the kind `copywrite`. What is asked for (title, description, promotion) is said by
    `task.instruction`, or by a field of the input where one recipe learns several."""

    attributes: list[str] = Field(default_factory=list)
    """Fields of `task.input` with attributes of the goods: one value each, or several packed (`颜色#红*版型#宽松`,
    `colour: red; fit: loose`). Empty: all fields of `task.input` but the audience."""
    audience: str = ""
    """Field of `task.input` that says for whom it is written; it is shown to the model and is no attribute."""
    forbidden: list[Phrase] = Field(default_factory=list)
    """Words that must not stand in a copy, beside the usual absolute terms of advertising law (国家级, 最佳,
    best …)."""
    allowed: list[Phrase] = Field(default_factory=list)
    """Phrases in which such a word is harmless, beside the usual ones (第一次, best before …)."""
    min_words: int | None = Field(default=None, ge=1)
    """Fewest words of a copy (a Chinese character is one). None: as the training copies have it, but for one in
    twenty."""
    max_words: int | None = Field(default=None, ge=1)
    """Most words of a copy."""
    drafts: int = Field(default=1, ge=1, le=16)
    """Drafts of which the best is taken: the one that is lawful, names the attributes and no others, and repeats itself
    least. The first is greedy; the others are drawn with `temperature` and a seed of their own."""
    temperature: float = Field(default=0.8, gt=0, le=2)
    """With which further drafts are drawn."""
    mark: bool = False
    """Whether copies carry `mark_text`, and the server's answers say in a header and a field that a machine wrote
    them."""
    mark_text: str = Field(default=MARK, min_length=1)
    """What is put behind a copy."""

    @model_validator(mode="after")
    def _consistent(self) -> CopywriteConfig:
        if self.audience and self.audience in self.attributes:
            raise ValueError("the audience is no attribute: name the field once")
        if self.min_words and self.max_words and self.min_words > self.max_words:
            raise ValueError("min_words is above max_words: no copy could have both")
        return self

    def fields(self) -> list[str]:
        """Every field that is named here."""
        return [name for name in (*self.attributes, self.audience) if name]
