"""The table and the picture of `train_alternatives.py`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

TARGETS = (0.2, 0.4, 0.6, 0.7, 0.8)


def judged(curves: dict[str, Any], lengths: dict[bool, float], options: argparse.Namespace) -> dict[str, Any]:
    """Minutes to every target that somebody reached, for everyone."""
    reached = [target for target in TARGETS if any(target <= best(one["curve"])["macro_f1"] for one in curves.values())]
    return {
        "train": options.train,
        "dev": options.dev,
        "rate": options.rate,
        "cap_s": options.cap,
        "threads": options.threads,
        "tokens_per_row": {"with the list": lengths[True], "without": lengths[False]},
        "targets": reached,
        "contestants": {
            name: {
                **one,
                "best": best(one["curve"]),
                "minutes_to": {str(target): _minutes(one["curve"], target) for target in reached},
            }
            for name, one in curves.items()
        },
    }


def best(curve: list[dict[str, float]]) -> dict[str, float]:
    """The highest point of a curve."""
    return max(curve, key=lambda point: point["macro_f1"])


def _minutes(curve: list[dict[str, float]], target: float) -> dict[str, float] | None:
    """Processor and wall minutes to the first snapshot at or above the target."""
    for point in curve:
        if point["macro_f1"] >= target:
            return {"cpu": point["cpu_s"] / 60, "wall": point["wall_s"] / 60}
    return None


def report(result: dict[str, Any]) -> str:
    """The page."""
    facts, tokens = result["machine"], result["tokens_per_row"]
    loads = [one["load"] for one in result["contestants"].values()]
    about = (
        f"{facts['processor']}, torch {facts['libraries']['torch']}, {result['threads']} thread(s), load before a run "
        f"{min(loads):.1f} to {max(loads):.1f}. Base: the built-in `nano`, full fine-tuning, rate {result['rate']:g} "
        f"constant, steps of 32 examples (packed: as near as packs come), {result['train']} train and {result['dev']} "
        f"dev rows; a row has {tokens['with the list']:.0f} tokens with the list and {tokens['without']:.0f} without. "
        "Minutes are processor minutes of training alone, to the first kept weights at or above the score. Made by "
        "`train_alternatives.py`, which says how."
    )
    heads = " | ".join(f"to {target:g}" for target in result["targets"])
    lines = [f"| | {heads} | best macro-F1 | after | examples seen by then |"]
    lines.append("|---|" + "--:|" * (len(result["targets"]) + 3))
    for name, one in result["contestants"].items():
        cells = [one["minutes_to"][str(target)] for target in result["targets"]]
        said = " | ".join(f"{cell['cpu']:.1f}" if cell else "–" for cell in cells)
        top = one["best"]
        lines.append(
            f"| {name} | {said} | {top['macro_f1']:.3f} | {top['cpu_s'] / 60:.1f} min | {top['step'] * 32:,.0f} |"
        )
    return (
        "\n\n".join(
            [
                "# With the list of labels, without it, or a head",
                about,
                "![Curves](train_alternatives.svg)",
                "\n".join(lines),
            ]
        )
        + f"\n\n{NOTES}"
    )


NOTES = """- "–": not within the time given. Weights are kept now and then, and minutes rounded up to the next time.
- Results with `nano` say nothing about the scores of real DeepSeek models. A model that was taught to read
  instructions gains from the list what this one cannot: it can choose a label that no row has shown it. What carries
  over is the cost: with a shared prefix the list costs its tokens once a pass, not once a row.
"""


def picture(result: dict[str, Any], path: Path) -> None:
    """Macro-F1 over processor minutes."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "fittingroom"
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 5))
    for name, one in result["contestants"].items():
        minutes = [0.0, *(point["cpu_s"] / 60 for point in one["curve"])]
        scores = [0.0, *(point["macro_f1"] for point in one["curve"])]
        axis.plot(minutes, scores, marker="o", markersize=3, label=name)
    axis.set_xlabel("processor minutes of training")
    axis.set_ylabel("macro-F1 on dev")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
