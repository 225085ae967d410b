"""Processes that a run starts: what they tell and leave behind, and what becomes of it when one of them is killed."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context, EngineConfig, Note
from fittingroom.errors import ModelError, RecipeError, UserError, WorkersLost
from fittingroom.store import write_json
from fittingroom.training.checkpoint import read_tensors
from fittingroom.training.job import Done, Job
from fittingroom.training.launch import done_by
from tiny_training import shop_rows
from training.processes.jobs import here, job

TWO = EngineConfig(processes=2)
LONG = {"steps": 240, "epochs": 40.0, "dropout": 0.1}
"""Longer than the seconds after which the first checkpoint is written."""


def context(folder: Path, told: list[Note], engine: EngineConfig = TWO) -> Context:
    folder.mkdir(exist_ok=True)
    return Context(root=folder, scratch=folder, secret=b"key", threads=2, note=told.append, engine=engine)


def workers(folder: Path) -> list[int]:
    """Processes that take part in the training of this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"fittingroom.training.worker" in words and str(folder).encode() in words:
            found.append(int(path.parent.name))
    return sorted(found)


def soon(what: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What comes out of `what` once it is true."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)
    return found


def equal(one: Done, other: Done) -> None:
    """To the last bit."""
    assert one.recorder == other.recorder
    [file] = (path.stem for path in one.weights.glob("*model.safetensors"))
    theirs = read_tensors(other.weights, file)
    for name, value in read_tensors(one.weights, file).items():
        assert (value == theirs[name]).all(), name


@pytest.mark.slow
def test_a_run_in_two_processes_is_that_of_one(tmp_path: Path) -> None:
    told: list[Note] = []
    done = []
    this = job(shop_rows(), "lora", steps=12, epochs=2.0)
    progress: list[tuple[str, float, float]] = []
    passing = context(tmp_path / "two", told)
    object.__setattr__(passing, "progress", lambda *said: progress.append(said))
    done.append(done_by(this, passing))
    one = here(this, tmp_path / "one")
    losses = [[step["loss"] for step in each.recorder.steps] for each in (done[0], one)]
    assert losses[0] == pytest.approx(losses[1], rel=5e-7, abs=1e-6)
    assert done[0].processes == 2
    assert [note.data["step"] for note in told if note.kind == "step"] == list(range(1, 13))
    assert [note for note in told if note.kind == "training_started"]
    assert progress[-1] == ("train", 12, 12)
    assert not workers(tmp_path / "two")


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["none", "full", "tensor"])
def test_a_killed_worker_changes_nothing(tmp_path: Path, sharding: str) -> None:
    this = job(shop_rows(), "full" if sharding == "tensor" else "lora", **LONG, sharding=sharding)
    whole = done_by(this, context(tmp_path / "whole", []))
    told: list[Note] = []
    folder = tmp_path / "killed"
    killed: list[int] = []

    def kill() -> None:
        soon(lambda: list((folder / "checkpoints").glob("step-*")))
        victim = soon(lambda: workers(folder))[-1]
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    killing = threading.Thread(target=kill)
    folder.mkdir()
    killing.start()
    done = done_by(this, context(folder, told))
    killing.join()
    assert killed
    starts = [note.data["step"] for note in told if note.kind == "training_started"]
    assert len(starts) == 2
    assert starts[0] == 0 < starts[1]
    equal(done, whole)


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["none", "full", "tensor"])
def test_workers_end_with_the_run_and_one_process_goes_on(tmp_path: Path, sharding: str) -> None:
    """A checkpoint is whole, however the weights lay."""
    folder = tmp_path / "job"
    method = "full" if sharding == "tensor" else "lora"
    this = job(shop_rows(), method, **{**LONG, "dropout": 0.0}, sharding=sharding)
    this.write(folder)
    script = """
        import sys
        from pathlib import Path
        from fittingroom.engine import Context, EngineConfig
        from fittingroom.training.job import Job
        from fittingroom.training.launch import done_by
        folder = Path(sys.argv[1])
        done_by(Job.read(folder), Context(folder, folder, b"", threads=2, engine=EngineConfig(processes=2)))
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(folder)])
    try:
        soon(lambda: len(workers(folder)) >= 2)
        soon(lambda: list((folder / "checkpoints").glob("step-*")))
    finally:
        parent.kill()
        parent.wait()
    soon(lambda: not workers(folder), 30)
    told: list[Note] = []
    done = done_by(Job.read(folder), context(folder, told, EngineConfig()))
    assert done.recorder.stopped == "completed"
    [word] = [note.text for note in told if note.kind == "other_processes"]
    assert word is not None
    assert "1 process(es) after 2" in word.en
    assert "2 个进程改为 1 个" in word.zh
    whole = here(this, tmp_path / "whole")
    assert [step["step"] for step in done.recorder.steps] == [step["step"] for step in whole.recorder.steps]
    assert done.recorder.examples == whole.recorder.examples
    assert done.recorder.evals[-1]["dev_loss"] == pytest.approx(whole.recorder.evals[-1]["dev_loss"], abs=1e-3)


@pytest.mark.slow
def test_what_a_worker_objects_to_is_raised_here(tmp_path: Path) -> None:
    this = job(shop_rows(), "lora", tmp_path / "nothing")
    with pytest.raises(ModelError) as refused:
        done_by(this, context(tmp_path / "job", []))
    assert refused.value.place == "nothing"


@pytest.mark.slow
def test_workers_that_always_die_end_the_run(tmp_path: Path) -> None:
    this = job(shop_rows(), "lora")
    broken = dataclasses.replace(this, probe=dataclasses.replace(this.probe, dev_rows=[999]))
    with pytest.raises(WorkersLost) as lost:
        done_by(broken, context(tmp_path / "job", [], EngineConfig(processes=2, max_failures=1)))
    assert "2 time(s)" in lost.value.en
    assert "2 次" in lost.value.zh
    assert "IndexError" in lost.value.en


@pytest.mark.slow
def test_processes_that_are_started_by_hand(tmp_path: Path) -> None:
    """Two machines with one process each, as far as torchrun can tell."""
    this = job(shop_rows(), "lora", steps=12, epochs=2.0)
    told: list[Note] = []
    folder = tmp_path / "hand"
    done: list[Done] = []
    waiting = threading.Thread(
        target=lambda: done.append(done_by(this, context(folder, told, EngineConfig(kind="torchrun", processes=2))))
    )
    waiting.start()
    [said] = soon(lambda: [note for note in told if note.kind == "waiting_for_processes"])
    assert said.text is not None
    words = str(said.data["command"]).split()
    assert said.data["command"] in said.text.en
    assert said.data["command"] in said.text.zh
    values = {"N": "2", "P": "1", "HOST:29500": "127.0.0.1:29571"}
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--local-addr",
        "127.0.0.1",
        *(values.get(word, word) for word in words[1:]),
    ]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    machines = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    for machine in machines:
        _, words_of_it = machine.communicate(timeout=240)
        assert machine.returncode == 0, words_of_it
    waiting.join(60)
    one = here(this, tmp_path / "one")
    losses = [[step["loss"] for step in each.recorder.steps] for each in (done[0], one)]
    assert losses[0] == pytest.approx(losses[1], rel=5e-7, abs=1e-6)


def test_what_processes_ended_while_the_run_was_dead_is_taken(tmp_path: Path) -> None:
    this = job(shop_rows(), "lora", steps=2, epochs=1.0)
    engine = EngineConfig(kind="torchrun", processes=2)
    folder = tmp_path / "job"
    this.write(folder)
    done = here(this, folder)
    done.write(folder)
    equal(done_by(this, context(folder, [], engine)), done)
    told: list[Note] = []
    other = dataclasses.replace(this, seed=8)
    refused: list[UserError] = []

    def wait() -> None:
        try:
            done_by(other, context(folder, told, engine))
        except UserError as error:
            refused.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    soon(lambda: [note for note in told if note.kind == "waiting_for_processes"], 30)
    assert waiting.is_alive()
    write_json(folder / "job" / "failed.json", {"error": "UserError", "en": "enough", "zh": "够了", "place": ""})
    waiting.join(30)
    assert [error.en for error in refused] == ["enough"]


def test_what_cannot_be_shared_out_is_refused(tmp_path: Path) -> None:
    for changes, place in (
        ({"device": "mps"}, "engine.processes"),
        ({"sharding": "full", "method": "qlora"}, "engine.sharding"),
        ({"sharding": "tensor", "method": "lora"}, "engine.sharding"),
    ):
        with pytest.raises(RecipeError) as refused:
            done_by(job(shop_rows(), "lora", **changes), context(tmp_path, []))
        assert refused.value.place == place
