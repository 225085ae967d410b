"""The whole road on a very small shop: what is made once is recalled, what changed is made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fittingroom import Workspace
from fittingroom.types import RunSummary
from shop import messages, write_csv, write_shop

DATA = ("prepare", "label", "dedup", "split", "audit", "balance")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", "test-key-test-key-test-key")


@pytest.fixture(scope="module")
def first(shop: Path) -> RunSummary:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FITTINGROOM_KEY", "test-key-test-key-test-key")
        return Workspace(shop).run()


def stages(shop: Path, run: RunSummary) -> dict[str, bool]:
    """Stage -> whether it was recalled, in the last attempt of a run."""
    events: list[dict[str, Any]] = [
        json.loads(line) for line in (shop / "runs" / run.id / "events.jsonl").read_text("utf-8").splitlines()
    ]
    return {event["stage"]: event["recalled"] for event in events if event["kind"] == "stage_done"}


def test_the_first_run_ends_in_a_release_that_answers(shop: Path, first: RunSummary) -> None:
    assert first.status == "passed"
    assert first.release == 1
    assert not any(stages(shop, first).values())
    assert {"dev.macro_f1", "test.macro_f1"} <= set(first.metrics)
    page = Path(first.report).read_text("utf-8")
    assert "<html" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    answer = Workspace(shop).ask("包裹到哪了")
    assert set(answer.probabilities) == {"refund", "delivery", "praise"}
    assert sum(answer.probabilities.values()) == pytest.approx(1.0)


def test_resume_after_a_kill_just_past_the_end_shows_the_ended_run(shop: Path, first: RunSummary) -> None:
    folder = shop / "runs" / first.id
    events = (folder / "events.jsonl").read_bytes()
    (folder / "report.html").unlink()
    for resumed in (Workspace(shop).resume(), Workspace(shop).resume(first.id)):
        assert resumed == first
    assert (folder / "report.html").exists()
    assert (folder / "events.jsonl").read_bytes() == events


def test_the_same_recipe_again_recalls_every_stage(shop: Path, first: RunSummary) -> None:
    again = Workspace(shop).run()
    assert all(stages(shop, again).values())
    assert (again.release, again.metrics, again.digests) == (first.release, first.metrics, first.digests)


def test_a_change_under_train_runs_no_data_stage_again(shop: Path, first: RunSummary) -> None:
    run = Workspace(shop).run(sets=["train.weight_decay=0.03", "gate.at_least=1.0", "adapt.max_attempts=1"])
    recalled = stages(shop, run)
    assert all(recalled[stage] for stage in DATA)
    assert not recalled["train"]
    assert run.status == "failed"
    assert "test.macro_f1" not in run.metrics, "a failed attempt must not open the test part"


def only_data(shop: Path, *sets: str) -> dict[str, bool]:
    """Which data stages `check` recalled under changed settings."""
    workspace = Workspace(shop)
    workspace.check(sets=list(sets))
    newest = max((shop / "checks").iterdir(), key=lambda path: path.stat().st_mtime)
    events = [json.loads(line) for line in (newest / "events.jsonl").read_text("utf-8").splitlines()]
    return {event["stage"]: event["recalled"] for event in events if event["kind"] == "stage_done"}


def test_a_changed_source_is_read_again(shop: Path, first: RunSummary, tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    shutil.copytree(shop, copy)
    assert all(only_data(copy).values())
    rows = messages(240)
    rows[0]["text"] += " ok"
    write_csv(copy / "messages.csv", rows)
    assert not only_data(copy)["prepare"]


def test_another_seed_splits_again_and_trains_again(shop: Path, first: RunSummary) -> None:
    recalled = only_data(shop, "seed=8")
    assert not recalled["split"]


def test_another_task_starts_anew(shop: Path, first: RunSummary) -> None:
    recalled = only_data(shop, "task.instruction=Say what the customer wants.")
    assert not recalled["configure"]


def test_another_base_model_keeps_the_data_and_plans_again(shop: Path, first: RunSummary, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    from fittingroom.models.nano import nano_path

    other = tmp_path / "base"
    shutil.copytree(nano_path(), other)
    weights = load_file(other / "model.safetensors")
    name = sorted(weights)[0]
    weights[name] = weights[name] + torch.full_like(weights[name], 0.01)
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    recalled = only_data(shop, f"model.base={other}")
    assert all(recalled[stage] for stage in DATA)
    assert not recalled["configure"]


def test_rows_in_are_kept_dropped_or_rejected(shop: Path, first: RunSummary) -> None:
    checked = Workspace(shop).check()
    ledger = checked.ledger
    assert sum(ledger["prepare"].values()) == 240
    assert sum(ledger["label"].values()) == ledger["prepare"]["kept"]
    assert sum(ledger["dedup"].values()) == ledger["label"]["kept"]
    assert sum(ledger["split"].values()) == ledger["dedup"]["kept"]


def test_rows_with_personal_data_are_not_kept(tmp_path: Path) -> None:
    rows = [row | {"text": f"{row['text']} 13812345678"} for row in messages(60)]
    write_csv(write_shop(tmp_path, rows=60) / "messages.csv", rows)
    checked = Workspace(tmp_path).check(sets=["prepare.redact.kinds=[email]", "prepare.redact.pseudonyms=[]"])
    assert checked.blocked is not None
    assert [finding.pitfall for finding in checked.findings] == ["personal-data"]
    assert not list((tmp_path / "objects").glob("*"))
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "messages.csv"]
    assert not [path for path in left if b"13812345678" in path.read_bytes()]
