"""Training in the workers of a Ray cluster of two nodes, also when a worker or a node is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context, EngineConfig, Note
from fittingroom.training.job import Done
from fittingroom.training.launch import done_by
from tiny_training import shop_rows
from training.processes.jobs import here, job
from training.processes.test_launch import LONG, context, equal, soon

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster of two nodes, of which either has room for both workers."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_TRAIN_V2_ENABLED"] = "1"
    pytest.importorskip("ray")
    import ray
    from ray.cluster_utils import Cluster as Nodes

    try:
        nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        nodes.second = nodes.add_node(num_cpus=1)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.skip(f"no Ray cluster can be started on this machine: {type(error).__name__}")
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The undisturbed training, in two processes of this machine: where they run makes no difference."""
    return done_by(job(shop_rows(), "lora", **LONG), context(tmp_path_factory.mktemp("whole"), []))


def on(nodes: Any, folder: Path, told: list[Note]) -> Context:
    folder.mkdir(exist_ok=True)
    engine = EngineConfig(kind="ray", address=nodes.address, processes=2)
    return Context(
        root=folder, scratch=folder, secret=b"", threads=2, note=told.append, engine=engine, spread=engine.spread(2)
    )


def ray_workers() -> list[int]:
    """Processes of this machine in which Ray trains."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if words.startswith(b"ray::") and b"TrainWorker" in words:
            found.append(int(path.parent.name))
    return sorted(found)


def test_the_losses_are_those_of_one_process(nodes: Any, tmp_path: Path) -> None:
    this = job(shop_rows(), "lora", steps=12, epochs=2.0)
    told: list[Note] = []
    done = done_by(this, on(nodes, tmp_path / "ray", told))
    one = here(this, tmp_path / "one")
    losses = [[step["loss"] for step in each.recorder.steps] for each in (done, one)]
    assert losses[0] == pytest.approx(losses[1], rel=5e-7, abs=1e-6)
    assert done.processes == 2
    assert [note.data["step"] for note in told if note.kind == "step"] == list(range(1, 13))


@pytest.mark.parametrize("victim", ["worker", "node"])
def test_what_is_killed_changes_nothing(nodes: Any, whole: Done, tmp_path: Path, victim: str) -> None:
    this = job(shop_rows(), "lora", **LONG)
    folder = tmp_path / "killed"
    folder.mkdir()
    killed: list[str] = []

    def kill() -> None:
        soon(lambda: list((folder / "checkpoints").glob("step-*")), 240)
        if victim == "worker":
            os.kill(soon(ray_workers)[-1], signal.SIGKILL)
        else:
            nodes.remove_node(nodes.second, allow_graceful=False)
        killed.append(victim)

    killing = threading.Thread(target=kill)
    killing.start()
    told: list[Note] = []
    done = done_by(this, on(nodes, folder, told))
    killing.join()
    assert killed
    starts = [note.data["step"] for note in told if note.kind == "training_started"]
    assert len(starts) == 2
    assert starts[0] == 0 < starts[1]
    equal(done, whole)
