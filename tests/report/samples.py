"""A made-up run for the tests of the report."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from fittingroom.report import AttemptView, Change, Example, FindingView, Judgement, ReportData, StageLine
from fittingroom.tables import Table
from fittingroom.types import (
    Attempt,
    Check,
    EvalReport,
    Finding,
    GateDecision,
    Interval,
    RunSummary,
    Score,
    Severity,
    Text,
    Verdict,
)

LABELS = ["positive", "neutral", "negative"]


def around(value: float, width: float = 0.03) -> Interval:
    return Interval(value=value, low=value - width, high=value + width)


def metrics(value: float) -> dict[str, Interval]:
    return {name: around(value) for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1")}


def evaluated(value: float, *, tfidf: float, part: Any = "dev", labels: list[str] = LABELS) -> EvalReport:
    many = len(labels)
    confusion = [[30 if i == j else (7 * i + 3 * j) % 5 for j in range(many)] for i in range(many)]
    bins = [
        {"low": low / 10, "high": (low + 1) / 10, "rows": rows, "confidence": low / 10 + 0.05, "accuracy": low / 10}
        for low, rows in ((4, 20), (6, 60), (8, 120), (9, 220))
    ]
    slices = [
        {"by": by, "value": kind, "rows": 120, "groups": 100, "few": kind == "rare", "metric": "accuracy",
         "accuracy": 0.8, "low": 0.72, "high": 0.86}
        for by, kind in (
            ("length", "≤ 12"),
            ("length", "> 12"),
            ("script", "zh"),
            ("script", "en"),
            ("source", "social-1"),
            ("frequency", "rare"),
        )
    ]  # fmt: skip
    return EvalReport(
        part=part,
        labels=labels,
        model=Score(
            name="model",
            metrics=metrics(value),
            per_class={label: {"precision": 0.8, "recall": value, "f1": 0.8, "support": 33.0} for label in labels},
        ),
        baselines=[
            Score(name="majority", metrics=metrics(0.3), difference=metrics(value - 0.3), p_values={"macro_f1": 0.001}),
            Score(name="tfidf", metrics=metrics(tfidf), difference=metrics(value - tfidf)),
            Score(name="untuned", metrics={}, error="nano: the base model is not here"),
        ],
        confusion=confusion,
        predictions=Table.of(pa.table({"id": ["1"]})),
        rows=420,
        facts={
            "calibration": {"ece": 0.05, "brier": 0.21, "log_loss": 0.44, "bins": bins},
            "slices": slices,
            "baseline_rows": {"majority": 420, "tfidf": 420},
            "baseline_facts": {"few_shot": {"examples": 5, "wanted": 8, "classes": 4, "fewer": 2}},
            "champion": {"alias": "champion", "release": 3, "bundle": "x"},
            "truncated": {"rows": 7, "share": 0.02, "tokens": 91},
            "unscored": {"no target": 2, "no finite probabilities": 0},
            "forgetting": {"texts": 40, "before": 3.1, "after": 3.3, "rise": 0.2, "low": 0.1, "high": 0.4},
            "abstention": {"threshold": 0.7, "coverage": 0.81, "precision": 0.953, "wanted": 0.95},
            "none_of_these": {"label": "none", "rows": 31, "said": 9, "precision": None, "recall": 0.25, "f1": 0.4},
            "order": {"shown": True, "rows": 100, "permutations": 4, "stable": 0.93},
        },
        timing={"p50_ms": 21.0, "p95_ms": 48.0, "latency_rows": 40.0, "rows_per_second": 50.0},
    )


def decided(verdict: Verdict, value: float, part: Any = "dev") -> GateDecision:
    reason = Text(en=f"macro F1 {value:.3f} against the threshold 0.750", zh=f"宏平均 F1 {value:.3f}，门槛 0.750")
    check = Check(name="macro_f1 at_least", verdict=verdict, measured={"value": value}, limit=0.75, reason=reason)
    return GateDecision(part=part, verdict=verdict, checks=[check])


def curves(steps: int, *, diverges: bool = False) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    every = [
        {"step": float(step), "loss": 2.0 * math.exp(-step / 60) + 0.3 + 0.05 * math.sin(step)}
        for step in range(1, steps + 1)
    ]
    if diverges:
        every[-1]["loss"] = math.nan
    evals = [
        {
            "step": float(step),
            "dev_loss": 1.4 * math.exp(-step / 80) + 0.5 + step / 2000,
            "train_loss": 1.4 * math.exp(-step / 70) + 0.3,
            "dev_metric": 0.8 - 0.5 * math.exp(-step / 60),
            "train_metric": 0.95 - 0.6 * math.exp(-step / 60),
        }
        for step in range(20, steps + 1, 20)
    ]
    return every, evals


def road() -> list[StageLine]:
    return [
        StageLine(
            stage="prepare",
            rows={"kept": 3000, "dropped": 60, "rejected": 4},
            reasons={"too short": 40, "spam": 20, "not UTF-8": 4},
            facts={
                "edits": {"html": 120, "mojibake": 31},
                "personal": {"phone": 88},
                "sources": {"sql-1": {"in": 3064}},
            },
            seconds=2.4,
        ),
        StageLine(
            stage="dedup", rows={"kept": 2700, "dropped": 300}, reasons={"exact duplicate": 180, "near duplicate": 120}
        ),
        StageLine(stage="split", rows={"train": 1890, "dev": 270, "calibration": 135, "test": 405, "dropped": 0}),
        StageLine(stage="train", seconds=80.0),
        StageLine(stage="evaluate.dev", rows={"rows": 420, "unscored": 0}),
    ]


def finding(text: str = "收到的衣服颜色不对 colour is off") -> FindingView:
    return FindingView(
        finding=Finding(
            pitfall="learning-rate-too-low",
            stage="train",
            severity=Severity.WARN,
            summary=Text(en="the loss was still falling at the end", zh="训练结束时损失仍在下降"),
            measured={"slope": -0.0123},
            limits={"slope": -0.002},
            examples=("r1",),
        ),
        title=Text(en="Learning rate too low", zh="学习率过低"),
        remedy=Text(en="Raises it to three times.", zh="提高到三倍。"),
        examples=[Example(id="r1", text=text, note="positive → negative")],
    )


def report_data(**over: Any) -> ReportData:
    first = Attempt(number=1, config_digest="a", metrics={"dev.macro_f1": 0.61}, verdict=Verdict.FAIL, minutes=1.2)
    second = Attempt(
        number=2,
        config_digest="b",
        patch={"train.learning_rate": 0.0003},
        cause="learning-rate-too-low",
        expectation=Text(en="the loss falls further", zh="损失会继续下降"),
        metrics={"dev.macro_f1": 0.81},
        verdict=Verdict.PASS,
        minutes=1.3,
    )
    steps, evals = curves(200)
    early, early_evals = curves(120, diverges=True)
    views = [
        AttemptView(
            attempt=first, stages=road(), findings=[finding()], steps=early, evals=early_evals, best_step=100,
            stopped="completed", report=evaluated(0.61, tfidf=0.7), decision=decided(Verdict.FAIL, 0.61),
        ),
        AttemptView(
            attempt=second, cause=Text(en="Learning rate too low", zh="学习率过低"), stages=road(), steps=steps,
            changed=[Change(path="train.learning_rate", before=0.0001, after=0.0003)], evals=evals, best_step=160,
            stopped="early_stopping", report=evaluated(0.81, tfidf=0.7), decision=decided(Verdict.PASS, 0.81),
        ),
    ]  # fmt: skip
    fields: dict[str, Any] = {
        "run": RunSummary(
            id="20250301-120000-abc123",
            name="reviews",
            status="passed",
            metrics={"dev.macro_f1": 0.81, "test.macro_f1": 0.79},
            decision=Verdict.PASS,
            release=3,
            attempts=[first, second],
            message=Text(en="release 3 is deployed as champion", zh="第 3 版已上线，别名 champion"),
            digests={"split": "0f" * 16},
        ),
        "base": "nano",
        "task": "classify",
        "fields": ["review"],
        "target": "sentiment",
        "created": "2025-03-01 12:00 UTC",
        "minutes": 2.5,
        "attempts": views,
        "test": Judgement(report=evaluated(0.79, tfidf=0.7, part="test"), decision=decided(Verdict.PASS, 0.79, "test")),
        "command": "fittingroom run recipe.yaml",
        "recipe": "name: reviews\nseed: 7\n",
        "versions": {"torch": "2.8.0"},
    }
    return ReportData(**fields | over)
