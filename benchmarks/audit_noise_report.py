"""The page of `audit_noise.py`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

Cell = dict[str, Any]
Group = tuple[tuple[str, float], list[Cell]]
"""The cells of one set and one rate, one for each seed."""
VARIANTS = {
    "without_noise": "without noise",
    "with_noise": "with noise",
    "audited": "after the audit",
    "reviewed": "and first 5 % reviewed",
}
METRICS = {"macro_f1": "macro-F1", "accuracy": "accuracy"}


def report(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    told, cells = results["machine"], results["cells"]
    seeds = sorted({cell["seed"] for cell in cells})
    about = (
        f"Made by `python benchmarks/audit_noise.py`, seeds {', '.join(map(str, seeds))}, {results['date']}, "
        f"{told['processor']}, one thread (a shared machine, load {told['load_1min']} on two cores); all stages with "
        "their defaults. Each figure is the mean over the seeds ± its standard deviation; without ± there is one seed. "
        f"{_seeds(cells)}"
    )
    parts = ["# Wrong labels planted in real data", about, _HOW, "## What the audit finds", _found(cells)]
    for part in ("test", "dev"):
        parts += [f"## Score on {part}, true labels", _scores(cells, part)]
    parts += ["## Dev as a user measures it", _AS_GIVEN, _as_given(cells), "## What it comes to", _harm(cells)]
    trained = (
        _trained(results["trained"]) if results["trained"] else "Not measured here: `audit_noise_trained.py` does it."
    )
    parts += ["## The same with the built-in model, trained", trained]
    return "\n\n".join(parts) + "\n"


def _seeds(cells: Sequence[Cell]) -> str:
    """How many seeds each set and rate has."""
    counts: dict[str, list[str]] = {}
    for (name, rate), group in _groups(cells):
        counts.setdefault(name, []).append(f"{len(group)} at {rate:.0%}")
    return "Seeds: " + "; ".join(f"{name} {', '.join(many)}" for name, many in counts.items()) + "."


def _groups(cells: Sequence[Cell]) -> Iterator[Group]:
    for key, group in groupby(cells, key=lambda cell: (cell["set"], cell["rate"])):
        yield key, list(group)


def _found(cells: Sequence[Cell]) -> str:
    head = (
        "Data | Planted | Model accuracy | Followed | Train flagged, precision / recall (rows) | "
        "Train mended, precision / recall (rows) | Relabelled right | Removed | "
        "Dev and test flagged, precision / recall (rows) | True noise before → after | Estimated before → after | CPU s"
    )
    lines = [f"| {head} |", "|---" * 12 + "|"]
    for (name, rate), group in _groups(cells):
        found = [cell["found"] for cell in group]
        right, new = sum(one["relabelled_right"] for one in found), sum(one["relabelled"] for one in found)
        noise = {key: statistics.fmean(one["noise"][key] for one in found) for key in found[0]["noise"]}
        shares = " | ".join(
            [
                f"{name} | {rate:.0%} | {_mean([one['model_accuracy'] for one in found])}",
                f"{sum(one['trusted'] for one in found)} of {len(found)}",
                _pair([one["flagged"] for one in found]),
                _pair([one["mended"] for one in found]),
                f"{right} of {new}",
                f"{statistics.fmean(one['removed'] for one in found):.0f}",
                _pair([one["dev_and_test"] for one in found]),
                f"{noise['before']:.1%} → {noise['after']:.1%}",
                f"{noise['estimated_before']:.1%} → {noise['estimated_after']:.1%}",
                f"{statistics.fmean(cell['cpu_seconds'] for cell in group):.0f}",
            ]
        )
        lines.append(f"| {shares} |")
    return "\n".join(lines)


def _pair(found: Sequence[Cell]) -> str:
    """Precision and recall, and rows; a precision is None where nothing was found, a recall where nothing was wrong."""

    def mean(key: str) -> str:
        values = [one[key] for one in found if one[key] is not None]
        return _mean(values, 2) if values else "-"

    return f"{mean('precision')} / {mean('recall')} ({statistics.fmean(one['rows'] for one in found):.0f})"


def _mean(values: Sequence[float], digits: int = 3) -> str:
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{spread}"


def _scores(cells: Sequence[Cell], part: str) -> str:
    head = [
        "Data",
        "Planted",
        "Metric",
        *VARIANTS.values(),
        "noise costs",
        "audit changes",
        "with review",
        "Rows looked at",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for (name, rate), group in _groups(cells):
        looked = [cell["scores"]["looked_at"] for cell in group]
        seen = f"{statistics.fmean(one['rows'] for one in looked):.0f}"
        hits = f"{statistics.fmean(one['wrong'] for one in looked):.0f}"
        for metric, title in METRICS.items():
            values = {variant: _values(group, variant, part, metric) for variant in VARIANTS}
            cost = [b - a for a, b in zip(values["without_noise"], values["with_noise"], strict=True)]
            gains = [
                [b - a for a, b in zip(values["with_noise"], values[variant], strict=True)]
                for variant in ("audited", "reviewed")
            ]
            row = [name, f"{rate:.0%}", title, *(_mean(one) for one in values.values())]
            row += [_signed(cost), *(_signed(one) for one in gains), f"{seen}, {hits} wrong"]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _values(group: Iterable[Cell], variant: str, part: str, metric: str) -> list[float]:
    return [cell["scores"][variant][part][metric] for cell in group]


def _signed(values: Sequence[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):+.3f}{spread}"


def _as_given(cells: Sequence[Cell]) -> str:
    head = "Data | Planted | True labels: with noise | after the audit | Labels given: with noise | after the audit"
    lines = [f"| {head} |", "|---" * 6 + "|"]
    for (name, rate), group in _groups(cells):
        row = [name, f"{rate:.0%}"]
        row += [
            _mean(_values(group, variant, part, "macro_f1"))
            for part in ("dev", "dev_as_given")
            for variant in ("with_noise", "audited")
        ]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _harm(cells: Sequence[Cell]) -> str:
    """In which cells the audit helps and in which it harms, by macro-F1 on test, read off the figures."""

    def gain(cell: Cell, variant: str) -> float:
        scores = cell["scores"]
        return float(scores[variant]["test"]["macro_f1"] - scores["with_noise"]["test"]["macro_f1"])

    def sentence(variant: str, told: str, holds: Callable[[list[float]], bool]) -> str:
        named = [
            f"{name} at {rate:.0%} ({statistics.fmean(gains):+.3f})"
            for (name, rate), group in _groups(cells)
            if holds(gains := [gain(cell, variant) for cell in group])
        ]
        return f"- {told}: {', '.join(named) or 'nowhere'}."

    return "\n".join(
        [
            "By macro-F1 on test, against training on the labels as given:",
            "",
            sentence("audited", "The audit alone **helps** with every seed", lambda gains: min(gains) > 0),
            sentence("audited", "The audit alone **harms** with every seed", lambda gains: max(gains) < 0),
            sentence("audited", "Neither: it depends on the seed", lambda gains: min(gains) <= 0 <= max(gains)),
            sentence("reviewed", "With the review it helps with every seed", lambda gains: min(gains) > 0),
            sentence("reviewed", "With the review it harms with every seed", lambda gains: max(gains) < 0),
        ]
    )


def _trained(cells: Sequence[Cell]) -> str:
    head = ["Data", "Planted", "Seed", "Part", "Metric", "without noise", "with noise", "after the audit", "minutes"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for cell in cells:
        for part in ("test", "dev"):
            for metric, title in METRICS.items():
                values = [
                    cell["scores"][variant][part][metric] for variant in ("without_noise", "with_noise", "audited")
                ]
                row = [cell["set"], f"{cell['rate']:.0%}", str(cell["seed"]), part, title]
                row += [*(f"{value:.3f}" for value in values), f"{cell['minutes']:.0f}"]
                lines.append(f"| {' | '.join(row)} |")
    return "\n".join([cells[0]["about"], "", *lines])


_HOW = """Labels of a share of all rows, dev and test included, were replaced evenly at random before `label`; no stage
sees the truth. The four scores are of the same linear model (TF-IDF, SVM: the baseline of `evaluate`) on the same
split: trained with the true labels, with those given, with what the audit left (relabelled, removed, or untouched where
its model was not good enough to be followed), and with that after people worked off the first rows of the review queue,
5 % of all rows, and said the truth. Dev and test are judged by their **true** labels; the audit never touches them.
Rows that people look at in other parts cost a look and do not help here; a next run would audit again with the
decisions, here they are laid over what the audit left.

"True" is what the data sets say. They hold mistakes of their own, which count as right: precision is a lower bound, at
0 % everything flagged counts as false, and a model trained on mended labels is judged by unmended ones. The planted
mistakes are spread evenly; those of people are not, and are harder to find."""
_AS_GIVEN = """Macro-F1 on dev by the true labels, and by the labels that a user has, noise and all: the same models.
A dev part that nobody looked through shows lower scores than the model has, and less of what the audit is worth."""
