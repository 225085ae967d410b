"""One of two processes that take part in the trainings of some folders, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fittingroom.training.worker import MEET, THREADS, joined, work


def main(folders: list[str]) -> None:
    with joined(os.environ) as ranks:
        for folder in folders:
            work(Path(folder), ranks)


def together(folders: Sequence[Path], meet: Path, count: int = 2) -> None:
    """Run them; AssertionError with what a process said when one fails."""
    from fittingroom.training.launch import loopback

    environment = {
        **os.environ, "WORLD_SIZE": str(count), MEET: str(meet), THREADS: "1", "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": loopback(),
    }  # fmt: skip
    command = [sys.executable, __file__, *map(str, folders)]
    running = [
        subprocess.Popen(
            command, env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(count)
    ]
    said = [one.communicate(timeout=240)[1] for one in running]
    assert [one.returncode for one in running] == [0] * count, "\n".join(said)


if __name__ == "__main__":
    main(sys.argv[1:])
