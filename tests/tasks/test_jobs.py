"""What a kind of task says of itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from fittingroom.errors import RecipeError
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from tiny_shop import TASK, splits, table


def test_a_choice_is_a_closed_job() -> None:
    job = job_of(TASK)
    labels = job.labels(splits(), TASK)
    assert (job.kind, job.closed, job.metrics[0]) == ("classify", True, "macro_f1")
    assert job.choices({"text": "hi"}, TASK, labels) == labels == ["praise", "refund", "where"]
    assert job.answers(TASK, labels) == [job.answer(label, TASK, labels) for label in labels]
    rows = table(3, 1).arrow()
    assert job.learnable(rows, TASK) == [""] * rows.num_rows


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(RecipeError, match=r"'weather'; it knows: .*classify"):
        job_of(SimpleNamespace(kind="weather"))  # type: ignore[arg-type]


def test_settings_of_another_kind_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"settings of reply, but task\.kind is classify"):
        TaskConfig.model_validate({"kind": "classify", "input": ["text"], "target": "label", "reply": {}})
