"""`kill -9` at random moments of a short run, each followed by `resume`: `python benchmarks/kills.py [--kills 30]`.

Every resumed run must end as the undisturbed one did: same status, release, scores, digests and bundle, and no torn
file. Writes benchmarks/results/kills.{json,md}. The moments are drawn from a seed; at which stage they fall depends on
the machine.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from machine import machine

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
import test_crash  # noqa: E402 - the same steps as the test takes

RESULTS = HERE / "results" / "kills.json"


def kill(folder: Path, moment: float, expected: dict[str, Any]) -> dict[str, Any]:
    """One killed and resumed run, compared with the undisturbed one."""
    row: dict[str, Any] = {"after_seconds": round(moment, 2), "same": False, "whole": False, "error": ""}
    try:
        row["same"] = test_crash.killed_and_resumed(folder, [moment]) == expected
        test_crash.assert_nothing_torn(folder)
        row["whole"] = True
    except AssertionError as error:
        row["error"] = str(error)[:200]
    row["stage"] = stage_of_kill(folder)
    return row


def stage_of_kill(folder: Path) -> str:
    """The stage that was running when the journal broke off."""
    (events,) = folder.glob("runs/*/events.jsonl")
    running, starts = "start", 0
    for line in events.read_text("utf-8").splitlines():
        event = json.loads(line)
        starts += event["kind"] == "run_started"
        if starts == 2:
            return running
        if event["kind"] == "stage_started":
            running = event["stage"]
        elif event["kind"] == "stage_done":
            running = f"after {event['stage']}"
        elif event["kind"] == "run_done":
            running = "after the end"
    return running


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    rows = result["kills"]
    good = sum(row["same"] and row["whole"] for row in rows)
    stages = Counter(row["stage"] for row in rows)
    facts = result["machine"]
    lines = [
        "# Killed and resumed",
        "",
        f"{good} of {len(rows)} runs killed with `kill -9` at a random moment ended, once resumed, in the release",
        f"of the undisturbed run ({result['seconds']} s): same scores, digests and bundle, no torn file.",
        f"{facts['processor']}, {facts['cores']} cores. Written by `benchmarks/kills.py`.",
        "",
        "| killed in | times |",
        "|---|--:|",
        *(f"| {stage} | {count} |" for stage, count in stages.most_common()),
    ]
    lines += [
        f"\nAfter {row['after_seconds']} s: {row['error'] or 'another outcome'}" for row in rows if not row["same"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Kill and resume, and write down what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "seed": given.seed, "kills": []}
    with tempfile.TemporaryDirectory() as name:
        expected, seconds = test_crash.undisturbed(Path(name) / "calm")
        result["seconds"] = round(seconds, 1)
        generator = random.Random(given.seed)
        for number in range(given.kills):
            row = kill(Path(name) / f"killed-{number}", generator.uniform(0.05, 0.98) * seconds, expected)
            result["kills"].append(row)
            print(number + 1, row, file=sys.stderr)
            RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            RESULTS.with_suffix(".md").write_text(table(result), encoding="utf-8")
    sys.exit(0 if all(row["same"] and row["whole"] for row in result["kills"]) else 1)


if __name__ == "__main__":
    main()
