"""The loop on further seeds of the sample shop: `python benchmarks/sample_seeds.py [--seeds 11 12 13 14 15]`.

How often did the first attempt fail, and a later one pass? Writes benchmarks/results/sample_seeds.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fittingroom import Workspace
from fittingroom.progress import ProgressLine
from fittingroom.types import Attempt
from machine import machine

RESULTS = Path(__file__).resolve().parent / "results" / "sample_seeds.json"


def run(seed: int) -> dict[str, Any]:
    """The sample shop of one seed, from nothing to the end of its loop."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder) / "shop"
        before, started = machine(), time.monotonic()
        Workspace(shop).init(sample=True, seed=seed)
        summary = Workspace(shop, progress=ProgressLine("en")).run()
        return {
            "seed": seed,
            "status": summary.status,
            "minutes": round((time.monotonic() - started) / 60, 2),
            "attempts": [_attempt(attempt) for attempt in summary.attempts],
            "metrics": {name: round(value, 4) for name, value in summary.metrics.items()},
            "machine": before,
        }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "cause": attempt.cause,
        "patch": attempt.patch,
        "dev_macro_f1": round(attempt.metrics.get("dev.macro_f1", 0.0), 4),
        "verdict": attempt.verdict,
        "minutes": round(attempt.minutes, 2),
        "findings": [finding.pitfall for finding in attempt.findings],
    }


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    failed_first = [result for result in results if result["attempts"][0]["verdict"] != "PASS"]
    mended = [result for result in failed_first if result["status"] == "passed"]
    facts = results[0]["machine"]
    first = f"The first attempt failed on {len(failed_first)} of {len(results)} seeds"
    first = f"The first attempt failed on {len(failed_first)} of {len(results)} seeds"
    lines = [
        "# The loop on further seeds of the sample shop",
        "",
        f"{first}; a later one passed on {len(mended)} of these. {facts['processor']}, {facts['cores']} cores.",
        "With the stand-in model `nano`. Written by `benchmarks/sample_seeds.py`.",
        "",
        "| seed | status | attempt | cause | change | dev macro-F1 | verdict | test macro-F1 | minutes |",
        "|--:|---|--:|---|---|--:|---|--:|--:|",
    ]
    for result in results:
        for number, attempt in enumerate(result["attempts"], 1):
            last = number == len(result["attempts"])
            change = ", ".join(f"{path} = {value}" for path, value in attempt["patch"].items())
            test = result["metrics"].get("test.macro_f1")
            lines.append(
                f"| {result['seed']} | {result['status'] if last else ''} | {number} | {attempt['cause']} | {change} "
                f"| {attempt['dev_macro_f1']:.3f} | {attempt['verdict'] or 'blocked'} "
                f"| {f'{test:.3f}' if last and test is not None else ''} | {attempt['minutes']} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13, 14, 15])
    results = []
    for seed in parser.parse_args().seeds:
        results.append(run(seed))
        RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        RESULTS.with_suffix(".md").write_text(table(results), encoding="utf-8")
        print(seed, results[-1]["status"], results[-1]["minutes"], "min", file=sys.stderr)


if __name__ == "__main__":
    main()
