"""The C library gives memory back where it is tight, and is left alone where it is not."""

from __future__ import annotations

import platform
from typing import Any

import pytest

from fittingroom.training import heap
from fittingroom.training.config import TrainConfig
from pitfalls.tiny_preflight import plan

FULL = TrainConfig(method="full", learning_rate=1e-3, batch_size=32)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
@pytest.mark.parametrize(
    ("estimate", "processes", "device", "wanted"),
    [(470, 1, "cpu", False), (480, 1, "cpu", True), (240, 2, "cpu", True), (900, 1, "cuda", False)],
)
def test_set_only_where_twice_the_estimate_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, estimate: int, processes: int, device: str, wanted: bool
) -> None:
    import ctypes

    asked: list[tuple[int, int]] = []

    class Library:
        def mallopt(self, name: int, value: int) -> int:
            asked.append((name, value))
            return 1

    def library(name: Any) -> Library:
        return Library()

    monkeypatch.setattr(heap, "machine_bytes", lambda wanted: ("a processor", 1000))
    monkeypatch.setattr(ctypes, "CDLL", library)

    assert heap.give_back(plan(FULL, {}, memory_bytes=estimate, device=device), processes) is wanted

    assert asked == ([(-3, 1_048_576)] if wanted else [])
