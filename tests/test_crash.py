"""kill -9 at random moments: `resume` ends in the same release as the undisturbed run."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fittingroom.history import curves
from fittingroom.journal import Journal
from fittingroom.store import Store
from fittingroom.training.launch import loopback
from shop import write_shop
from training.processes.test_launch import soon, workers

ENVIRONMENT = {**os.environ, "FITTINGROOM_KEY": "k" * 32, "FITTINGROOM_LANG": "en", "HF_HUB_OFFLINE": "1"}


def fittingroom(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own, so that all of it can be killed."""
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "fittingroom", *arguments],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )


def outcome(folder: Path) -> dict[str, Any]:
    """What must not depend on how often the run was killed: status, release, scores, digests, the bundle."""
    listed = subprocess.run(
        [sys.executable, "-m", "fittingroom", "runs", "--json"],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        check=True,
    )
    runs = json.loads(listed.stdout)
    assert len(runs) == 1, [run["status"] for run in runs]
    run = runs[0]
    releases = [json.loads(path.read_text()) for path in sorted((folder / "registry" / "releases").glob("*.json"))]
    return {
        "status": run["status"],
        "release": run["release"],
        "metrics": run["metrics"],
        "digests": run["digests"],
        "bundles": [release["bundle"] for release in releases],
    }


def assert_nothing_torn(folder: Path) -> None:
    """Every object is whole, every JSON file reads, nothing half-made is left where it could be taken for whole."""
    store = Store(folder)
    for path in (folder / "objects").iterdir():
        assert store.verify(path.name) == [], path.name
    for path in [*(folder / "actions").glob("*.json"), *(folder / "registry").rglob("*.json")]:
        json.loads(path.read_text("utf-8"))


def undisturbed(folder: Path) -> tuple[dict[str, Any], float]:
    started = time.monotonic()
    run = fittingroom(write_shop(folder), "run")
    run.wait()
    assert run.returncode == 0
    return outcome(folder), time.monotonic() - started


def killed_and_resumed(folder: Path, moments: list[float]) -> dict[str, Any]:
    """Start, kill after each of the moments (seconds), resume; the last one is left alone."""
    write_shop(folder)
    for number, moment in enumerate(moments):
        started = bool(list((folder / "runs").glob("[!.]*"))) if (folder / "runs").exists() else False
        process = fittingroom(folder, "resume" if started else "run")
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:
            assert process.returncode == 0, f"ended with {process.returncode} before moment {number}"
            return outcome(folder)
    started = bool(list((folder / "runs").glob("[!.]*"))) if (folder / "runs").exists() else False
    last = fittingroom(folder, "resume" if started else "run")
    last.wait()
    assert last.returncode == 0, (folder / "said.txt").read_text("utf-8")[-2000:]
    return outcome(folder)


def test_killed_a_few_times_and_resumed(tmp_path: Path) -> None:
    expected, seconds = undisturbed(tmp_path / "calm")
    moments = [random.Random(5).uniform(0.5, 0.9) * seconds, 0.6 * seconds]
    assert killed_and_resumed(tmp_path / "killed", moments) == expected
    assert_nothing_torn(tmp_path / "killed")


def _trains_lora(folder: Path) -> Path:
    """The shop with adapters, dropout and enough epochs for checkpoints between them."""
    write_shop(folder)
    recipe = folder / "recipe.yaml"
    settings = "method: lora, dropout: 0.1, early_stopping: null, learning_rate: 2.0e-3, batch_size: 8, epochs: 6"
    recipe.write_text(
        recipe.read_text("utf-8").replace("method: full, learning_rate: 1.0e-3, batch_size: 16, epochs: 2", settings)
    )
    assert settings in recipe.read_text("utf-8")
    return folder


def _after_a_checkpoint(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a training has kept a checkpoint and gone on for a moment."""
    while not list((folder / "scratch").glob("*/checkpoints/step-*/manifest.json")):
        assert process.poll() is None, "it ended before it kept a checkpoint"
        time.sleep(0.02)
    time.sleep(1.0)


@pytest.mark.slow
def test_adapters_are_killed_while_they_are_trained(tmp_path: Path) -> None:
    calm = _trains_lora(tmp_path / "calm")
    run = fittingroom(calm, "run")
    assert run.wait() == 0
    folder = _trains_lora(tmp_path / "killed")
    process = fittingroom(folder, "run")
    _after_a_checkpoint(folder, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list((folder / "scratch").glob("*/checkpoints/step-*")), "it was killed inside the training"
    assert fittingroom(folder, "resume").wait() == 0, (folder / "said.txt").read_text("utf-8")[-2000:]
    assert outcome(folder) == outcome(calm)
    assert_nothing_torn(folder)
    told = {}
    for shop in (calm, folder):
        [journal] = (shop / "runs").glob("[!.]*/events.jsonl")
        told[shop] = curves(list(Journal(journal).read()))[1]
    assert told[folder].steps == told[calm].steps, "every step is told, none twice"
    assert told[folder].evals == told[calm].evals


@pytest.mark.slow
def test_random_kills_each_resumed(tmp_path: Path) -> None:
    """Six kills by default; `FITTINGROOM_KILLS=30 make test-slow` for more."""
    expected, seconds = undisturbed(tmp_path / "calm")
    generator = random.Random(11)
    for number in range(int(os.environ.get("FITTINGROOM_KILLS", "6"))):
        folder = tmp_path / f"killed-{number}"
        moment = generator.uniform(0.05, 0.98) * seconds
        assert killed_and_resumed(folder, [moment]) == expected, f"kill {number} after {moment:.1f} s"
        assert_nothing_torn(folder)
        shutil.rmtree(folder)


def _said_command(folder: Path) -> list[str]:
    """The command by which a run asks for processes; nothing before it does."""
    for path in (folder / "runs").glob("[!.]*/events.jsonl"):
        for event in Journal(path).read():
            if event["kind"] == "waiting_for_processes":
                return str(event["command"]).split()
    return []


def _take_part(folder: Path, run: subprocess.Popen[bytes]) -> None:
    """Do what the run asks for, as one machine with two processes, and kill one of them."""
    words = soon(lambda: _said_command(folder), 400)
    here = {"N": "1", "P": "2", "HOST:29500": "127.0.0.1:29573"}
    command = [here.get(word, word) for word in words[1:]]
    machine = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--local-addr", "127.0.0.1", *command],
        env={**ENVIRONMENT, "GLOO_SOCKET_IFNAME": loopback(), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    _after_a_checkpoint(folder, run)
    os.kill(workers(Path(words[-1]))[-1], signal.SIGKILL)
    _, said = machine.communicate(timeout=400)
    assert machine.returncode == 0, said[-2000:]


@pytest.mark.slow
def test_processes_started_by_hand_walk_the_road_though_one_is_killed(tmp_path: Path) -> None:
    """The release is that of one process: nothing is drawn that would depend on their number."""
    told, starts = {}, {}
    for name, engine in (("one", ""), ("two", "engine: {kind: torchrun, processes: 2}\n")):
        folder = _trains_lora(tmp_path / name)
        recipe = folder / "recipe.yaml"
        recipe.write_text(recipe.read_text("utf-8").replace("dropout: 0.1", "dropout: 0.0") + engine, encoding="utf-8")
        run = fittingroom(folder, "run")
        try:
            if engine:
                _take_part(folder, run)
            assert run.wait(400) == 0, (folder / "said.txt").read_text("utf-8")[-2000:]
        finally:
            run.kill()
        [journal] = (folder / "runs").glob("[!.]*/events.jsonl")
        events = list(Journal(journal).read())
        told[name] = curves(events)[1]
        starts[name] = [event["step"] for event in events if event["kind"] == "training_started"]
    assert starts["one"] == [0]
    assert len(starts["two"]) == 2
    assert starts["two"][1] > 0
    one, two = outcome(tmp_path / "one"), outcome(tmp_path / "two")
    assert two["status"] == one["status"] == "passed"
    assert two["metrics"] == pytest.approx(one["metrics"], abs=0.02)
    assert [step["step"] for step in told["two"].steps] == [step["step"] for step in told["one"].steps]
    losses = [[step["loss"] for step in told[name].steps] for name in ("one", "two")]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3, abs=1e-4)
