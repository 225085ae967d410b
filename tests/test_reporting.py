"""What the report gathers from the journal of a run, also of one that did not come to its end."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest

from fittingroom.config import RunConfig, load
from fittingroom.engine import Note
from fittingroom.history import History
from fittingroom.journal import Journal
from fittingroom.pipeline import data_road
from fittingroom.report.words import WORDS
from fittingroom.reporting import gather, write_report
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.types import Attempt, Text
from fittingroom.workspace import Workspace
from shop import messages, write_csv, write_shop


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_interrupted_run_shows_what_its_stages_found(tmp_path: Path, language: str) -> None:
    folder = write_shop(tmp_path)
    write_csv(folder / "messages.csv", [{**row, "customer": ""} for row in messages(240)])
    config, history = load(folder / "recipe.yaml"), History(folder)
    run = Run(history.create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)
    run.journal.append("run_started", pid=1)
    run.begin(Attempt(number=1, config_digest=config.digest))
    data_road(config, run)
    found = [finding.pitfall for finding in run.findings]
    assert found
    (view,) = gather(folder, history, run.folder).attempts
    assert [one.finding.pitfall for one in view.findings] == found
    page = write_report(folder, history, run.folder, languages=[language]).read_text("utf-8")
    assert WORDS["no_findings"].say(language) not in page
    assert all(escape(one.title.say(language)) in page for one in view.findings)


def _training_events(run: Run, steps: int) -> None:
    """What a training tells until it is killed after so many steps, taken up once before."""
    note = run._noted  # as a stage's context has it
    for begun in (0, 2):
        note("train", Note("training_started", {"step": begun, "steps": 40}))
        records = [
            {
                "step": float(at),
                "epoch": 0.1,
                "loss": 1 / at,
                "learning_rate": 1e-3,
                "grad_norm": 0.5,
                "update_ratio": 0.1,
            }
            for at in range(1, steps)
        ]
        told = {"steps": records, "evals": [], "tokens_per_second": 1234.0, "examples_per_second": 5.6}
        note("train", Note("training", told))
    word = Text(en="torn checkpoint step-00000003 passed over", zh="跳过损坏的检查点 step-00000003")
    note("train", Note("checkpoint_passed_over", {"checkpoint": "step-00000003", "torn": True}, word))
    note("train", Note("step", {"step": steps}, kept=False))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_training_that_still_runs_has_curves_and_speed(tmp_path: Path, language: str) -> None:
    folder = write_shop(tmp_path)
    config, history = load(folder / "recipe.yaml"), History(folder)
    heard: list[Note] = []
    path = history.create(config, "recipe.yaml")
    run = Run(path, Store(folder), root=folder, secret=b"k" * 32, note=heard.append)
    run.journal.append("run_started", pid=1)
    run.begin(Attempt(number=1, config_digest=config.digest))
    _training_events(run, 12)
    (view,) = gather(folder, history, run.folder).attempts
    assert [entry["step"] for entry in view.steps] == list(range(1, 12)), "every step once"
    assert view.speed["tokens_per_second"] == 1234.0
    assert heard[-1].kind == "step"
    assert not [event for event in run.journal.read() if event["kind"] == "step"], "shown, not kept"
    page = write_report(folder, history, run.folder, languages=[language]).read_text("utf-8")
    said = {
        "en": ["1,234 tokens/s · 5.6 examples/s", "Learning rate", "Norm of the gradient", "torn checkpoint"],
        "zh": ["1,234 词元/秒 · 5.6 条/秒", "学习率", "梯度范数", "跳过损坏的检查点 step-00000003"],
    }
    for one in said[language]:
        assert one in page


def test_a_resumed_run_says_that_its_recipe_changed_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_shop(tmp_path)
    config, history = load(folder / "recipe.yaml", ["train.epochs=3"]), History(folder)
    run = history.create(config, "recipe.yaml", ["train.epochs=3"])
    Journal(run / "events.jsonl").append("run_started", pid=1)
    heard: list[Note] = []
    carried: list[RunConfig] = []
    workspace = Workspace(folder, note=heard.append)

    def carry_out(folder: Path, config: RunConfig) -> object:
        carried.append(config)
        return history.summary(folder)

    monkeypatch.setattr(workspace, "_carry_out", carry_out)
    workspace.resume()
    assert heard == [], "nothing changed: what was set for this run is no change"
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text("utf-8").replace("batch_size: 16", "batch_size: 8"))
    workspace.resume()
    [word] = heard
    assert word.text is not None
    assert "train.batch_size" in word.text.en
    assert "train.batch_size" in word.text.zh
    assert carried[-1].train.batch_size == 16, "the run goes on as it began"
    assert [event["changed"] for event in Journal(run / "events.jsonl").read() if event["kind"] == "recipe_changed"]
    recipe.unlink()
    workspace.resume()
    assert len(heard) == 1
