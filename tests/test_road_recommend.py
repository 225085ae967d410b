"""From a table of sales to a ranking: the whole road of a recommending recipe, and the deployed model asked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fittingroom import Workspace
from fittingroom.errors import UserError
from fittingroom.serving.ranking import Ranked

GOODS = {"1": "全脂牛奶", "2": "Rye bread", "3": "butter", "4": "苹果", "5": "green tea", "6": "rice"}
RECIPE = """\
name: sales
task:
  kind: recommend
  input: [history]
  target: title
  recommend: {rebuy: true, candidates: 6, questions: 20}
sources:
  - {kind: csv, path: sales.csv, role: events, group: customer, time: day, fields: {item: sku}}
  - {kind: csv, path: goods.csv, role: goods, key: sku, fields: {title: name}}
split: {dev: 0.2, calibration: 0.15, test: 0.2, by_time: true, group_by: []}
train: {method: full, learning_rate: 1.0e-3, batch_size: 16, epochs: 1, schedule: constant}
evaluate: {baselines: [popularity, item_knn, untuned], replicates: 200, untuned_rows: 20, forgetting: {measure: false}}
gate: {at_least: 0.05, better_than: [], decide: point}
adapt: {max_attempts: 1}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dozen customers who buy milk or bread most of the time, one thing a day."""
    folder = tmp_path_factory.mktemp("shop")
    dice = random.Random(5)
    lines = ["customer,day,sku"]
    for customer in range(24):
        for day in range(1, 6):
            lines.append(f"k{customer},2026-01-{day:02d},{dice.choice('111222345')}")
    (folder / "sales.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    goods = [f"{sku},{title}" for sku, title in GOODS.items()]
    (folder / "goods.csv").write_text("\n".join(["sku,name", *goods]) + "\n", encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_the_road_ends_in_a_ranking(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", "test-key-test-key-test-key")
    run = Workspace(shop).run()
    assert run.status == "passed", run.message
    assert {"dev.ndcg@10", "test.ndcg@10", "test.hit@1"} <= set(run.metrics)
    found = {finding.pitfall for attempt in run.attempts for finding in attempt.findings}
    assert not found & {"leaked-test-examples", "duplicates", "conflicting-labels", "class-imbalance"}, found
    page = Path(run.report).read_text("utf-8")
    assert "ndcg@10" in page
    answer = Workspace(shop).ask("Rye bread; butter")
    assert isinstance(answer, Ranked)
    assert set(answer.titles) <= set(GOODS.values())
    assert "rice" not in answer.titles, "nobody bought it"
    assert len(answer.titles) == 5
    with pytest.raises(UserError, match="a task of the kind recommend has neither"):
        Workspace(shop).monitor()
