"""One of the processes of a training: `torchrun ... -m fittingroom.training.worker FOLDER`.

FOLDER is a job's (see `training.job`), on a disk that all machines share. torchrun says which process this is; the
process sees one GPU, its own. It goes on from the newest checkpoint, so that a training whose processes were started
again ends as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom import errors
from fittingroom.engine import Context, cpu_threads, silent, unheard
from fittingroom.errors import FittingroomError
from fittingroom.room import roomy
from fittingroom.store import write_json
from fittingroom.training.meeting import met
from fittingroom.training.told import Teller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fittingroom.training.ranks import Ranks

TOLD, FAILED = "told.jsonl", "failed.json"
MEET = "FITTINGROOM_MEET"
"""Environment variable: the file by which processes of one machine find each other, so that none listens on a port."""
PARENT = "FITTINGROOM_PARENT"
"""Environment variable: set by `training.launch`, under which a process ends when the one that started it does."""
THREADS = "FITTINGROOM_THREADS"
"""Environment variable: processor threads of a process."""
_PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others: longer than weights take to be written."""
_LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def main(arguments: list[str]) -> int:
    """Take part in the training of a folder; returns the exit status."""
    if len(arguments) != 1 or "RANK" not in os.environ:
        print("torchrun --nnodes N --nproc-per-node N ... -m fittingroom.training.worker FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    if failed(folder) is not None:
        return 0  # the input is at fault: a second start would find the same
    if PARENT in os.environ:
        _end_with(os.getppid())
    with joined(os.environ) as ranks:
        return take_part(folder, ranks)


def take_part(folder: Path, ranks: Ranks) -> int:
    """Train as one of the processes of a group that stands; returns the exit status. What was raised on purpose is left
    in a file for the run, and raised here only where a full disk does not take it.
    """
    try:
        with roomy(folder):
            work(folder, ranks)
    except FittingroomError as error:
        if not _left(folder, error):
            raise  # the last words of this process are what the run is told then
        return 1
    return 0


def _left(folder: Path, error: FittingroomError) -> bool:
    """Whether the file that tells the run of an error could be written."""
    said = {"error": type(error).__name__, "en": error.en, "zh": error.zh, "place": error.place}
    try:
        write_json(folder / "job" / FAILED, said)
    except OSError as unwritten:
        error.add_note(f"{FAILED} could not be written: {unwritten}")
        return False
    return True


def work(folder: Path, ranks: Ranks) -> None:
    """Train; the main process tells, and leaves the result in the folder."""
    from fittingroom.training.job import Job, trained
    from fittingroom.training.sharded import Sharded
    from fittingroom.training.split import Split

    job = Job.read(folder)
    if job.plan.sharding != "none":
        ranks = {"full": Sharded, "tensor": Split}[job.plan.sharding](ranks.rank, ranks.size)
    teller = Teller(folder / "job" / TOLD) if ranks.main else None
    context = Context(
        root=folder,
        scratch=folder,
        secret=b"",
        progress=teller.progress if teller is not None else silent,
        note=teller.note if teller is not None else unheard,
        threads=_threads(),
    )
    done = trained(job, context, ranks)
    if done is not None:
        done.write(folder)


def failed(folder: Path) -> FittingroomError | None:
    """The error that ended the training of a folder, where the input was at fault."""
    path = folder / "job" / FAILED
    if not path.exists():
        return None
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    kind = getattr(errors, said["error"], errors.UserError)
    error: FittingroomError = kind(said["en"], said["zh"], place=said["place"])
    return error


@contextmanager
def joined(environment: Mapping[str, str]) -> Iterator[Ranks]:
    """The group of processes that torchrun's variables name."""
    rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    local = int(environment.get("LOCAL_RANK", "0"))
    _see_one_gpu(local)
    import torch
    import torch.distributed

    from fittingroom.training.ranks import Ranks

    group: Any = torch.distributed
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    store = _store(environment, rank, size)
    group.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    try:
        with alone_in_its_world():
            yield Ranks.here()
    finally:
        group.destroy_process_group()


def _store(environment: Mapping[str, str], rank: int, size: int) -> Any:
    """Where these processes, and none of an earlier start, leave their addresses for each other."""
    import torch.distributed

    group: Any = torch.distributed
    if MEET in environment:
        again = environment.get("TORCHELASTIC_RESTART_COUNT", "0")
        return group.FileStore(f"{environment[MEET]}.{again}", size)
    store, _, _ = next(group.rendezvous("env://", rank, size, timeout=_PATIENCE))
    return group.PrefixStore(met(store, rank, size, _PATIENCE), store)


def _see_one_gpu(local: int) -> None:
    """To be called before CUDA is looked at."""
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = said.split(",") if said is not None else None
    if seen is None or len(seen) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = seen[local] if seen is not None and local < len(seen) else str(local)


@contextmanager
def alone_in_its_world() -> Iterator[None]:
    """Inside it transformers and accelerate take this for the only process. By torchrun's variables they would wrap the
    model and share out the batches once more.
    """
    taken = {name: os.environ.pop(name) for name in _LAUNCHED if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(taken)


def _threads() -> int:
    """Processor threads for this process: as said, else its share of the machine's."""
    said = os.environ.get(THREADS)
    return int(said) if said else max(1, cpu_threads() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _end_with(parent: int) -> None:
    """End this process, in whatever it waits, once its parent is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
