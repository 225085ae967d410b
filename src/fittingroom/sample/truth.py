"""What was planted where: written beside planted data, read by the measuring only, never by the pipeline."""

from __future__ import annotations

from pydantic import Field

from fittingroom.types import Frozen


class Rates(Frozen):
    """Share of the rows (after thinning the rare class) that get each fault; no row gets two."""

    exact_duplicate: float = Field(default=0.04, ge=0, le=0.3)
    near_duplicate: float = Field(default=0.05, ge=0, le=0.3)
    html: float = Field(default=0.03, ge=0, le=0.3)
    mojibake: float = Field(default=0.02, ge=0, le=0.3)
    control_token: float = Field(default=0.015, ge=0, le=0.3)
    personal: float = Field(default=0.06, ge=0, le=0.3)
    wrong_label: float = Field(default=0.06, ge=0, le=0.3)
    conflicting_label: float = Field(default=0.02, ge=0, le=0.3)
    """Rows whose text is there again with another label; a third of them three times, two against one."""
    number_copy: float = Field(default=0.02, ge=0, le=0.3)
    """Rows that become families of two to four which differ in a number, an amount or a name only."""
    spam: float = Field(default=0.02, ge=0, le=0.3)
    """New rows, as a share of the rows."""
    rare_class: str = ""
    """Label of the class to thin; empty for the smallest."""
    rare_share: float = Field(default=0.0, ge=0, le=0.5)
    """Share of the rows that the thinned class keeps; 0 thins nothing."""


class Planted(Frozen):
    """One row with a planted fault."""

    key: str
    """Primary key in the source."""
    twin: str = ""
    """Key of the row that it copies."""
    family: str = ""
    """Id of the group of rows that must fall on one side of the split."""
    variant: str = ""
    original: str = ""
    """The text before the fault."""
    given: str = ""
    """The label in the data, where it is wrong."""
    right: str = ""
    """The right label, where the given one is wrong."""
    gone: tuple[str, ...] = ()
    """What must not be left in the text: digits without spaces, names, street and number, tokens."""
    jaccard: float | None = None
    """Share of character 5-grams that the two texts have in common, before any cleaning."""


class Truth(Frozen):
    """Everything that was planted into one table."""

    seed: int
    rates: Rates
    rows_in: int
    rows_out: int
    planted: dict[str, list[Planted]]
    labels: dict[str, str]
    """The right label of every row."""
    rare: dict[str, int | str] = Field(default_factory=dict)
    """The thinned class: label, before, after."""
