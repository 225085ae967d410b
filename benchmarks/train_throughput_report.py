"""The tables of `train_throughput.py`."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import train_material as material
from machine import machine

OURS, TRL, PATCHED, FACTORY = "fittingroom", "TRL", "TRL, patched", "LLaMA-Factory"
TOOLS = (OURS, TRL, PATCHED, FACTORY)
AIMS = {
    "routing": {TRL: 50.0, FACTORY: 25.0},
    "dialogues": {"the better of both": 1.5},
    "mixture": {TRL: 10.0, FACTORY: 10.0},
}
TITLES = {
    "routing": "(a) Routing: 77 intents, all listed in the prompt; Qwen2 shape",
    "dialogues": "(b) Dialogues: nothing shared; the same model",
    "mixture": "(c) The rows of (a) on a DeepSeek-V3 shape with experts",
}


def judged(cases: dict[str, Any], work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    folders = {name: work / f"model-{name}" for name in material.MODELS}
    made = {name: material.parameters(folder) for name, folder in folders.items() if (folder / "done").exists()}
    return {
        "machine": machine(),
        "threads": options.threads,
        "pinned_to": options.core,
        "batch": options.batch,
        "steps": options.steps,
        "short_peers": options.short_peers,
        "settings_tried": options.settings,
        "parameters": made,
        "aims": AIMS,
        "cases": {name: _case(name, case) for name, case in cases.items()},
    }


def _case(name: str, case: dict[str, Any]) -> dict[str, Any]:
    rows = {tool: _figures(runs) for tool, runs in case["runs"].items()}
    refused = [tool for tool, row in rows.items() if not row.get("same")]
    ranked = {tool: row for tool, row in rows.items() if tool not in refused}
    own = ranked.get(OURS)
    ratios = {}
    if own is not None:
        for tool, row in ranked.items():
            if tool != OURS:
                ratios[tool] = {
                    "wall": own["tokens_per_s"] / row["tokens_per_s"],
                    "cpu": row["cpu_ms_per_token"] / own["cpu_ms_per_token"],
                    "peak_mib": own["peak_mib"] / row["peak_mib"],
                    "later": row["later_s"] / own["later_s"] if row["later_s"] and own["later_s"] else None,
                }
        peers = [ratios[tool] for tool in (TRL, FACTORY) if tool in ratios]
        if peers:
            ratios["the better of both"] = {what: min(one[what] for one in peers) for what in ("wall", "cpu")}
            later = [one["later"] for one in peers if one["later"]]
            ratios["the better of both"]["later"] = min(later, default=None)
    tries = {tool: [_figures([run]) for run in runs] for tool, runs in case["tries"].items()}
    return {"chosen": case["chosen"], "rows": rows, "refused": refused, "ratios": ratios, "tries": tries}


def _figures(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the runs of one contestant with one setting."""
    good = [run for run in runs if "failed" not in run]
    if not good:
        return {"setting": runs[0]["setting"], "failed": runs[0]["failed"]}
    # Rows come sorted by length, so that steps differ: all of them count, and each per token of its rows.
    wall = statistics.median(sum(run["seconds"]) / run["row_tokens"] for run in good)
    cpu = statistics.median(sum(run["cpu_seconds"]) / run["row_tokens"] for run in good)
    tokens = good[0]["row_tokens"] / good[0]["rows"]
    return {
        "setting": good[0]["setting"],
        "runs": len(good),
        "examples": good[0]["rows"],
        "optimiser_steps": len(good[0]["seconds"]),
        "examples_per_s": 1 / wall / tokens,
        "tokens_per_s": 1 / wall,
        "cpu_ms_per_token": 1000 * cpu,
        "computed_per_token": sum(good[0]["computed"]) / good[0]["row_tokens"],
        "peak_mib": max(run["peak_mib"] for run in good),
        "loaded_mib": max(run["loaded_mib"] for run in good),
        "later_s": _later(good),
        "losses": good[0]["losses"],
        "held_out_loss": good[0]["held_out_loss"],
        "load": [min(run["load"] for run in good), max(run["load"] for run in good)],
        "same": all(run["same"] for run in good),
        "foreign": good[0]["foreign"],
        "missing": good[0]["missing"],
    }


def _later(good: list[dict[str, Any]]) -> float | None:
    """Seconds of an example after the first step, in which everyone allocates; None where a run has one step."""
    if any(len(run["seconds"]) < 2 for run in good):
        return None
    return statistics.median(sum(run["seconds"][1:]) / sum(run["examples"][1:]) for run in good)


def report(result: dict[str, Any]) -> str:
    """The page."""
    facts = result["machine"]
    loads = [load for case in result["cases"].values() for row in case["rows"].values() for load in row.get("load", [])]
    pinned = f", pinned to core {result['pinned_to']}" if result["pinned_to"] else ""
    about = (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, Python {facts['python']}, torch "
        f"{facts['libraries']['torch']}, float32, {result['threads']} thread(s){pinned}; load (1 minute) before a run "
        f"{min(loads, default=0):.1f} to {max(loads, default=0):.1f}. {result['steps']} steps of {result['batch']} "
        f"examples. Random weights: {_models(result)}. Made by `train_throughput.py`, which "
        "says how."
    )
    parts = ["# Training beside TRL 1.16 and LLaMA-Factory 0.9.5", about]
    controls = {name: _control(name, result["cases"]) for name in result["cases"]} if result["short_peers"] else {}
    if result["short_peers"]:
        parts += [SHORT, *_controls(controls)]
    if result["settings_tried"]:
        parts.append(f"Of each contestant only the first {result['settings_tried']} settings were tried.")
    for name, case in result["cases"].items():
        parts += [f"## {TITLES[name]}", _table(case), _aims(name, case, controls.get(name))]
    parts += ["## All settings tried", *(_tries(name, case) for name, case in result["cases"].items() if case["tries"])]
    return "\n\n".join([*parts, NOTES]) + "\n"


def _models(result: dict[str, Any]) -> str:
    said = {"qwen": "Qwen2, embedding and head apart", "mixture": "DeepSeek-V3"}
    return ", ".join(f"{said[name]}, {count / 1e6:.1f} M" for name, count in result["parameters"].items())


_RATIOS = " ours is faster: wall | CPU | wall, after the first step |"
_HEAD = [
    (
        "| | setting | runs of | examples/s | tokens/s | CPU ms/token | computed per token | peak MiB | of it loaded | "
        f"loss, held out |{_RATIOS}"
    ),
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
]


def _table(case: dict[str, Any]) -> str:
    lines = list(_HEAD)
    for tool in TOOLS:
        row = case["rows"].get(tool)
        if row is None:
            continue
        ratio = case["ratios"].get(tool)
        tail = "| |"
        if ratio:
            later = f"{ratio['later']:.1f}×" if ratio["later"] else ""
            tail = f"{ratio['wall']:.1f}× | {ratio['cpu']:.1f}× | {later}"
        lines.append(f"| {tool} {_line(row)} {tail} |")
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"| {row['setting']} | failed: {row['failed'][:120].replace('|', '/')} | | | | | | | |"
    refused = "" if row["same"] else f" **refused: {row['foreign']} tokens with loss are others**"
    return (
        f"| {row['setting']}{refused} | {row['runs']} of {row['examples']} "
        f"| {row['examples_per_s']:.2f} | {row['tokens_per_s']:.0f} | "
        f"{row['cpu_ms_per_token']:.2f} | {row['computed_per_token']:.2f} | {row['peak_mib']:.0f} | "
        f"{row['loaded_mib']:.0f} | {row['held_out_loss']:.4f} |"
    )


class Control(NamedTuple):
    """How many times faster the contestant that was run both ways is on whole steps than on short ones."""

    wall: float
    cpu: float
    where: str


def _control(name: str, cases: dict[str, Any]) -> Control | None:
    """Of this case, or of the one whose settings it takes."""
    for where in (name, "routing"):
        case = cases.get(where, {})
        whole = case.get("rows", {}).get(PATCHED)
        chosen = case.get("chosen", {}).get(PATCHED)
        short = next((row for row in case.get("tries", {}).get(PATCHED, []) if row["setting"] == chosen), None)
        if whole and short and "failed" not in whole and "failed" not in short:
            wall, cpu = (whole["tokens_per_s"] / short["tokens_per_s"], short["cpu_ms_per_token"])
            return Control(wall, cpu / whole["cpu_ms_per_token"], where)
    return None


def _controls(controls: dict[str, Control | None]) -> list[str]:
    lines = [
        f"- {TITLES[name].split(' ')[0]}: {one.wall:.2f}× by the clock, {one.cpu:.2f}× in CPU time"
        + ("" if one.where == name else f", as in {TITLES[one.where].split(' ')[0]} (not run short here)")
        for name, one in controls.items()
        if one is not None
    ]
    return ["\n".join([CONTROL, "", *lines])] if lines else []


def _judged(ratio: dict[str, float], aim: float, control: Control | None) -> str:
    """With short peers an aim is reached only where it still is once the gain of whole steps is taken off."""
    if min(ratio["wall"], ratio["cpu"]) < aim:
        return "**missed**"
    if control is None:
        return "reached"
    wall, cpu = ratio["wall"] / control.wall, ratio["cpu"] / control.cpu
    left = f"{wall:.1f}× and {cpu:.1f}× divided by the control"
    # What is less than a tenth above an aim may lie on either side of it.
    sure = min(wall, cpu) >= 1.1 * aim
    return f"{left}, reached" if sure else f"{left}: **open** until the peers are run on whole steps"


def _aims(name: str, case: dict[str, Any], control: Control | None) -> str:
    said = []
    for tool, aim in AIMS[name].items():
        ratio = case["ratios"].get(tool)
        if ratio is None:
            said.append(f"{tool} (≥ {aim:g}×): not measured")
            continue
        judged_so = _judged(ratio, aim, control)
        later = f" ({ratio['later']:.1f}× wall after the first step)" if ratio["later"] else ""
        said.append(f"{tool} (≥ {aim:g}×): {ratio['wall']:.1f}× wall, {ratio['cpu']:.1f}× CPU, {judged_so}{later}")
    memory = [
        f"{tool} {ratio['peak_mib']:.2f}× its memory" + (" (**more**)" if ratio["peak_mib"] > 1 else "")
        for tool, ratio in case["ratios"].items()
        if "peak_mib" in ratio
    ]
    return "Aims: " + "; ".join(said) + ". Ours takes, beside " + ", ".join(memory) + "."


def _tries(name: str, case: dict[str, Any]) -> str:
    lines = [f"{TITLES[name]}:", "", _HEAD[0].removesuffix(_RATIOS)]
    lines.append("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for tool in TOOLS:
        for row in case["tries"].get(tool, []):
            chosen = " (chosen)" if case["chosen"].get(tool) == row["setting"] else ""
            lines.append(f"| {tool}{chosen} {_line(row)}")
    return "\n".join(lines)


SHORT = (
    "**Short runs of the peers.** The rows of TRL and LLaMA-Factory are those in which their setting was tried: two "
    "steps of 4 to 8 examples, so that they take an optimiser step four to eight times as often, and warm up within "
    "what is timed; ours and the patched TRL took whole steps of 32. So the figures beside TRL and LLaMA-Factory say "
    "more than whole steps would. Where the load above is more than 2, the runs had precedence over other work on the "
    "machine."
)
CONTROL = (
    "**What that is worth** is seen on the one contestant that was run both ways, the patched TRL with the same "
    "setting. The aims below are judged with it; for a peer that spends more on every token it is too much, as what an "
    "optimiser step costs is then a smaller part. Whole steps of 32 are faster than its short ones by"
)
NOTES = """## How to read it

- Every contestant trains on the same tokens with loss, each predicted from the same ids at the same positions: the
  batches that reach the models are recorded and compared. "Refused" is what does not: packing without isolation
  (LLaMA-Factory's plain one, where examples see each other) and TRL's `wrapped`, which cuts examples in two.
- "Computed per token" is tokens that go through the model, padding included, per token of the rows: below 1 where a
  shared prefix is computed once. Tokens/s counts tokens of the rows, so it is the same work for everyone.
- CPU time is that of the process, all threads together: other work on the machine moves it far less than wall time.
  Peak memory is the kernel's peak of the process since training began; "of it loaded" is what it had then (of ours with
  a copy of the best weights so far, which the others write to disk, or not at all). Losses are comparable between runs
  of the same number of examples.
- In its first step everyone allocates what it then keeps: the longer a training, the more it goes at the pace of the
  last column, in which the same rows are compared. Aims are judged on all that was timed.
- TRL computes logits for answers alone where it has Triton; on a CPU it computes and discards those of every position.
  "TRL, patched" is TRL made to take its GPU's road on the CPU. It is no setting that a user has; it shows how much of
  the distance is the logits and how much the shared prefix.
- Settings are tried on short runs (ours on whole steps): these figures rank settings of one contestant, no more.
- Settings further down the lists were not tried in the table of three settings; passes of 8 rows were tried afterwards,
  beside 4 rows, both on two steps of 8 examples on a busy machine, by processor seconds of an example. (a): TRL 4.73
  against 4.82, LLaMA-Factory 2.97 against 2.58. (b): TRL 2.22 against 1.55, LLaMA-Factory 1.05 against 0.76. So 8 rows
  would make 54 times TRL of (a), and change nothing else. Eager attention and TRL's padding-free way were not tried.
- In (a) and (c) these settings were tried on steps of 5 and 4 examples, which passes of 4 rows make in one step more
  where they are 5; the script takes 8 now.
- Packed peers cannot hold a step to 32 examples; they run as many packs as come nearest, over the same rows once.
- 78 of the 84 M weights are tables, whose gradient and update cost the same for one example as for 32: what is shared
  has no part in that.
- Where ours takes more memory: a pass holds up to 4,096 tokens there, beside packs of 1,024 or 4 rows, and
  `train.pass_tokens` bounds it. The best weights so far are kept as well (0.31 GiB here: 83.7 M x 4 bytes), so that the
  best of all evaluations is what is released.
- With 152,000 words and 6 small layers the head is most of the work of whoever computes it everywhere. In a model of
  1.5 B parameters it is an eighth: `train_gpu.py` measures real shapes.
"""
