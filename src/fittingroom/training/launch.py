"""Where a training runs: in this process, in several of this machine, wherever `torchrun` is called, on a Ray cluster.

Several processes of this machine are started by the elastic agent behind `torchrun`: when one dies, all are started
again and go on from the last checkpoint, up to `engine.max_failures` times. The agent is a process of its own, so that
its signal handlers are not ours; it ends with us, and its workers with it. Nothing listens on a port: the agent meets
nobody but itself, the workers find each other by a file, and gloo binds to loopback.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fittingroom.engine import Context, Note
from fittingroom.errors import WorkersLost
from fittingroom.training.apart import refuse_apart
from fittingroom.training.job import DONE, JOB, Done, Job, trained
from fittingroom.training.told import Listener
from fittingroom.training.worker import FAILED, MEET, PARENT, THREADS, TOLD, failed
from fittingroom.types import Text

_LOOK = 0.1
"""Seconds between two looks at what the workers tell."""
_ENDING = 30.0
"""Seconds for workers to end before they are killed."""
_SAID = 2000
"""Characters of a dead worker's last words that are shown."""


def done_by(job: Job, context: Context) -> Done:
    """The training, done where `context.engine` says. Raises what a worker raised on purpose, and WorkersLost."""
    engine = context.engine
    if engine.processes == 1:
        done = trained(job, context)
        assert done is not None, "one process is the main one"
        return done
    refuse_apart(method=job.plan.method, device=job.plan.device, sharding=job.plan.sharding)
    if _ended_alone(job, context.scratch):
        return Done.read(context.scratch)
    _clear(context.scratch)
    job.write(context.scratch)
    if engine.kind == "ray":
        from fittingroom.training.on_ray import on_ray

        return _heard(context, lambda: on_ray(context, _listening(context)))
    if engine.kind == "torchrun":
        return _heard(context, lambda: _by_hand(context))
    return _heard(context, lambda: _on_this_machine(context))


def _ended_alone(job: Job, folder: Path) -> bool:
    """Whether this very training was done after the run that asked for it had died: processes that are started by hand
    do not end with it.
    """
    return (folder / JOB / DONE).exists() and Job.read(folder) == job


def _clear(folder: Path) -> None:
    """Of what an earlier start left only checkpoints count. Workers that live on go on telling where they told."""
    for name in (DONE, FAILED):
        (folder / JOB / name).unlink(missing_ok=True)


def _listening(context: Context) -> Listener:
    return Listener(context.scratch / JOB / TOLD, context)


def _heard(context: Context, run: Callable[[], str]) -> Done:
    """What came of it; `run` returns the last words of workers that died, for the error."""
    words = run()
    error = failed(context.scratch)
    if error is not None:
        raise error
    if not (context.scratch / JOB / DONE).exists():
        count, last = context.engine.max_failures + 1, " ".join(words[-_SAID:].split())
        raise WorkersLost(
            f"processes of the training died {count} time(s), as often as engine.max_failures allows; the checkpoints "
            f"are kept, and `resume` goes on from the last one. Last words: {last or '-'}",
            f"训练进程已意外结束 {count} 次，达到 engine.max_failures 的上限；检查点仍在，"
            f"可用 `resume` 从最近的检查点继续。最后的输出：{last or '-'}",
            place="engine.processes",
        )
    return Done.read(context.scratch)


# -------------------------------------------------------------------------------------------------- on this machine


def _on_this_machine(context: Context) -> str:
    """Start the agent in a process of its own, and pass on what the main worker tells until it ends."""
    engine, folder = context.engine, context.scratch / JOB
    said, listener = folder / "said.txt", _listening(context)
    environment = {
        **os.environ,
        "GLOO_SOCKET_IFNAME": loopback(),
        "NCCL_SOCKET_IFNAME": loopback(),
        MEET: str(folder / f"meet-{uuid.uuid4().hex[:8]}"),
        PARENT: str(os.getpid()),
        THREADS: str(max(1, context.threads // engine.processes)),
        "OMP_NUM_THREADS": str(max(1, context.threads // engine.processes)),
    }
    command = [sys.executable, "-m", __name__, str(context.scratch), str(engine.processes), str(engine.max_failures)]
    with said.open("w", encoding="utf-8") as words:
        agent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=words, stderr=words, env=environment)
        try:
            while agent.poll() is None:
                listener.listen()
                time.sleep(_LOOK)
            listener.listen(last=True)
        finally:
            _end(agent)
    for path in folder.glob("meet-*"):
        path.unlink(missing_ok=True)
    return said.read_text(encoding="utf-8", errors="replace")


def _end(agent: subprocess.Popen[bytes]) -> None:
    """The agent ends its workers when its input closes."""
    assert agent.stdin is not None
    agent.stdin.close()
    try:
        agent.wait(_ENDING)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.wait()


def loopback() -> str:
    """The name of this machine's own network."""
    import socket

    names = {name for _, name in socket.if_nameindex()}
    return "lo" if "lo" in names else "lo0"


def agent(arguments: list[str]) -> int:
    """The process between a run and its workers: FOLDER, PROCESSES, FAILURES."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import rendezvous_handler_registry
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    folder, processes, failures = arguments
    threading.Thread(target=_end_with_input, daemon=True).start()
    rendezvous_handler_registry.register("alone", lambda parameters: _alone(parameters.run_id))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=int(processes),
        run_id=uuid.uuid4().hex,
        rdzv_backend="alone",
        max_restarts=int(failures),
        monitor_interval=_LOOK,
        local_addr="127.0.0.1",
        shutdown_timeout=5,  # of workers that wait for one that died
        logs_specs=DefaultLogsSpecs(log_dir=str(Path(folder) / JOB / "agent")),
    )
    try:
        elastic_launch(config, sys.executable)("-m", "fittingroom.training.worker", folder)
    except ChildFailedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _end_with_input() -> None:
    """Whoever started this process holds its input open for as long as it lives."""
    import signal

    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)  # as torchrun is ended: the agent ends its workers first


def _alone(run_id: str) -> Any:
    """A rendezvous of one agent with itself: it needs no port."""
    import torch.distributed
    from torch.distributed.elastic.rendezvous import RendezvousHandler, RendezvousInfo, RendezvousStoreInfo

    stores: Any = torch.distributed

    class Alone(RendezvousHandler):
        def __init__(self) -> None:
            self.rounds = 0
            self.closed = False

        def get_backend(self) -> str:
            return "alone"

        def next_rendezvous(self) -> RendezvousInfo:
            self.rounds += 1
            store = stores.PrefixStore(f"{run_id}/{self.rounds}", stores.HashStore())
            # Workers do not use the address: they meet by a file.
            return RendezvousInfo(store, 0, 1, RendezvousStoreInfo("127.0.0.1", 0))

        def is_closed(self) -> bool:
            return self.closed

        def set_closed(self) -> None:
            self.closed = True

        def num_nodes_waiting(self) -> int:
            return 0

        def get_run_id(self) -> str:
            return run_id

        def shutdown(self) -> bool:
            self.closed = True
            return True

    return Alone()


# -------------------------------------------------------------------------------------------------- by hand


def _by_hand(context: Context) -> str:
    """Say the command, and wait for what it leaves in the folder."""
    listener = _listening(context)
    command = (
        f"torchrun --nnodes N --nproc-per-node P --max-restarts {context.engine.max_failures} --rdzv-backend c10d "
        f"--rdzv-endpoint HOST:29500 -m fittingroom.training.worker {shlex.quote(str(context.scratch.resolve()))}"
    )
    count = context.engine.processes
    said = Text(
        en=f"train: waits for {count} processes; run this on each of N machines, N x P = {count}, with the folder on "
        f"a disk that all of them share: {command}",
        zh=f"训练：等待 {count} 个进程；请在 N 台机器上分别执行下面的命令（N x P = {count}，所有机器共享该目录）："
        f"{command}",
    )
    context.note(Note("waiting_for_processes", {"processes": count, "command": command}, said))
    while not (context.scratch / JOB / DONE).exists() and failed(context.scratch) is None:
        listener.listen()
        time.sleep(_LOOK)
    listener.listen(last=True)
    return ""


if __name__ == "__main__":
    sys.exit(agent(sys.argv[1:]))
