"""The section `task` of a recipe: what the model shall do for the shop."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from fittingroom.tasks.copywrite_config import CopywriteConfig
from fittingroom.tasks.recommend_config import RecommendConfig
from fittingroom.tasks.reply_config import ReplyConfig
from fittingroom.types import Frozen

LETTERS = 26
"""Options that can have a letter."""
_OF_CLASSIFY = ("none_of_these", "letters", "permute", "precision", "questions")
QUESTION, ANSWER = "question", "answer"
"""Input and target field of a task with several questions."""


class QuestionConfig(Frozen):
    """One of several questions about a text."""

    target: str = Field(min_length=1)
    """Field of the sources that holds its answer; a row without one is not asked."""
    labels: list[str] = Field(min_length=2)
    """The closed set of its answers."""
    ask: str = ""
    """How the prompt puts it; without it, by its name."""

    @field_validator("labels")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value) or any(not name.strip() for name in value):
            raise ValueError("a label is empty or stands twice")
        return value


class TaskConfig(Frozen):
    """A job: which fields go in, which one comes out."""

    kind: Literal["classify", "reply", "recommend", "copywrite"]
    """`classify`: one label of a closed set for each row; `reply`: the next answer of a conversation, grounded on facts
    that are handed in; `recommend`: goods ranked for a customer; `copywrite`: texts about goods."""
    input: list[str] = Field(min_length=1)
    """Fields of the sources that the model is given, in this order."""
    target: str = Field(min_length=1)
    """Field of the sources that holds the wanted answer; with `questions` each of them names its own."""
    labels: list[str] | None = None
    """The closed set of labels; without it, the labels that the rows carry."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Another spelling of a label -> the label."""
    instruction: str = ""
    """What the system turn says; empty for none."""
    list_labels: bool = False
    """Whether the prompt lists the labels (many tokens when there are many labels)."""
    none_of_these: str | None = Field(default=None, min_length=1)
    """The answer for what belongs to no label: one of `labels`, or one beside them. Where training rows have it, it is
    learnt; else it is what the model answers when it abstains, which takes a wanted `precision`. It is judged on its
    own, and neither balanced nor doubted by the audit: what belongs nowhere has no likeness of its own."""
    letters: Literal["auto"] | bool = False
    """Whether the prompt lists the labels with letters ("A. refund") and the model answers with one: a single token for
    every answer, the form of the decision endpoints of other servers. `auto`: with up to 26 labels, whole labels
    beyond. By default whole labels are answered, as they always were: a fitted model then needs no list in its
    prompt, which is shorter for it, and recipes and releases that stand keep their meaning."""
    permute: int = Field(default=0, ge=0, le=1000)
    """Over how many orders of the listed labels the training rows are dealt, so that the answer does not hang on a
    place; 0: the order of the labels. Served is always the order of the labels. Every order has a prefix of its own,
    so that packing shares less: the list is computed once per order and pack instead of once per pack."""
    precision: float | None = Field(default=None, gt=0, lt=1)
    """Wanted share of right answers: answers of less confidence than it takes are withheld. The threshold is found on
    the calibration part, for the lower bound of the share."""
    reply: ReplyConfig | None = None
    """Settings of the kind `reply`."""
    recommend: RecommendConfig | None = None
    """Settings of the kind `recommend`."""
    copywrite: CopywriteConfig | None = None
    """Settings of the kind `copywrite`."""

    questions: dict[str, QuestionConfig] = Field(default_factory=dict)
    """Several questions about one text, each with its own labels: aspects of a review, attributes of goods. A row
    becomes one row for each question it answers, with the question's name in the input field `question`; in the prompt
    the text stands first and the question last, so that packing computes the text once."""

    @model_validator(mode="before")
    @classmethod
    def _questions_make_the_target(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value.get("questions"):
            return value
        told = dict(value)
        if told.get("target", ANSWER) != ANSWER or told.get("labels"):
            raise ValueError("holds questions, each with its target and labels: take task.target and task.labels out")
        given = told.get("input")
        if isinstance(given, list) and QUESTION in given[:-1]:
            raise ValueError(f"the input field {QUESTION!r} is where the question stands: rename yours by `fields`")
        if isinstance(given, list) and given and given[-1] != QUESTION:
            told["input"] = [*given, QUESTION]
        return {**told, "target": ANSWER}

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
    def _choices_fit_together(self) -> TaskConfig:
        if self.kind != "classify":
            odd = [name for name in _OF_CLASSIFY if getattr(self, name) not in (None, False, 0, {})]
            if odd:
                raise ValueError(f"{odd[0]} is a setting of classify, but task.kind is {self.kind}: take it out")
        most = max([len(one.labels) for one in self.questions.values()] or [len(self.all_labels or ())])
        if self.letters is True and most > LETTERS:
            raise ValueError(
                f"letters can stand for {LETTERS} labels, and there are {most}: set letters to auto or false"
            )
        if self.questions and self.none_of_these is not None:
            raise ValueError("none_of_these is for a single question: give each question a label of its own for it")
        if self.permute and not self.letters and not self.list_labels:
            raise ValueError(
                "permute changes the order of labels in the prompt, which lists none: set letters or list_labels"
            )
        return self

    @property
    def all_labels(self) -> list[str] | None:
        """The closed set that rows may carry, that of all questions or with `none_of_these`; None where the rows make
        it.
        """
        if self.questions:
            return list(dict.fromkeys(label for one in self.questions.values() for label in one.labels))
        if self.labels is None or self.none_of_these is None or self.none_of_these in self.labels:
            return self.labels
        return [*self.labels, self.none_of_these]

    @model_validator(mode="after")
    def _its_fields_are_given(self) -> TaskConfig:
        for section in (self.reply, self.recommend, self.copywrite):
            for name in section.fields() if section is not None else ():
                if name not in self.input:
                    raise ValueError(
                        f"task.{self.kind} names the field {name!r}, which task.input does not hold: add it there, so "
                        "that every row keeps it"
                    )
        return self

    @model_validator(mode="after")
    def _has_a_question(self) -> TaskConfig:
        apart = set(self.reply.fields()) if self.reply is not None else set()
        if self.reply is not None and not self.reply.history and not [name for name in self.input if name not in apart]:
            raise ValueError("task.input holds no question: a field beside the facts, or task.reply.history")
        return self

    @model_validator(mode="after")
    def _answer_is_not_given(self) -> TaskConfig:
        if self.target in self.input:
            raise ValueError(
                f"input holds the target {self.target!r}: the model would be told the answer it shall find"
            )
        return self
