"""Recipes on real data sets, to their end: `python benchmarks/real_input.py [--only NAME]`.

Needs the data sets in FITTINGROOM_DATA. Writes benchmarks/results/real_input.{json,md}; results of recipes that were
not run again are kept. With the small built-in model the scores are low; what counts is that the road ends, when,
and that the comparison with the baselines is honest.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fittingroom import Workspace
from fittingroom.config import load
from fittingroom.progress import ProgressLine
from fittingroom.stages import evaluate
from fittingroom.store import Store
from fittingroom.types import EvalReport, RunSummary, Score
from machine import machine

HERE = Path(__file__).resolve().parent
RECIPES = HERE.parent / "recipes"
RESULTS = HERE / "results" / "real_input.json"
NAMES = (
    "zh_shop_reviews-sentiment",
    "zh_shop_reviews-category",
    "en_intent_banking77",
    "en_intent_hint3_sofmattress",
    "en_intent_hint3_sofmattress-letters",
    "en_support_bitext-intent",
    "en_support_bitext",
    "zh_jddc_dialogues",
    "zh_advertisegen",
    "en_instacart_sample",
    "en_groceries_baskets",
    "en_homedepot_relevance",
    "zh_query_title_qbqtc",
)


_NO_CONTESTANTS = ("rows", "order")
_UNBIASED = 8
"""The version of `evaluate` from which on intervals of macro-F1 are corrected for their bias."""


def run(name: str) -> dict[str, Any]:
    """One recipe in a fresh workspace."""
    with tempfile.TemporaryDirectory() as folder:
        before, started = machine(), time.monotonic()
        summary = Workspace(folder, progress=ProgressLine("en")).run(str(RECIPES / f"{name}.yaml"))
        minutes = (time.monotonic() - started) / 60
        parts = {
            part: _scores(Store(Path(folder)).load(digest, EvalReport))
            for part in ("dev", "test")
            if (digest := summary.digests.get(f"evaluate.{part}"))
        }
        return {
            "machine": before,
            "judged_with": evaluate.VERSION,
            "metric": load(RECIPES / f"{name}.yaml").gate.metric,
            "minutes": round(minutes, 2),
            "status": summary.status,
            "decision": summary.decision,
            "attempts": [_attempt(attempt) for attempt in summary.attempts],
            "scores": parts,
            "ledger": _ledger(Path(folder), summary),
        }


def _attempt(attempt: Any) -> dict[str, Any]:
    return {
        "cause": attempt.cause,
        "patch": attempt.patch,
        "metrics": {name: round(value, 4) for name, value in attempt.metrics.items()},
        "verdict": attempt.verdict,
        "minutes": attempt.minutes,
        "findings": [f"{finding.pitfall}: {finding.summary.en}" for finding in attempt.findings],
    }


def _scores(report: EvalReport) -> dict[str, Any]:
    def rounded(score: Score) -> dict[str, Any]:
        return {
            "metrics": {k: [round(v.value, 4), round(v.low, 4), round(v.high, 4)] for k, v in score.metrics.items()},
            "model_minus_it": {
                k: [round(v.value, 4), round(v.low, 4), round(v.high, 4)] for k, v in score.difference.items()
            },
            "error": score.error,
        }

    order = {"order": report.facts["order"]} if report.facts.get("order", {}).get("shown") else {}
    return {"rows": report.rows, "model": rounded(report.model), **order} | {
        baseline.name: rounded(baseline) for baseline in report.baselines
    }


def _ledger(folder: Path, summary: RunSummary) -> dict[str, Any]:
    events = [json.loads(line) for line in (folder / "runs" / summary.id / "events.jsonl").read_text().splitlines()]
    return {event["stage"]: event["ledger"] for event in events if event["kind"] == "stage_done" and event["ledger"]}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Recipes on real data sets",
        "",
        "Fine-tuning of the built-in stand-in model `nano`, beside baselines, on the test part (dev where the gate did",
        "not let it through to test), by the metric of the recipe's gate. Brackets: 95 % bootstrap interval. **The",
        "model is a stand-in: these figures say nothing about real DeepSeek models.** Written by",
        "`benchmarks/real_input.py`.",
        "",
        "| recipe | part | rows | metric | contestant | value | model minus it |",
        "|---|---|--:|---|---|--:|--:|",
    ]
    for name, result in results.items():
        part, scores = _judged(result)
        for contestant, score in scores.items():
            if contestant not in _NO_CONTESTANTS:
                lines.append(_line(name, part, scores["rows"], contestant, score, _metric(result)))
    lines += [
        "",
        "| recipe | status | attempts | minutes | processor | cores | load before |",
        "|---|---|--:|--:|---|--:|--:|",
    ]
    for name, result in results.items():
        facts = result["machine"]
        lines.append(
            f"| {name} | {result['status']} | {len(result['attempts'])} | {result['minutes']} | {facts['processor']} "
            f"| {facts['cores']} | {facts['load_1min']} |"
        )
    return "\n".join([*lines, "", *_winners(results), *_orders(results), *_before(results)]) + "\n"


def _before(results: dict[str, Any]) -> list[str]:
    """What was judged before intervals were corrected."""
    old = [
        name
        for name, result in results.items()
        if result.get("judged_with", 0) < _UNBIASED and _metric(result) == "macro_f1"
    ]
    said = ", ".join(old)
    return (
        [f"- Judged before intervals of macro-F1 were corrected for bias; both ends lie too low: {said}."]
        if old
        else []
    )


def _orders(results: dict[str, Any]) -> list[str]:
    """Where options are listed: whether answers depend on the order in which they stand."""
    found = [(name, _judged(result)[1].get("order")) for name, result in results.items()]
    return [
        f"- {name}: under {order['permutations']} orders of the options that training had not seen, "
        f"{order['stable']:.1%} of {order['rows']} answers are one and the same under all of them; "
        f"{order['agreeing']:.1%} agree with the answer as served."
        for name, order in found
        if order
    ]


def _metric(result: dict[str, Any]) -> str:
    """The metric of the gate; results of older runs are those of classifiers."""
    return str(result.get("metric", "macro_f1"))


def _judged(result: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The part that counts and its scores."""
    part = "test" if "test" in result["scores"] else "dev"
    return part, result["scores"].get(part, {})


def _line(name: str, part: str, rows: int, contestant: str, score: dict[str, Any], metric: str) -> str:
    def shown(values: list[float] | None) -> str:
        return f"{values[0]:.3f} [{values[1]:.3f}, {values[2]:.3f}]" if values else ""

    value = shown(score["metrics"].get(metric)) or f"not scored: {score['error']}"
    minus = shown(score["model_minus_it"].get(metric))
    return f"| {name} | {part} | {rows} | {metric} | {contestant} | {value} | {minus} |"


def _winners(results: dict[str, Any]) -> list[str]:
    """Who wins, plainly: the model against the best of its baselines."""
    lines = []
    for name, result in results.items():
        metric, (_, scores) = _metric(result), _judged(result)
        rivals = {
            who: score
            for who, score in scores.items()
            if who not in ("model", *_NO_CONTESTANTS) and score["model_minus_it"].get(metric)
        }
        if not rivals:
            continue
        who = max(rivals, key=lambda one: (rivals[one]["metrics"][metric][0], one))
        value, low, high = rivals[who]["model_minus_it"][metric]
        word = f"{who} wins" if high < 0 else "the model wins" if low > 0 else "no clear winner"
        lines.append(f"- {name}: {word} (best baseline {who}; the model minus it, {metric}: {value:+.3f}).")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=NAMES, action="append")
    arguments = parser.parse_args()
    os.environ.setdefault("FITTINGROOM_DATA", str(HERE.parent.parent / "shared" / "data"))
    os.environ.setdefault("FITTINGROOM_KEY", "key-of-the-benchmark-only")
    if not Path(os.environ["FITTINGROOM_DATA"]).is_dir():
        sys.exit("set FITTINGROOM_DATA to the folder of the data sets")
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in arguments.only or NAMES:
        results[name] = run(name)
        ordered = {known: results[known] for known in NAMES if known in results}
        RESULTS.write_text(json.dumps(ordered, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        RESULTS.with_suffix(".md").write_text(table(ordered), encoding="utf-8")
        print(name, results[name]["status"], results[name]["minutes"], "min", file=sys.stderr)


if __name__ == "__main__":
    main()
