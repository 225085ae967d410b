"""Which predictor answers for an alias, and how it changes while requests are in flight.

The alias file is looked at before each answer (one `stat`) and by a watcher in quiet times. When an alias moved, the
new bundle is loaded aside; until it is whole, the old one answers. Whoever got the old predictor keeps it to the end of
the request. The release that was left stays in memory, so that a rollback is immediate.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from fittingroom.errors import FittingroomError, StoreError
from fittingroom.serving.answers import Answers
from fittingroom.serving.metrics import Metrics
from fittingroom.serving.registry import CHAMPION, alias_target
from fittingroom.types import Release

log = logging.getLogger("fittingroom.serving")


class Served(NamedTuple):
    """What answers a request."""

    alias: str
    release: Release
    predictor: Answers


class Provider(Protocol):
    """Alias -> predictor, as the application sees it."""

    def names(self) -> Sequence[str]:
        """Aliases that are served; the first is the default."""

    def current(self, alias: str) -> Served | None:
        """What answers for an alias now; None while nothing does yet. Raises KeyError for an alias not served."""


Load = Callable[[Release], Answers]


class Champions:
    """The provider of a real server: follows the aliases of a registry."""

    def __init__(
        self,
        root: Path,
        load: Load,
        *,
        aliases: Sequence[str] = (CHAMPION,),
        metrics: Metrics | None = None,
        warm: int = 2,
    ) -> None:
        """`load` makes a predictor of a release; `warm` is how many are kept in memory."""
        self.root = root
        self._load = load
        self._aliases = tuple(aliases)
        self._metrics = metrics or Metrics()
        self._warm = max(warm, len(self._aliases))
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._now: dict[str, Served] = {}
        self._kept: OrderedDict[str, Answers] = OrderedDict()
        self._seen: object = None
        self._closed = threading.Event()
        self._busy: threading.Thread | None = None

    def names(self) -> Sequence[str]:
        """Aliases that are served."""
        return self._aliases

    def current(self, alias: str) -> Served | None:
        """What answers now; a move of the alias that was just seen is followed in the background."""
        if alias not in self._aliases:
            raise KeyError(alias)
        if self._moved():
            self._follow_aside()
        with self._lock:
            return self._now.get(alias)

    def follow(self) -> None:
        """Make every alias answer with the release that it points at; returns when that is so.

        Raises FittingroomError when a release cannot be loaded; what answered before still does.
        """
        with self._loading:
            stamp = self._stamp()
            try:
                for alias in self._aliases:
                    self._follow_one(alias)
            finally:
                # A release that cannot be loaded is not tried again until the alias moves again.
                self._seen = stamp

    def watch(self, seconds: float = 0.5) -> None:
        """Follow the aliases also when nobody asks, until `close`."""
        threading.Thread(target=self._watch, args=(seconds,), name="alias-watch", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        if self._busy is not None:
            self._busy.join()

    def _watch(self, seconds: float) -> None:
        while not self._closed.wait(seconds):
            if self._moved():
                self._follow_aside()

    def _follow_one(self, alias: str) -> None:
        release = alias_target(self.root, alias)
        before = self._now.get(alias)
        if before is not None and before.release == release:
            return
        try:
            predictor = self._kept.get(release.bundle) or self._load(release)
        except FittingroomError:
            self._metrics.swapped(alias, "failed")
            raise
        with self._lock:
            self._now[alias] = Served(alias, release, predictor)
            self._kept[release.bundle] = predictor
            self._kept.move_to_end(release.bundle)
            while len(self._kept) > self._warm:
                self._kept.popitem(last=False)
        self._metrics.release(alias, release.version)
        if before is not None:
            self._metrics.swapped(alias, "done")
            log.info("alias %s moved from release %d to %d", alias, before.release.version, release.version)

    def _follow_aside(self) -> None:
        """Follow in a thread of its own, one at a time; an alias whose release is still in memory moves at once."""
        with self._lock:
            if self._busy is not None and self._busy.is_alive():
                return
            self._busy = threading.Thread(target=self._follow_quietly, name="alias-follow", daemon=True)
            self._busy.start()
            busy = self._busy
        if self._is_warm():
            busy.join()

    def _follow_quietly(self) -> None:
        try:
            self.follow()
        except FittingroomError as error:
            log.error("an alias moved to a release that cannot be served; the old one goes on: %s", error)

    def _is_warm(self) -> bool:
        try:
            targets = [alias_target(self.root, alias).bundle for alias in self._aliases]
        except StoreError:
            return False
        with self._lock:
            return all(bundle in self._kept for bundle in targets)

    def _moved(self) -> bool:
        return self._stamp() != self._seen

    def _stamp(self) -> object:
        """Identity of the alias file: it is replaced whole, so a new one is a new inode."""
        try:
            state = (self.root / "registry" / "aliases.json").stat()
        except FileNotFoundError:
            return None
        return state.st_ino, state.st_mtime_ns, state.st_size
