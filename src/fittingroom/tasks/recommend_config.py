"""The section `task.recommend` of a recipe: which columns tell who bought what, and how goods are ranked."""

from __future__ import annotations

from pydantic import Field, model_validator

from fittingroom.types import Frozen


class RecommendConfig(Frozen):
    """How events become examples, and how goods are ranked.

    Events (sources of the role `events`) become one example for each moment at which a customer bought something and
    each of the goods bought then: what was known before that moment -> the title. Rows of the role `examples` are taken
    as they come: their input fields -> the title under `target`.
    """

    item: str = Field(default="item", min_length=1)
    """Events: column that says which goods: the key of a source of the role `goods`, or without one the title."""
    title: str = Field(default="title", min_length=1)
    """Goods: column that holds the title."""
    kind: str = ""
    """Events: column that says what happened; empty where every event is a purchase (a log has `kind`)."""
    bought: list[str] = Field(default=["order"], min_length=1)
    """Values of `kind` that are purchases; `view` and `search` are read as such, others are passed over."""
    terms: str = "terms"
    """Events: column of the words of a search."""
    order: str = ""
    """Events: column of numbers that orders what has the same time, or no time at all (the place in a basket)."""
    history: int = Field(default=8, ge=1, le=200)
    """Goods bought last that the model is told in the field `history`, newest first, each once."""
    viewed: int = Field(default=5, ge=1, le=200)
    """Goods looked at last that it is told in the field `viewed`."""
    session_hours: float = Field(default=24.0, gt=0)
    """How old what was viewed and searched may be."""
    moments: int = Field(default=10, ge=1)
    """Moments of one customer that become examples at most, the newest: who buys much would drown the others."""
    rebuy: bool = False
    """Whether goods that a customer has are recommended again. Groceries: yes; false takes such examples and such
    candidates out."""
    personal: bool = True
    """False: what a customer bought and viewed before is neither learnt nor asked for; what is searched stays."""
    grade: str = ""
    """Field of `task.input` that holds how well a title fits (people's grades); the model is told it in training, and
    ranking asks for the best. Titles of one question are then ranked among themselves."""
    worst: float = 0.0
    """The lowest grade: worth nothing."""
    best: float = 1.0
    """The highest grade."""
    relevant: float | None = None
    """Grade from which on a title counts as right; none: the best only."""
    strangers: int = Field(default=0, ge=0, le=1000)
    """With grades: titles of other questions, drawn by the seed, that stand among those of each question and count as
    worst, where people graded few titles per question."""
    candidates: int = Field(default=50, ge=2, le=1000)
    """Goods that the model ranks for a customer, taken in turn from item-item co-occurrence, BM25 and popularity."""
    least_customers: int = Field(default=2, ge=1)
    """Customers that must have bought two goods before the bundle tells that they go together: one customer's basket
    is nobody else's business."""
    questions: int = Field(default=1000, ge=20)
    """Moments (or questions) of a part that are judged at most, drawn by the seed; the report says how many there were.
    """

    @model_validator(mode="after")
    def _grades_rise(self) -> RecommendConfig:
        if self.best <= self.worst:
            raise ValueError("`best` must be above `worst`: a grade says how well a title fits")
        if self.relevant is not None and not self.worst < self.relevant <= self.best:
            raise ValueError("`relevant` must be above `worst` and at most `best`")
        if self.strangers and not self.grade:
            raise ValueError("`strangers` go among graded titles: name the field with the grade under `grade`")
        return self

    def fields(self) -> tuple[str, ...]:
        """Fields of `task.input` that are named here."""
        return (self.grade,) if self.grade else ()

    def gain(self, grade: float) -> float:
        """What a title of this grade is worth, in [0, 1]; a grade outside the scale is a ValueError."""
        if not self.worst <= grade <= self.best:
            raise ValueError(f"a grade of {grade:g} is outside {self.worst:g} to {self.best:g}")
        return (grade - self.worst) / (self.best - self.worst)

    @property
    def relevant_from(self) -> float:
        """Gain from which on a title counts as right."""
        return self.gain(self.best if self.relevant is None else self.relevant)
