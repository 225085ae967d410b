"""Free answers pass label, audit, balance and split: nothing is merged, nothing is a class, and bad rows go by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.stages.audit import AuditConfig, audit
from fittingroom.stages.balance import BalanceConfig, balance
from fittingroom.stages.label import LabelConfig, label
from fittingroom.stages.split import SplitConfig, split
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, Splits

TASK = TaskConfig(kind="reply", input=["text"], target="label")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(root=tmp_path, scratch=tmp_path, secret=b"test-key", threads=1)


def test_two_answers_to_one_question_both_stay(make_rows: Callable[..., Rows], context: Context) -> None:
    rows = make_rows([("几天到", "三天"), ("几天到", "两三天吧"), ("几天到", " "), ("几天到", None), ("", "三天")])
    found = label(rows, label=LabelConfig(), task=TASK, context=context)
    assert found.kept.rows == 2
    assert found.facts["dropped_by_reason"] == {"blank answer": 2, "no question": 1}
    assert found.facts["free"] is True
    reasons = found.dropped.frame().select("id", "reason").rows()
    assert reasons == [("r002", "blank answer"), ("r003", "blank answer"), ("r004", "no question")]
    assert found.kept.rows + found.dropped.rows == rows.kept.rows


def test_nothing_left_names_the_reasons(make_rows: Callable[..., Rows], context: Context) -> None:
    with pytest.raises(UserError, match=r"none of 2 rows .*blank answer: 2"):
        label(make_rows([("a", ""), ("b", "!")]), label=LabelConfig(), task=TASK, context=context)


def test_rules_and_balance_are_refused_where_there_are_no_labels(
    make_rows: Callable[..., Rows], as_splits: Callable[..., Splits], context: Context
) -> None:
    rows = make_rows([("a b", "c"), ("d e", "f")])
    rules: Any = [{"label": "x", "keywords": ["a"]}]
    with pytest.raises(RecipeError, match="free text"):
        label(rows, label=LabelConfig(rules=rules), task=TASK, context=context)
    splits = as_splits(rows, {"train": [0, 1]})
    with pytest.raises(RecipeError, match="no classes to balance"):
        balance(splits, balance=BalanceConfig(method="oversample"), task=TASK, seed=1, context=context)


def test_split_audit_and_balance_let_them_pass(make_rows: Callable[..., Rows], context: Context) -> None:
    rows = make_rows([{"text": f"q {at}", "label": f"answer {at}", "group": f"g{at // 2}"} for at in range(60)])
    parts = split(rows, split=SplitConfig(), task=TASK, seed=3, context=context)
    assert sum(part.rows for part in parts.parts().values()) == 60
    assert parts.test.rows
    assert (parts.facts["classes"], parts.facts["absent"], parts.facts["free"]) == ({}, {}, True)
    looked_at = audit(parts, audit=AuditConfig(), task=TASK, seed=3, context=context)
    assert looked_at.train.digest == parts.train.digest
    assert looked_at.facts["audited"] is False
    even = balance(looked_at, balance=BalanceConfig(), task=TASK, seed=3, context=context)
    assert even.train.digest == parts.train.digest
    assert (even.class_weights, even.dropped.rows) == ({}, 0)
