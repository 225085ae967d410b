"""The loop, measured: bad states on three real sets, in cells that can be run in pieces.

    python benchmarks/loop/run.py --data ../shared/data [--faults FILE] [--sets …] [--states …] [--arms …]

Every finished cell is a line of benchmarks/results/loop.jsonl, and is not run again; `loop_page.py` makes the page.
Arms: `hand` (somebody who knows the fault), `loop`, then `optuna` and `random` with the minutes that the loop took
after its first attempt. What a shop asks for does not depend on what went wrong: the gate of all cells of a set
stands 0.02 below what the good configuration reaches on dev with the rows as they are (state `clean`). Faults of the
labels are planted into more rows (state `clean-many`): thinned out or drawn anew, a few hundred would leave nothing to
learn from.
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

os.environ.setdefault("DO_NOT_TRACK", "1")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import arms  # noqa: E402
from sets import SETS, recipe, write_rows  # noqa: E402
from states import State, read, spoilt  # noqa: E402

from machine import machine  # noqa: E402

RESULTS = HERE.parent / "results" / "loop.jsonl"
BELOW = 0.02
"""How far below the good configuration's score on clean rows the gate stands, on dev."""
CLEAN = State(kind="healthy")
"""The good configuration on the rows as they are."""


def known(file: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(set, state, arm) -> its line."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {(one["set"], one["state"], one["arm"]): one for one in map(json.loads, lines)}


def cell_of(root: Path, data: Path, name: str, state: State, many: bool) -> arms.Cell:
    """The workspace of one state on one set."""
    this = SETS[name]
    if many:
        this, root = this._replace(most=this.many), root.with_name(f"{root.name}-many")
    write_rows(data, this, root)
    good = recipe(this)
    return arms.Cell(root, good, spoilt(good, state.recipe), spoilt(good, state.hand), state)


def takes_many(state: State) -> bool:
    """Whether labels are spoilt or thinned out."""
    return bool({"imbalance", "noise", "swapped", "drawer", "slipped", "filed_twice", "copied_down"} & set(state.data))


def run_cell(
    cell: arms.Cell,
    name: str,
    title: str,
    wanted: list[str],
    done: dict[tuple[str, str, str], dict[str, Any]],
    out: Path,
) -> None:
    """The arms of one cell that are not there yet, one after the other."""

    def keep(arm: str, found: dict[str, Any]) -> dict[str, Any]:
        line = {"set": name, "state": title, "arm": arm, "kind": cell.state.kind, "causes": cell.state.causes, **found}
        line["load_1min"] = machine()["load_1min"]
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        done[name, title, arm] = line
        print(time.strftime("%H:%M:%S"), name, title, arm, json.dumps(found)[:300], flush=True)
        return line

    if (name, title, "hand") not in done:
        keep("hand", arms.by_hand(cell))
    if "loop" in wanted or "optuna" in wanted or "random" in wanted:
        gate = round(done[name, clean_of(cell.state), "hand"]["dev"] - BELOW, 4)
        looped = done.get((name, title, "loop")) or keep("loop", arms.loop(cell, gate))
        left = max(0.5, looped["minutes"] - looped["first_minutes"])
        if "optuna" in wanted and (name, title, "optuna") not in done:
            keep("optuna", arms.optuna(cell, left))
        if "random" in wanted and (name, title, "random") not in done:
            keep("random", arms.at_random(cell, left))


def clean_of(state: State) -> str:
    """The state without a fault that sets the gate."""
    return "clean-many" if takes_many(state) else "clean"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FITTINGROOM_DATA", "../shared/data")))
    parser.add_argument("--faults", type=Path, default=HERE / "faults.yaml")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument(
        "--work", type=Path, help="folder of workspaces that are kept; else they go when a cell is done"
    )
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--states", nargs="*")
    parser.add_argument("--arms", nargs="*", default=["loop", "optuna", "random"])
    given = parser.parse_args()
    done = known(given.out)
    for name in given.sets:
        for title, state in read(given.faults).items():
            if given.states and title not in given.states:
                continue
            many = takes_many(state)
            with tempfile.TemporaryDirectory() as folder:
                # One workspace for all states of a set: the hand-made training is the same in most of them.
                root = (given.work or Path(folder)) / name
                for what, one, wanted in ((clean_of(state), CLEAN, []), (title, state, given.arms)):
                    if any((name, what, arm) not in done for arm in ("hand", *wanted)):
                        run_cell(cell_of(root, given.data, name, one, many), name, what, wanted, done, given.out)


if __name__ == "__main__":
    main()
