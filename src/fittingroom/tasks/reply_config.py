"""The section `task.reply` of a recipe."""

from __future__ import annotations

from pydantic import Field, model_validator

from fittingroom.tasks.marking import MARK
from fittingroom.tasks.phrases import Phrase
from fittingroom.types import Frozen


class ReplyConfig(Frozen):
    """Settings of a task of the kind `reply`. All fields that are named here stand in `task.input`, too, so that each
    row keeps what it was given."""

    history: str = ""
    """Field with what was said before: a JSON list of `{role, content}`, as the source kind `chat` gives it."""
    facts: list[str] = Field(default_factory=list)
    """Fields with facts that the application hands in (goods card, stock, order state). They are told to the model in
    the system turn; an answer with a number, price, size or colour that stands in none of them is not learnt."""
    resolved: str = ""
    """Field that says whether the matter was resolved; the model is never shown it. Empty: all rows count as it."""
    resolved_values: list[str] = Field(
        default=["1", "true", "yes", "resolved", "solved", "是", "已解决", "解决"], min_length=1
    )
    """Values of that field that say yes (case and width aside)."""
    hand_over: list[Phrase] = Field(default_factory=list)
    """Phrases by which the model hands over to a person (`转人工`). A row whose answer holds one must be answered by
    one."""
    must_hand_over: str = ""
    """Field that marks such rows, too, by one of `resolved_values`; the model is never shown it."""
    min_words: int | None = Field(default=None, ge=1)
    """Fewest words of an answer (a Chinese character is one). None: as the training answers have it, but for one in
    twenty."""
    max_words: int | None = Field(default=None, ge=1)
    """Most words of an answer."""
    mark: bool = False
    """Whether answers carry `mark_text`, and the server's answers say in a header and a field that a machine wrote
    them."""
    mark_text: str = Field(default=MARK, min_length=1)
    """What is put behind an answer."""

    @model_validator(mode="after")
    def _each_field_once(self) -> ReplyConfig:
        named = [name for name in (self.history, *self.facts, self.resolved, self.must_hand_over) if name]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"the field {twice[0]!r} has two meanings: name it once")
        if self.must_hand_over and not self.hand_over:
            raise ValueError("must_hand_over needs hand_over: the phrases by which the model hands over")
        return self

    @model_validator(mode="after")
    def _window(self) -> ReplyConfig:
        if self.min_words and self.max_words and self.min_words > self.max_words:
            raise ValueError("min_words is above max_words: no answer could have both")
        return self

    @property
    def hidden(self) -> tuple[str, ...]:
        """Fields of the input that the model is not shown."""
        return tuple(name for name in (self.resolved, self.must_hand_over) if name)

    def fields(self) -> list[str]:
        """Every field that is named here."""
        return [name for name in (self.history, *self.facts, *self.hidden) if name]
