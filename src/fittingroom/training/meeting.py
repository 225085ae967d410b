"""Processes that were started together find out that they were, through a store that outlives them.

torchrun's agents keep one store for all restarts, and how often each of them has restarted differs between machines.
Addresses of processes that are dead lie in it; whoever reads one of them before it is written anew tries to reach
nobody, and the restart is lost. So each process says a word that was never said before, the main one reads out the
words of all, and only once everybody has answered to the same list is its digest the name under which they meet.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from datetime import timedelta
from typing import Any

_LOOK = 0.05
"""Seconds between two looks into the store."""


def met(store: Any, rank: int, size: int, patience: timedelta) -> str:
    """The name of this meeting of `size` processes: the same in all, and never one of an earlier meeting.

    Raises TimeoutError when they have not come together within `patience`.
    """
    own = uuid.uuid4().hex
    store.set(f"word/{rank}", own)
    until = time.monotonic() + patience.total_seconds()
    while time.monotonic() < until:
        if rank == 0:
            _read_out(store, size)
        words = _read(store, "words").split(",")
        name = hashlib.sha256(",".join(words).encode()).hexdigest()
        if len(words) == size and words[rank] == own:
            store.set(f"heard/{rank}", name)
            if rank == 0 and all(_read(store, f"heard/{other}") == name for other in range(size)):
                store.set("name", name)
            if _read(store, "name") == name:
                return name
        time.sleep(_LOOK)
    raise TimeoutError(f"of {size} processes not all came within {patience}")


def _read_out(store: Any, size: int) -> None:
    """The words that lie there now; one that a dead process left is replaced once its successor says its own."""
    words = ",".join(_read(store, f"word/{other}") for other in range(size))
    if words != _read(store, "words"):
        store.set("words", words)


def _read(store: Any, key: str) -> str:
    """A value, or nothing: to ask for one that is not there would wait for it."""
    return str(store.get(key).decode()) if store.check([key]) else ""
