"""The page of the loop: `python benchmarks/loop/loop_page.py` makes benchmarks/results/loop.{json,md} of what was run.

What is missing is counted and named; nothing is filled in.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from run import BELOW, RESULTS, known  # noqa: E402
from sets import HAND, SETS  # noqa: E402
from states import State, read  # noqa: E402

Cell = dict[str, Any]
ARMS = ("hand", "loop", "optuna", "random")
EARLIER = ("earlier", "earlier healthy")
ABOUT = (
    "Deliberately bad states on real sets, the built-in model, cut to what a core trains in minutes: the figures "
    "compare ways to mend a run and say nothing about real DeepSeek models. Score: macro-F1. `hand`: a good hand-made "
    "configuration that knows the fault. The gate of all cells of a set stands {below} below what the good "
    "configuration reaches on dev with clean rows; a state that passes it as planted did no harm, has nothing to name "
    "and is counted apart. Faults of labels are planted into the training rows alone: dev and test say what is true. "
    "The loop may make three attempts after the first. Optuna and random patches had the minutes that the loop took "
    "after its first attempt (half a minute at least). Optuna may choose rate, batch, decay and dropout, no epochs; "
    "each of its trials takes half the epochs, what it chose is trained whole. An attempt that is blocked before it "
    "is trained, with a remedy that only a person can apply, has no score: it is named, and counts as not recovered. "
    "The loop's own fallback, a search with Optuna where no cause is left, is off here: causes are what is measured. "
    "Other work shared the machine. A healthy run is examined as if the gate had said no, and must be told no cause, "
    "not even one to think about. Made by `loop_page.py`."
)
KINDS = (
    "Kinds: `seen`: the eight states that the diagnosis was made with, on two sets; on the third one it is only "
    "judged. `earlier`: states that were written before the diagnosis was last changed, by somebody who had not read "
    "it; some of those changes were made with their results in view. `unseen`, `compound`, `healthy`: written by "
    "somebody who had read neither the diagnosis nor any result, for the diagnosis as it was frozen in commit "
    "{freeze}; each stands on one of the three sets, in turn. It was the third freeze: after the first one healthy "
    "runs were told causes, and labels that nobody had audited were not looked at; after the second one healthy runs "
    "were still told of overfitting and too few rows, and a rate was lowered against what had been measured. All of "
    "that was changed, and `earlier healthy` are the sound states of the second freeze. Files of the diagnosis that "
    "differ from the freeze today: {since}."
)
BESIDE = {
    "loop_second_freeze": (
        "The states of the second freeze, on the diagnosis as it was then (commit 999fdc0; `loop_second_freeze.jsonl`)."
        " Of the lost scores that it did not bring back, those that were run again since stand above as `earlier`."
    ),
    "loop_sound": (
        "The sound states of both freezes, on the diagnosis as it is now (`loop_sound.jsonl`): it was changed after "
        "the third freeze too, for what a reader of its code remarked, not for what had been measured."
    ),
}
"""Lines of other times, by the name of their file, and what they are."""
DIAGNOSIS = (
    "src/fittingroom/pitfalls",
    "src/fittingroom/diagnose.py",
    "src/fittingroom/loop.py",
    "src/fittingroom/stages/examine.py",
    *(f"src/fittingroom/training/{name}.py" for name in ("examining", "rivals", "response", "learnt")),
)
"""What names causes."""
_LOST = 0.05
"""Score that a fault must cost on test before a share of it can be said to be recovered."""


def cells(done: dict[tuple[str, str, str], Cell], states: dict[str, State]) -> list[Cell]:
    """One entry per set and state of which the loop was run."""
    found = []
    for name in SETS:
        for title, state in states.items():
            arms = {arm: done[name, title, arm] for arm in ARMS if (name, title, arm) in done}
            if "loop" in arms:
                found.append(_cell(name, title, state, arms))
    return found


def _cell(name: str, title: str, state: State, arms: dict[str, Cell]) -> Cell:
    looped = arms["loop"]
    # Where the fault did so little harm that the gate passes as planted, there is nothing to name and nothing to mend.
    harmless = "healthy" not in state.kind and looped["status"] == "passed" and len(looped["attempts"]) == 1
    right = looped["named"] in state.causes if state.causes else looped["named"] == ""
    scores = {"first": looped["first"], **arms}
    return {
        "set": name,
        "judged_only": SETS[name].judged_only,
        "state": title,
        "kind": state.kind,
        "causes": state.causes,
        "named": looped["named"],
        "right": right,
        "harmless": harmless,
        "attempts": len(looped["attempts"]),
        "minutes": looped["minutes"],
        "dev": {arm: one.get("dev") for arm, one in scores.items()},
        "test": {arm: one.get("test") for arm, one in scores.items()},
        "recovered": _recovered(scores, "loop"),
        "worse": _below(scores),
        "told": [
            {name: one[name] for name in ("cause", "patch", "expected", "came", "dev")} for one in looped["attempts"]
        ],
    }


def states_of(done: dict[tuple[str, str, str], Cell]) -> dict[str, State]:
    """The states of lines of another time, as these lines tell."""
    return {title: State(kind=one["kind"], causes=one["causes"]) for (_, title, _), one in done.items()}


def planned(states: dict[str, State], title: str) -> list[str]:
    """The sets that a state is to be run on."""
    if states[title].kind in ("seen", *EARLIER):
        return list(SETS) if states[title].kind == "seen" else []
    after = [name for name, state in states.items() if state.kind not in ("seen", *EARLIER)]
    return [list(SETS)[after.index(title) % len(SETS)]]


def freeze_of(file: Path) -> str:
    """The commit that stands in the head of the file of unseen states. Raises ValueError where none does."""
    found = re.search(r"\(commit ([0-9a-f]{7,40})\)", file.read_text(encoding="utf-8"))
    if not found:
        raise ValueError(f"{file.name} does not say which commit the diagnosis was frozen in")
    return found[1]


def since(freeze: str) -> str:
    """The files of the diagnosis that were changed after a commit."""
    command = ["git", "diff", "--name-only", freeze, "--", *DIAGNOSIS]
    said = subprocess.run(command, cwd=HERE.parents[1], check=True, capture_output=True, text=True).stdout.split()
    return ", ".join(f"`{name.removeprefix('src/fittingroom/')}`" for name in said) or "none"


def _recovered(scores: dict[str, Cell], arm: str) -> float | None:
    """Share of the score lost on test that came back; None where little was lost, or one was not judged."""
    first, hand, now = (scores.get(name, {}).get("test") for name in ("first", "hand", arm))
    if first is None or hand is None or now is None or hand - first < _LOST:
        return None
    return round((now - first) / (hand - first), 3)


def _below(scores: dict[str, Cell]) -> bool:
    """Whether the loop's result is worse on test, which no attempt is chosen by, than the attempt it began with."""
    first, now = scores["first"].get("test"), scores["loop"].get("test")
    return first is not None and (now is None or now < first)


ORDER = ("seen", "seen, set only judged", *EARLIER, "unseen", "compound", "healthy")


def _group(one: Cell) -> str:
    return ORDER[1] if one["kind"] == "seen" and one["judged_only"] else one["kind"]


def summary(found: list[Cell]) -> dict[str, Any]:
    """By kind: how often the first name was right, the median share recovered, who is ahead on test. Of the states that
    the diagnosis was made with in view, the set that no limit was chosen on stands apart.
    """
    told = {}
    for kind in ORDER:
        all_of_it = [one for one in found if _group(one) == kind]
        if not all_of_it:
            continue
        harmless = sum(one["harmless"] for one in all_of_it)
        own = [one for one in all_of_it if not one["harmless"]]
        shares = sorted(one["recovered"] for one in own if one["recovered"] is not None)
        told[kind] = {
            "cells": len(own),
            "harmless": harmless,
            "named_right": sum(one["right"] for one in own),
            "recovered_80": sum(share >= 0.8 for share in shares),
            "with_a_loss": len(shares),
            "blocked": sum(one["test"]["first"] is None for one in own),
            "median_recovered": shares[len(shares) // 2] if shares else None,
            "worse_than_the_first": sum(one["worse"] for one in own),
            **{f"ahead_of_{other}": _ahead(own, other) for other in ("optuna", "random")},
        }
    return told


def _ahead(own: list[Cell], other: str) -> str:
    both = [one for one in own if one["test"].get("loop") is not None and one["test"].get(other) is not None]
    wins = sum(one["test"]["loop"] > one["test"][other] for one in both)
    ties = sum(one["test"]["loop"] == one["test"][other] for one in both)
    return f"{wins} of {len(both)}" + (f", {ties} equal" if ties else "")


def told(whole: dict[str, Any]) -> str:
    """As a page."""
    missing = whole["missing"]
    lines = [
        "# The loop, measured",
        "",
        ABOUT.format(below=BELOW),
        "",
        KINDS.format(freeze=whole["freeze"], since=whole["since"]),
        "",
        f"**{len(whole['cells'])} cells were run to their end**; what was not run stands at the end.",
        "",
        *_table(whole["summary"]),
    ]
    for name, counted in whole["beside"].items():
        lines += ["", BESIDE[name], "", *_table(counted)]
    lines += [
        "",
        _row(
            "set",
            "state",
            "cause named first",
            "right",
            "attempts",
            "minutes",
            "first: dev / test",
            "loop",
            "hand",
            "Optuna",
            "random",
            "recovered",
        ),
        "|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for one in whole["cells"]:
        pairs = " | ".join(_pair(one, arm) for arm in ("first", "loop", "hand", "optuna", "random"))
        lines.append(
            f"| {one['set']}{' (only judged)' if one['judged_only'] else ''} | {one['state']} | {one['named'] or '–'} "
            f"| {_verdict(one)} | {one['attempts']} | {one['minutes']:.1f} | {pairs} "
            f"| {_shown(one['recovered'])} |"
        )
    lines += ["", "What the loop did, attempt by attempt (expected and came: change of macro-F1 on dev):", ""]
    for one in whole["cells"]:
        lines += [f"- {one['set']}, {one['state']}: " + "; ".join(_attempt(told) for told in one["told"])]
    if missing:
        lines += ["", "Not run, by set and arm:", ""]
        lines += [f"- {name}: {', '.join(titles)}" for name, titles in missing.items()]
    return "\n".join(lines) + "\n"


def _table(summary: dict[str, Any]) -> list[str]:
    """One row per kind."""
    lines = [
        _row(
            "kind",
            "cells",
            "no harm",
            "cause named first",
            "≥ 80 % of the loss recovered",
            "blocked, left to a person",
            "median recovered",
            "worse than the first, on test",
            "ahead of Optuna",
            "ahead of random",
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for kind, one in summary.items():
        lines.append(
            f"| {kind} | {one['cells']} | {one['harmless']} | {one['named_right']} "
            f"| {one['recovered_80']} of {one['with_a_loss'] + one['blocked']} | {one['blocked']} "
            f"| {_shown(one['median_recovered'])} "
            f"| {one['worse_than_the_first']} | {one['ahead_of_optuna']} | {one['ahead_of_random']} |"
        )
    return lines


def _verdict(one: Cell) -> str:
    return "no harm" if one["harmless"] else "yes" if one["right"] else "no"


def _row(*names: str) -> str:
    return f"| {' | '.join(names)} |"


def _attempt(told: dict[str, Any]) -> str:
    score = "blocked" if told["dev"] is None else f"{told['dev']:.3f}"
    if not told["cause"]:
        return f"as planted {score}"
    change = ", ".join(f"`{path}` = {value}" for path, value in told["patch"].items())
    return f"{told['cause']} → {change}: {score} (expected {told['expected']:+.3f}, came {_shown(told['came'], '+')})"


def _pair(one: Cell, arm: str) -> str:
    if arm not in one["dev"]:
        return "–"
    return f"{_shown(one['dev'][arm])} / {_shown(one['test'][arm])}"


def _shown(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=Path, nargs="*", default=[HERE / "faults.yaml"])
    parser.add_argument("--cells", type=Path, default=RESULTS)
    given = parser.parse_args()
    states = {title: state for file in given.faults for title, state in read(file).items()}
    done = known(given.cells)
    found = cells(done, states)
    missing: dict[str, list[str]] = {}
    for name, arm, title in itertools.product(SETS, ARMS, states):
        if (name, title, arm) not in done and name in planned(states, title):
            missing.setdefault(f"{name}, {arm}", []).append(title)
    freeze = freeze_of(HERE / "unseen.yaml")
    beside = {name: known(given.cells.with_name(f"{name}.jsonl")) for name in BESIDE}
    whole = {
        "freeze": freeze,
        "since": since(freeze),
        "hand": HAND,
        "summary": summary(found),
        "beside": {name: summary(cells(lines, states_of(lines))) for name, lines in beside.items() if lines},
        "cells": found,
        "missing": missing,
    }
    given.cells.with_suffix(".json").write_text(
        json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    given.cells.with_suffix(".md").write_text(told(whole), encoding="utf-8")
    print(f"{len(found)} cells, {sum(map(len, missing.values()))} arms missing")


if __name__ == "__main__":
    main()
