"""Metrics of one server in Prometheus' format, in a registry of its own.

Labels are closed sets: route templates, status codes, the task's labels, our own reasons. No text and no name of a user
ever becomes a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class Metrics:
    """The numbers that a server keeps."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        self._requests = Counter(
            "fittingroom_requests",
            "Requests answered; status 0: the client went away.",
            ["route", "status"],
            registry=own,
        )
        self._seconds = Histogram(
            "fittingroom_request_duration_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=own
        )
        self._refused = Counter(
            "fittingroom_refused", "Requests turned away before any work.", ["reason"], registry=own
        )
        self._inside = Gauge("fittingroom_requests_inside", "Requests at the model or in its queue.", registry=own)
        self._predictions = Counter("fittingroom_predictions", "Messages classified.", ["alias", "label"], registry=own)
        self._confidence = Histogram(
            "fittingroom_confidence", "Probability of the label given.", ["alias"], buckets=_SHARES, registry=own
        )
        self._tokens = Counter("fittingroom_tokens", "Tokens of chats.", ["alias", "kind"], registry=own)
        self._release = Gauge("fittingroom_release", "Release behind an alias.", ["alias"], registry=own)
        self._swaps = Counter(
            "fittingroom_swaps", "Moves of an alias while serving.", ["alias", "outcome"], registry=own
        )
        self._unrecorded = Counter("fittingroom_unrecorded", "Messages that could not be recorded.", registry=own)

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request ended; status 0 is a client that went away first."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, reason: str) -> None:
        """A request was turned away: `rate` or `queue`."""
        self._refused.labels(reason).inc()

    def count_inside(self, number: Callable[[], int]) -> None:
        """Where to ask how many requests are inside."""
        self._inside.set_function(number)

    def predicted(self, alias: str, answers: Iterable[tuple[str, float]]) -> None:
        """Labels and confidences given."""
        for label, confidence in answers:
            self._predictions.labels(alias, label).inc()
            self._confidence.labels(alias).observe(confidence)

    def chatted(self, alias: str, prompt: int, completion: int) -> None:
        """Tokens read and written."""
        self._tokens.labels(alias, "prompt").inc(prompt)
        self._tokens.labels(alias, "completion").inc(completion)

    def release(self, alias: str, version: int) -> None:
        """The release now served."""
        self._release.labels(alias).set(version)

    def swapped(self, alias: str, outcome: str) -> None:
        """An alias moved: `done` or `failed`."""
        self._swaps.labels(alias, outcome).inc()

    def unrecorded(self, messages: int) -> None:
        """Messages were answered but not recorded."""
        self._unrecorded.inc(messages)

    def page(self) -> bytes:
        """All numbers as text."""
        return generate_latest(self.registry)
