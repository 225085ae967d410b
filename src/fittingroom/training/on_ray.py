"""A training in the workers of a Ray cluster (Ray Train V2): the same function as under `torchrun`.

Ray chooses the nodes, starts the workers and joins them to a process group; when one of them or its node dies, it
starts all of them again on what is left or comes back, and they go on from the last checkpoint. Inputs, checkpoints and
result lie in the folder of the job, which must be on a disk that all nodes share. Nothing is reported to Ray.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.training.told import Listener
from fittingroom.training.worker import THREADS

_LOOK = 0.2
"""Seconds between two looks at what the workers tell."""
_V2 = "RAY_TRAIN_V2_ENABLED"


def on_ray(context: Context, listener: Listener) -> str:
    """Train on the cluster of `context.engine`, and pass on what the main worker tells until it ends; returns the last
    words of workers that died too often. UserError where a node does not see the folder.
    """
    os.environ[_V2] = "1"  # before ray.train is imported
    context.connect()
    trainer = _trainer(context)
    words: list[str] = []

    def run() -> None:
        try:
            trainer.fit()
        except Exception as error:  # whatever ended it is told to the user by the one who listens
            words.append(f"{type(error).__name__}: {error}")

    running = threading.Thread(target=run, daemon=True)
    running.start()
    while running.is_alive():
        listener.listen()
        running.join(_LOOK)
    listener.listen(last=True)
    return "".join(words)


def _trainer(context: Context) -> Any:
    import ray
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    v2: Any = ray.train  # what it exports follows the variable, which no checker of types sees
    cluster: Any = ray.util

    folder, engine = context.scratch.resolve(), context.engine
    has: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus = has.get("GPU", 0.0) >= engine.processes
    # On processors half of what there is, so that the loss of a node leaves room for all.
    each = {"GPU": 1.0} if gpus else {"CPU": max(0.01, round(has.get("CPU", 1.0) / (2 * engine.processes), 2))}
    address = cluster.get_node_ip_address()
    return TorchTrainer(
        train_loop_per_worker,
        train_loop_config={"folder": str(folder)},
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if gpus else "gloo"),
        scaling_config=v2.ScalingConfig(
            num_workers=engine.processes, use_gpu=gpus, resources_per_worker=each, placement_strategy="SPREAD"
        ),
        run_config=v2.RunConfig(
            name="ray",
            storage_path=str(folder / "job"),
            failure_config=v2.FailureConfig(max_failures=engine.max_failures),
            worker_runtime_env={"env_vars": _environment(address, each.get("CPU"))},
        ),
    )


def _environment(address: str, processors: float | None) -> dict[str, str]:
    """Of a worker; `processors` are those that it is given on a cluster without GPUs."""
    said = {_V2: "1", "RAY_USAGE_STATS_ENABLED": "0"}
    if processors is not None:
        # The same wherever it lands: the last bits of a sum depend on the number.
        said |= dict.fromkeys((THREADS, "OMP_NUM_THREADS"), str(max(1, int(processors))))
    if address.startswith("127."):
        from fittingroom.training.launch import loopback

        said |= {"GLOO_SOCKET_IFNAME": loopback(), "NCCL_SOCKET_IFNAME": loopback()}
    return said


def train_loop_per_worker(config: dict[str, str]) -> None:
    """What a worker does; Ray has joined it to a process group."""
    from fittingroom.training.ranks import Ranks
    from fittingroom.training.worker import alone_in_its_world, failed, take_part

    folder = Path(config["folder"])
    if not (folder / "job" / "job.json").exists():
        time.sleep(1)  # a shared disk may be late
    if not (folder / "job" / "job.json").exists():
        raise UserError(
            "a node of the Ray cluster does not see the folder of the run: keep the workspace on a disk that all nodes "
            "share, under the same path",
            "Ray 集群中有节点看不到运行目录：请把工作区放在所有节点共享且路径相同的磁盘上",
            place=str(folder),
        )
    if failed(folder) is not None:
        return
    _use_own_gpu()
    with alone_in_its_world():
        status = take_part(folder, Ranks.here())
    if status:
        raise RuntimeError("the training cannot go on; see failed.json")


def _use_own_gpu() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
