"""Limits of the server: what is too large, too many or too fast is refused, with words and a waiting time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import Field

from fittingroom.serving.problems import ApiError
from fittingroom.types import Frozen


class Limits(Frozen):
    """How much one server takes on."""

    max_body_bytes: int = Field(default=1_000_000, ge=1_000)
    """Size of one request."""
    max_inputs: int = Field(default=64, ge=1)
    """Messages in one request to classify."""
    max_candidates: int = Field(default=1000, ge=1)
    """Titles in one request to rank."""
    max_characters: int = Field(default=20_000, ge=1)
    """Characters of one message; longer ones are refused, not cut."""
    max_new_tokens: int = Field(default=512, ge=1)
    """Tokens that one answer may have; a request for more is refused."""
    max_waiting: int = Field(default=32, ge=1)
    """Requests that are worked on or wait for the model; the next one is told to come back later (503)."""
    requests_per_minute: int = Field(default=0, ge=0)
    """Requests that are taken in a minute, in bursts up to this number; 0 for no such limit (429)."""


class Queue:
    """A bounded queue in front of the model: it counts who is inside and turns the rest away at once."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0
        self._lock = threading.Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises ApiError 503 when all are taken."""
        with self._lock:
            if self.taken >= self.places:
                raise ApiError(503, "the server is busy; try again shortly", code="overloaded", retry_after=1)
            self.taken += 1
        try:
            yield
        finally:
            with self._lock:
                self.taken -= 1


class RateLimit:
    """A token bucket: `per_minute` requests a minute, with bursts up to as many."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._level = float(per_minute)
        self._seen = clock()
        self._lock = threading.Lock()

    def take(self) -> int:
        """Take one request: 0 when it may pass, else the seconds to wait."""
        if not self.per_minute:
            return 0
        with self._lock:
            now = self._clock()
            refilled = self._level + (now - self._seen) * self.per_minute / 60
            self._level, self._seen = min(float(self.per_minute), refilled), now
            if self._level < 1:
                return max(1, math.ceil((1 - self._level) * 60 / self.per_minute))
            self._level -= 1
            return 0
