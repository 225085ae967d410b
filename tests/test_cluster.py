"""On a Ray cluster of two nodes: the same rows as in one process, also when workers are killed on the way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fittingroom.cluster import Cluster
from fittingroom.config import load
from fittingroom.engine import Context, EngineConfig, in_this_process
from fittingroom.errors import RecipeError
from fittingroom.history import History
from fittingroom.pipeline import data_road
from fittingroom.run import Run
from fittingroom.stages.dedup import DedupConfig, dedup
from fittingroom.stages.label import LabelConfig, label
from fittingroom.store import Store
from fittingroom.tables import Table
from fittingroom.tasks import wordings
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Attempt, Rows, dropped_schema, row_schema
from shop import write_shop

TASK = TaskConfig(kind="classify", input=["text"], target="label")


@pytest.fixture(scope="module")
def nodes() -> Iterator[str]:
    """The address of a cluster of two nodes."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    pytest.importorskip("ray")
    import ray
    from ray.cluster_utils import Cluster as Nodes

    try:
        nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        nodes.add_node(num_cpus=1)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.skip(f"no Ray cluster can be started on this machine: {type(error).__name__}")
    yield nodes.address
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture
def cluster(nodes: str) -> Cluster:
    return Cluster(nodes, threads=2)


def walked(folder: Path, sets: list[str]) -> dict[str, str]:
    """Digest of what every stage of the data road put out."""
    write_shop(folder)
    config = load(folder / "recipe.yaml", sets)
    run = Run(History(folder).create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)
    run.begin(Attempt(number=1, config_digest=config.digest))
    data_road(config, run)
    return dict(run.digests)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_same_recipe_gives_the_same_rows(nodes: str, tmp_path: Path) -> None:
    there = walked(tmp_path / "ray", ["engine.kind=ray", f"engine.address={nodes}"])
    assert there == walked(tmp_path / "here", [])
    assert set(there) >= {"prepare", "label", "dedup", "split", "audit", "balance"}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_source_with_a_cursor_gives_the_same_rows(nodes: str, tmp_path: Path) -> None:
    import test_cursor

    sets = ["engine.kind=ray", f"engine.address={nodes}"]
    digests = []
    for folder, where in ((tmp_path / "ray", sets), (tmp_path / "here", [])):
        test_cursor.desk(folder)
        first = test_cursor.step(folder, *where)[1]
        test_cursor.put(folder, (500, "c3", 500, "我叫欧阳青云，还没到", "x"), (6, "c3", 501, "欧阳青云的包裹呢", "x"))
        digests.append((first, test_cursor.step(folder, *where)[1]))
    assert digests[0] == digests[1]
    assert digests[0][0] != digests[0][1]


def rows(count: int) -> Rows:
    dice = random.Random(5)
    letters = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家"
    schema = row_schema(["text"], "label")
    found: list[dict[str, Any]] = []
    for number in range(count):
        text = "".join(dice.choice(letters) for _ in range(dice.randint(4, 40)))
        if found and dice.random() < 0.3:
            copy = list(dice.choice(found)["input"]["text"])
            copy[dice.randrange(len(copy))] = dice.choice(letters)
            text = "".join(copy)
        row = dict.fromkeys(schema.names) | {"id": f"r{number:06d}", "source": "s", "row_key": str(number)}
        row |= {"input": {"text": text}, "target": {"label": dice.choice("xy")}, "annotations": [], "edits": []}
        found.append(row | {"dup_count": 1})
    return Rows(kept=Table.records(found, schema), dropped=Table.records([], dropped_schema(schema)))


def road(given: Rows, context: Context) -> list[str]:
    labelled = label(given, label=LabelConfig(), task=TASK, context=context)
    found = dedup(labelled, dedup=DedupConfig(), task=TASK, context=context)
    assert found.facts["exact"] + found.facts["near"] > 0
    return [labelled.kept.digest, labelled.dropped.digest, found.kept.digest, found.dropped.digest]


def slow_square(number: int, folder: str) -> tuple[int, int]:
    """Leaves its process id behind, so that somebody can kill it."""
    (Path(folder) / f"{os.getpid()}").touch()
    time.sleep(0.05)
    return number * number, os.getpid()


def fails(number: int) -> int:
    raise RecipeError(f"{number} is bad", "坏", place="here")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_two_nodes_give_the_same_rows(cluster: Cluster, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordings, "BATCH", 200)
    given = rows(3_000)
    (context.scratch / "ray").mkdir()
    there = replace(context, spread=cluster, scratch=context.scratch / "ray")
    assert road(given, there) == road(given, context)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_killed_worker_changes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    results = cluster(slow_square, ((number, str(tmp_path)) for number in range(200)))
    first = [next(results) for _ in range(10)]
    victim = first[-1][1]
    os.kill(victim, signal.SIGKILL)
    left = list(results)
    assert [value for value, _ in [*first, *left]] == [number * number for number in range(200)]
    assert left[-1][1] != victim
    assert len(list(tmp_path.iterdir())) >= 3, "two workers, and one that took the place of the killed one"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_errors_come_through_as_they_are(cluster: Cluster) -> None:
    with pytest.raises(RecipeError, match="0 is bad"):
        list(cluster(fails, [(0,)]))


@pytest.mark.slow
def test_a_cluster_that_is_not_there() -> None:
    """In a process of its own: the one of the tests is connected already."""
    asks = "from fittingroom.cluster import Cluster; list(Cluster('127.0.0.1:1', threads=1)(print, []))"
    found = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 1
    assert "UserError: engine.address: the Ray cluster cannot be reached" in found.stderr


@pytest.mark.slow
def test_a_cluster_of_this_machine_alone_is_reached_from_nowhere_else() -> None:
    asks = """
import socket
from fittingroom.cluster import Cluster
assert list(Cluster('', threads=1)(abs, [(-3,), (-4,)])) == [3, 4]
import ray
host, port = ray.get_runtime_context().gcs_address.rsplit(':', 1)
assert host.startswith('127.'), host
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as looking:
    try:
        looking.connect(('192.0.2.1', 9))  # sends nothing; tells the address that the network knows
    except OSError:
        raise SystemExit(0)
    outside = looking.getsockname()[0]
if not outside.startswith('127.'):
    try:
        socket.create_connection((outside, int(port)), timeout=5)
    except OSError:
        raise SystemExit(0)
    raise SystemExit('reached from outside')
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-c", asks]
    found = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=clean)
    assert found.returncode == 0, found.stderr[-2000:]


def test_the_recipe_says_where() -> None:
    assert EngineConfig().spread(1) is in_this_process
    assert isinstance(EngineConfig(kind="ray").spread(1), Cluster)
