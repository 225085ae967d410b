"""One child process, measured whole: start-up, its own children, and the peak of all of them together."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_EVERY_S = 0.1


class Spent(NamedTuple):
    """CPU (user + system, children included) and wall in seconds; peak memory in MiB; the load when it began."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    load: float


def without_network() -> list[str]:
    """What runs a command with no network, where the machine allows it; else nothing."""
    command = ["unshare", "-rn"]
    if not shutil.which(command[0]):
        return []
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []


def spent_by(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, core: int | None = None
) -> Spent:
    """Run a command to its end. Its output goes to `log`. Raises RuntimeError, with the end of it, when it fails.

    Peak memory is the larger of the kernel's figure for the largest process and the sum over the whole family of
    processes (shared pages shared out), sampled ten times a second.
    """
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"), "1")
    load = os.getloadavg()[0]
    with log.open("w", encoding="utf-8") as out:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | threads | dict(environment or {})
        )
        ended = threading.Event()
        peaks = [0.0]
        watcher = threading.Thread(target=_watch, args=(process.pid, ended, peaks))
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        watcher.join()
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    peak = max(usage.ru_maxrss / 1024, peaks[0])
    return Spent(usage.ru_utime + usage.ru_stime, wall, peak, load)


def _watch(root: int, ended: threading.Event, peaks: list[float]) -> None:
    while not ended.wait(_EVERY_S):
        family = list(_family(root))
        if len(family) > 1:  # of a single process the kernel's own figure is exact
            peaks[0] = max(peaks[0], sum(map(_proportional, family)))


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _family(child)


def _proportional(pid: int) -> float:
    """Memory of a process in MiB, pages that it shares with others divided among them; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
