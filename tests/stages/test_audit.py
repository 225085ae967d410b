"""Audit: planted wrong labels are found, only train is mended, and a poor auditor is not followed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.stages.audit import VERSION, AuditConfig, audit
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, Splits, dropped_schema, row_schema

Make = Callable[..., Any]
KINDS = ["ask", "blame", "praise"]


def planted(rows: Rows, share: float) -> tuple[Rows, dict[str, str]]:
    """The rows with some labels made wrong, and the true labels of those."""
    dice = random.Random(11)
    records = rows.kept.dicts()
    truth = {}
    for record in dice.sample(records, round(share * len(records))):
        truth[record["id"]] = record["target"]["label"]
        wrong = dice.choice([kind for kind in KINDS if kind != truth[record["id"]]])
        record["target"] = {"label": wrong}
    return Rows(kept=Table.records(records, row_schema(["text"], "label")), dropped=rows.dropped), truth


@pytest.fixture
def noisy(shop_rows: Make, as_splits: Make) -> tuple[Splits, dict[str, str]]:
    rows, truth = planted(shop_rows(700), 0.1)
    parts = {"train": range(500), "dev": range(500, 580), "calibration": range(580, 610), "test": range(610, 700)}
    return as_splits(rows, parts), truth


def test_mends_train_and_only_train(noisy: Any, task: TaskConfig, context: Context) -> None:
    splits, truth = noisy
    out = audit(splits, audit=AuditConfig(), task=task, seed=3, context=context)
    before = {row["id"]: row["target"]["label"] for row in splits.train.dicts()}
    after = {row["id"]: row["target"]["label"] for row in out.train.dicts()}
    wrong = set(truth) & set(before)
    changed = {name for name in before if after.get(name) != before[name]}
    assert out.facts["trusted"]
    assert len(changed & wrong) / len(changed) > 0.85
    assert len(changed & wrong) / len(wrong) > 0.85
    relabelled = changed & set(after)
    assert len(relabelled) == out.facts["relabelled"] > 0
    assert sum(after[name] == truth.get(name) for name in relabelled) / len(relabelled) > 0.9
    assert all(row["edits"] for row in out.train.dicts() if row["id"] in relabelled)
    assert out.train.rows + out.dropped.rows == splits.train.rows
    assert {row["reason"] for row in out.dropped.dicts()} <= {"wrong label"}
    assert out.dropped.schema == dropped_schema(row_schema(["text"], "label"))
    for part in ("dev", "calibration", "test"):
        assert out.parts()[part].digest == splits.parts()[part].digest


def test_review_lists_flagged_rows_of_every_part(noisy: Any, task: TaskConfig, context: Context) -> None:
    splits, truth = noisy
    out = audit(splits, audit=AuditConfig(), task=task, seed=3, context=context)
    assert out.review is not None
    rows = out.review.dicts()
    assert out.review.columns == ["id", "part", "given", "suggested", "confidence", "reason"]
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    tests = [row for row in rows if row["part"] == "test"]
    wrong = set(truth) & {row["id"] for row in splits.test.dicts()}
    assert len({row["id"] for row in tests} & wrong) / len(wrong) > 0.7
    assert all(row["given"] != row["suggested"] for row in rows)
    assert {row["reason"] for row in tests} == {"probably wrong"}
    removed = {row["id"] for row in rows if row["reason"] == "removed"}
    assert removed == {row["id"] for row in out.dropped.dicts()}


def test_the_estimates_are_near_the_truth(noisy: Any, task: TaskConfig, context: Context) -> None:
    splits, truth = noisy
    out = audit(splits, audit=AuditConfig(), task=task, seed=3, context=context)
    kinds = {row["id"]: truth.get(row["id"], row["target"]["label"]) for row in splits.train.dicts()}
    left = [row["target"]["label"] != kinds[row["id"]] for row in out.train.dicts()]
    assert out.facts["estimated_noise"] == pytest.approx(0.1, abs=0.03)
    assert out.facts["remaining_noise"] == pytest.approx(sum(left) / len(left), abs=0.03)


def test_review_mode_changes_nothing(noisy: Any, task: TaskConfig, context: Context) -> None:
    splits, _ = noisy
    out = audit(splits, audit=AuditConfig(mode="review"), task=task, seed=3, context=context)
    assert out.train.digest == splits.train.digest
    assert out.facts["flagged"] > 30
    assert out.facts["remaining_noise"] == out.facts["estimated_noise"]
    assert out.review is not None
    assert {row["reason"] for row in out.review.dicts()} == {"probably wrong"}


def test_off(noisy: Any, task: TaskConfig, context: Context) -> None:
    splits, _ = noisy
    out = audit(splits, audit=AuditConfig(mode="off"), task=task, seed=3, context=context)
    assert out.train.digest == splits.train.digest
    assert not out.facts["audited"]
    assert out.review is not None
    assert out.review.rows == 0


def test_a_poor_auditor_is_not_followed(make_rows: Make, as_splits: Make, task: TaskConfig, context: Context) -> None:
    """Labels that the text says nothing about look wrong everywhere; nothing may be touched."""
    dice = random.Random(1)
    rows = make_rows(
        [(f"{dice.choice('abcdef')} {dice.choice('uvwxyz')} word", dice.choice("xyz")) for _ in range(200)]
    )
    splits = as_splits(rows, {"train": range(150), "test": range(150, 200)})
    out = audit(splits, audit=AuditConfig(), task=task, seed=3, context=context)
    assert not out.facts["trusted"]
    assert out.facts["model_accuracy"] < 0.5
    assert out.train.digest == splits.train.digest
    assert out.review is not None
    assert out.review.rows == 0


def test_a_class_never_loses_more_than_its_share(noisy: Any, task: TaskConfig, context: Context) -> None:
    splits, _ = noisy
    out = audit(splits, audit=AuditConfig(max_share=0.02), task=task, seed=3, context=context)
    for counts in out.facts["by_class"].values():
        assert counts["relabelled"] + counts["removed"] <= 0.02 * counts["rows"]
    assert out.review is not None
    assert "its class is at its limit" in {row["reason"] for row in out.review.dicts()}


def test_what_annotators_agree_on_goes_to_people(noisy: Any, task: TaskConfig, context: Context) -> None:
    splits, _ = noisy
    records = splits.train.dicts()
    for record in records:
        record["annotations"] = [{"annotator": name, "label": record["target"]["label"]} for name in "ab"]
    agreed = splits.model_copy(update={"train": Table.records(records, row_schema(["text"], "label"))})
    out = audit(agreed, audit=AuditConfig(), task=task, seed=3, context=context)
    assert out.facts["relabelled"] == out.facts["removed"] == 0
    assert out.facts["flagged"] > 30


def test_copies_of_one_cluster_do_not_vouch_for_each_other(noisy: Any, task: TaskConfig, context: Context) -> None:
    """Every row stands twice with the same label; in different folds each would find its twin and believe it."""
    splits, truth = noisy
    rows = splits.train.dicts()
    twins = [{**row, "id": f"{row['id']}-2", "group": None} for row in rows]
    twice = Table.records([*({**row, "group": None} for row in rows), *twins], row_schema(["text"], "label"))
    config = AuditConfig(mode="review")
    out = audit(splits.model_copy(update={"train": twice}), audit=config, task=task, seed=3, context=context)
    assert out.review is not None
    flagged = {row["id"] for row in out.review.dicts() if row["part"] == "train"}
    wrong = {name for row in rows if row["id"] in truth for name in (row["id"], f"{row['id']}-2")}
    assert len(flagged & wrong) / len(wrong) > 0.8


def test_too_little_to_judge_by(make_rows: Make, as_splits: Make, task: TaskConfig, context: Context) -> None:
    rows = make_rows([{"text": f"text {n}", "label": "ab"[n % 2], "group": "same"} for n in range(8)])
    out = audit(as_splits(rows, {"train": range(8)}), audit=AuditConfig(), task=task, seed=3, context=context)
    assert not out.facts["audited"]
    assert out.train.rows == 8


def test_golden(noisy: Any, task: TaskConfig, context: Context) -> None:
    """When this fails and VERSION stayed, stored results are stale: raise VERSION and put in the new digests."""
    splits, _ = noisy
    out = audit(splits, audit=AuditConfig(), task=task, seed=3, context=context)
    gone = [row["id"] for row in out.dropped.dicts()]
    assert (VERSION, out.train.digest, gone) == (
        2,
        "6f51fdac9398e4b4678041c7419ec678",
        [
            "r015",
            "r017",
            "r036",
            "r064",
            "r068",
            "r085",
            "r110",
            "r161",
            "r184",
            "r189",
            "r190",
            "r194",
            "r200",
            "r247",
            "r260",
            "r284",
            "r295",
            "r297",
            "r301",
            "r310",
            "r322",
            "r334",
            "r395",
            "r405",
            "r410",
            "r423",
            "r451",
            "r457",
            "r462",
            "r463",
            "r476",
            "r487",
        ],
    )
