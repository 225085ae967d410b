"""Progress on standard error: which stage, how far, how long still; of a training also how it learns and how fast."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from fittingroom.engine import Note

_STAGES = (
    "prepare",
    "label",
    "dedup",
    "split",
    "audit",
    "balance",
    "configure",
    "train",
    "package",
    "evaluate.dev",
    "gate.dev",
    "examine",
    "evaluate.test",
    "gate.test",
)
_NAMES_ZH = {
    "prepare": "准备数据",
    "label": "标注合并",
    "dedup": "去重",
    "split": "划分",
    "audit": "标签审计",
    "balance": "均衡",
    "configure": "配置",
    "train": "训练",
    "package": "打包",
    "evaluate.dev": "评测（开发集）",
    "gate.dev": "门禁（开发集）",
    "examine": "查找原因",
    "evaluate.test": "评测（测试集）",
    "gate.test": "门禁（测试集）",
    "rates": "试探学习率",
    "passes": "试探前向规模",
    "search": "搜索",
    "merge": "合并权重",
    "calibrate": "校准",
    "render": "渲染",
    "time a step": "测一步用时",
    "verify": "验证基座",
    "trial steps": "试训练",
    "answers": "作答",
    "untuned": "未微调模型",
    "few_shot": "带示例的未微调模型",
    "champion": "现役模型",
    "head": "线性头",
    "encoder": "小型编码器",
    "forgetting": "遗忘",
    "monitor": "监控",
}
STEP = "step"
"""Kind of the notes that hold the values of a training's step."""


class ProgressLine:
    """A progress sink for people: one live line on a terminal, a line every few seconds elsewhere."""

    def __init__(self, language: str = "en", stream: TextIO | None = None, every: float = 5.0) -> None:
        self._stream = stream or sys.stderr
        self._chinese = language.startswith("zh")
        self._live = self._stream.isatty()
        self._every = 0.2 if self._live else every
        self._stage = ""
        self._phase = ""
        """What a stage is doing besides its main work: rendering, trying rates, calibrating."""
        self._entered = 0.0
        self._started = 0.0
        self._said = 0.0
        self._values: Mapping[str, float] = {}
        """Of the last training step."""

    def note(self, note: Note) -> None:
        """Show a sentence on a line of its own; keep the values of a step for the next line."""
        if note.kind == STEP:
            self._values = note.data
        if note.text is not None:
            said = note.text.zh if self._chinese else note.text.en
            clear = "\r\033[K" if self._live else ""
            self._stream.write(f"{clear}{said}\n")
            self._stream.flush()

    def __call__(self, what: str, done: float, total: float) -> None:
        """Show that `done` of `total` is done in `what`; done = 0 starts a stage, done = total ends it."""
        now = time.monotonic()
        if what in _STAGES and (what != self._stage or done <= 0):
            self._stage, self._entered, self._said = what, now, 0.0
            self._values = {}
        if what != self._phase or done <= 0:
            self._phase, self._started = what, now
        finished = done >= total and what in _STAGES and what == self._stage
        if not finished and now - self._said < self._every:
            return
        self._said = now
        self._write(what, done, total, now - (self._entered if finished else self._started), finished)

    def _write(self, phase: str, done: float, total: float, spent: float, finished: bool) -> None:
        stage = self._stage or phase
        place = f"[{_STAGES.index(stage) + 1:2d}/{len(_STAGES)}] " if stage in _STAGES else ""
        names = [stage] if phase == stage else [stage, phase]
        name = ": ".join(_NAMES_ZH.get(each, each) if self._chinese else each for each in names)
        if finished:
            tail = f"{spent:6.1f} s"
        else:
            share = min(1.0, done / total) if total else 0.0
            learning = phase == "train" and bool(self._values)
            seconds = self._values["seconds_left"] if learning else spent / share * (1 - share) if share else 0.0
            left = f", {self._left(seconds)}" if share > 0.02 and spent > 1 else ""
            tail = f"{share:4.0%}{left}{self._learning() if learning else ''}"
        line = f"{place}{name:<14} {tail}"
        if self._live:
            self._stream.write(f"\r\033[K{line}" + ("\n" if finished else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def _learning(self) -> str:
        """Step, loss, rate and speed of a training."""
        values, zh = self._values, self._chinese
        parts = [
            f"{'第' if zh else 'step'} {values['step']:.0f}/{values['steps']:.0f}{' 步' if zh else ''}",
            f"{'损失' if zh else 'loss'} {values['loss']:.4f}",
            f"{'学习率' if zh else 'rate'} {values['learning_rate']:.3g}",
            f"{values['tokens_per_second']:,.0f} {'词元/秒' if zh else 'tokens/s'}",
            f"{values['examples_per_second']:,.1f} {'条/秒' if zh else 'examples/s'}",
        ]
        return "".join(f" · {part}" for part in parts)

    def _left(self, seconds: float) -> str:
        minutes, rest = divmod(round(seconds), 60)
        time_left = f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
        return f"还剩 {time_left}" if self._chinese else f"{time_left} left"


class ProgressLines:
    """A progress sink for programs (`--json`): one JSON object per line, every few seconds and for every sentence."""

    def __init__(self, stream: TextIO | None = None, every: float = 5.0) -> None:
        self._stream = stream or sys.stderr
        self._every = every
        self._what = ""
        self._began = self._said = 0.0
        self._values: Mapping[str, Any] = {}

    def note(self, note: Note) -> None:
        """A sentence at once; the values of a step with the next line of progress."""
        if note.kind == STEP:
            self._values = note.data
        if note.text is not None:
            self._write({"note": note.kind, **note.data, "text": note.text.model_dump()})

    def __call__(self, what: str, done: float, total: float) -> None:
        """One line where something begins or ends, and every few seconds between."""
        now = time.monotonic()
        if what != self._what or done <= 0:
            self._what, self._began, self._said, self._values = what, now, 0.0, {}
        if 0 < done < total and now - self._said < self._every:
            return
        self._said = now
        share = done / total if total else 0.0
        left = {"seconds_left": round((now - self._began) * (1 - share) / share, 1)} if 0 < share < 1 else {}
        self._write({"progress": what, "done": done, "total": total, **left, **self._values})

    def _write(self, line: Mapping[str, Any]) -> None:
        plain = {name: None if value != value else value for name, value in line.items()}  # JSON knows no NaN
        self._stream.write(json.dumps(plain, ensure_ascii=False) + "\n")
        self._stream.flush()
