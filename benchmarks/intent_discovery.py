"""Intents found with the labels hidden: `python benchmarks/intent_discovery.py`.

Needs `en_intent_banking77` and `zh_nlu_smp2019` in FITTINGROOM_DATA. Texts are clustered as by `fittingroom discover`,
with the number of clusters that it chooses and with the true number; then labels are looked at: purity (share of the
texts whose cluster has most of its texts from their class) and V-measure. HDBSCAN on the same features stands beside it
(its texts without a cluster count as one).
Writes benchmarks/results/intent_discovery.{json,md}.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fittingroom.statistics import clustering
from fittingroom.statistics.clustering import cluster, terms
from machine import machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("FITTINGROOM_DATA", HERE.parent.parent / "shared" / "data"))
RESULTS = HERE / "results" / "intent_discovery"
SEED = 7


def banking() -> tuple[list[str], list[str]]:
    """Texts and their intents."""
    with (DATA / "en_intent_banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def assistant() -> tuple[list[str], list[str]]:
    """Texts and their domains."""
    with (DATA / "zh_nlu_smp2019" / "nlu.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["text"] for row in rows], [row["domain"] for row in rows]


def measure(texts: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """The chosen number, the true number, and HDBSCAN."""
    found: dict[str, Any] = {"texts": len(texts), "classes": len(set(labels)), "ways": {}}
    for way, number in (("number chosen", None), ("true number", found["classes"])):
        began, wall = time.process_time(), time.monotonic()
        made = cluster(texts, seed=SEED, number=number)
        named = terms(texts, made.of.tolist())
        spent = {"cpu_minutes": (time.process_time() - began) / 60, "minutes": (time.monotonic() - wall) / 60}
        found["ways"][way] = judged(made.of.tolist(), labels) | spent
        if number is None:
            found["silhouettes"] = made.silhouettes
            found["examples"] = {" ".join(named[name][:3]): main(made.of.tolist(), labels, name) for name in range(8)}
    found["ways"]["hdbscan, at least 10"] = dense(texts, labels)
    return found


def main(of: Sequence[int], labels: Sequence[str], name: int) -> str:
    """The commonest class of a cluster, with its share."""
    inside = Counter(label for one, label in zip(of, labels, strict=True) if one == name)
    label, count = inside.most_common(1)[0]
    return f"{label} {count / inside.total():.0%}"


def judged(of: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Purity, V-measure, homogeneity, completeness."""
    from sklearn.metrics import homogeneity_completeness_v_measure

    groups: dict[int, Counter[str]] = {}
    for name, label in zip(of, labels, strict=True):
        groups.setdefault(name, Counter())[label] += 1
    purity = sum(found.most_common(1)[0][1] for found in groups.values()) / len(labels)
    homogeneity, completeness, v_measure = homogeneity_completeness_v_measure(labels, of)
    return {
        "clusters": len(groups),
        "purity": purity,
        "v_measure": float(v_measure),
        "homogeneity": float(homogeneity),
        "completeness": float(completeness),
    }


def dense(texts: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """HDBSCAN on the same features."""
    from sklearn.cluster import HDBSCAN

    began, wall = time.process_time(), time.monotonic()
    of = HDBSCAN(min_cluster_size=10, min_samples=3, copy=True).fit(clustering._spots(texts, SEED)).labels_.tolist()
    spent = {"cpu_minutes": (time.process_time() - began) / 60, "minutes": (time.monotonic() - wall) / 60}
    return judged(of, labels) | spent | {"left_out": of.count(-1) / len(of)}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    about = (
        f"Made by `python benchmarks/intent_discovery.py`, seed {SEED}, {results['date']}. Labels were hidden while "
        "clustering. No sentence encoder takes part (none is shipped, none is downloaded): with words and characters "
        "alone, messages that ask the same in other words stay apart, and 77 shades of one subject (banking) are found "
        "less well than 29 subjects. The figures say how much of the naming is left to people, who unite and split."
    )
    head = "Data | Texts | Classes | Way | Clusters | Purity | V-measure | Left out | Minutes | CPU minutes"
    lines = ["# Intents found with the labels hidden", "", about, "", f"| {head} |", "|---" * 10 + "|"]
    for name, found in results["sets"].items():
        for way, one in found["ways"].items():
            left = f"{one['left_out']:.0%}" if "left_out" in one else "-"
            lines.append(
                f"| {name} | {found['texts']} | {found['classes']} | {way} | {one['clusters']} | {one['purity']:.3f} "
                f"| {one['v_measure']:.3f} | {left} | {one['minutes']:.2f} | {one['cpu_minutes']:.2f} |"
            )
    for name, found in results["sets"].items():
        lines += ["", f"Largest clusters of {name}, as named, with the commonest class of each:", ""]
        lines += [f"- {said}: {label}" for said, label in found["examples"].items()]
    return "\n".join(lines) + "\n"


def run() -> None:
    """Both sets."""
    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "sets": {}}
    for name, load in (("en_intent_banking77", banking), ("zh_nlu_smp2019 domains", assistant)):
        results["sets"][name] = measure(*load())
        print(json.dumps(results["sets"][name], ensure_ascii=False), flush=True)
    RESULTS.with_suffix(".json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(results), encoding="utf-8")


if __name__ == "__main__":
    run()
