"""Processes meet under a name of their own, whatever dead ones left in the store."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from fittingroom.training.meeting import met

SOON = timedelta(seconds=20)


def meeting(store: Any, size: int, late: float = 0.0) -> list[str]:
    """What each finds; the last one comes `late` seconds after the others."""
    names = [""] * size

    def come(rank: int) -> None:
        time.sleep(late if rank == size - 1 else 0.0)
        names[rank] = met(store, rank, size, SOON)

    coming = [threading.Thread(target=come, args=(rank,)) for rank in range(size)]
    for one in coming:
        one.start()
    for one in coming:
        one.join()
    return names


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_meeting_has_a_name_of_its_own(size: int) -> None:
    from torch.distributed import HashStore

    store = HashStore()
    seen = set()
    for late in (0.0, 0.3, 0.0):
        [name] = set(meeting(store, size, late))
        seen.add(name)
    assert len(seen) == 3
    assert "" not in seen


def test_one_that_left_a_word_and_died_is_not_met() -> None:
    from torch.distributed import HashStore

    store = HashStore()
    with pytest.raises(TimeoutError, match="2 processes"):
        met(store, 1, 2, timedelta(seconds=0.2))  # it dies before the main one comes
    with pytest.raises(TimeoutError):
        met(store, 0, 2, timedelta(seconds=0.2))  # it finds the word of a dead one, who does not answer
    [name] = set(meeting(store, 2, 0.2))
    assert name
