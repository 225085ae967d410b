"""What a piece of work reaches for outside this machine: names it looks up, connections, installers it starts.

Python's audit events tell it (PEP 578); what native code opens by itself is not seen. A hook can not be taken away
again, so there is one for the process, and it looks only while somebody watches.
"""

from __future__ import annotations

import socket
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import pairwise
from pathlib import PurePath
from typing import Any

_INSTALLERS = {"pip", "pip3", "uv", "conda", "mamba", "micromamba", "apt", "apt-get", "npm", "poetry"}
_WATCHERS: list[Outside] = []
_hooked = False


class Outside:
    """What was seen while it was watched; falsy when nothing was."""

    def __init__(self, allowed: str | None) -> None:
        self._allowed = allowed
        self._looked_up = False
        self.hosts: Counter[str] = Counter()
        self.installs: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self.hosts or self.installs)

    def facts(self) -> dict[str, dict[str, int]]:
        """JSON values for the facts of a stage: host -> times, installer -> times."""
        return {"hosts": dict(sorted(self.hosts.items())), "installs": dict(sorted(self.installs.items()))}

    def look_up(self, host: str) -> None:
        """A name is looked up."""
        if not _is_local(host):
            self._looked_up = True
            if self._allowed is not None and host not in self._allowed:
                self.hosts[host] += 1

    def connect(self, address: str) -> None:
        """A connection is opened; behind a name that was looked up, the name counted already."""
        if self._allowed is None or self._looked_up or _is_local(address) or address in self._allowed:
            return
        self.hosts[address] += 1

    def start(self, command: Sequence[str]) -> None:
        """A process is started."""
        words = [PurePath(word).name for word in command]
        called = {after for word, after in pairwise(words) if word == "-m"} | set(words[:1])
        named = _INSTALLERS & called
        if named and {"install", "download", "add", "sync"} & set(words):
            self.installs[min(named)] += 1


@contextmanager
def watched(allowed: str | None) -> Iterator[Outside]:
    """Watch what is done inside. `allowed`: a text that holds every host that is reached on purpose; None: any host."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_hear)
        _hooked = True
    seen = Outside(allowed)
    _WATCHERS.append(seen)
    try:
        yield seen
    finally:
        _WATCHERS.remove(seen)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _WATCHERS:
        return
    if event == "socket.getaddrinfo":
        host = arguments[0].decode("ascii", "replace") if isinstance(arguments[0], bytes) else arguments[0]
        for one in _WATCHERS:
            one.look_up(host or "")
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        for one in _WATCHERS:
            one.connect(str(arguments[1][0]))
    elif event == "subprocess.Popen":
        command = arguments[1] if isinstance(arguments[1], list | tuple) else str(arguments[1]).split()
        for one in _WATCHERS:
            one.start([word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in command])


def _is_local(host: str) -> bool:
    if host in ("", "localhost", socket.gethostname()) or host.startswith("/"):
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified or address.is_link_local
