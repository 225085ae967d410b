"""Loss curves of our training and of a plain loop on the same batches, laid over each other.

    python benchmarks/train_overlay.py --trl trl

The rows are those of `train_throughput.py` (a) with 12 of the intents, on two models: a Qwen2 shape with the tokenizer
of the distilled Qwen, and the built-in `nano`, which is a DeepSeek-V3 with experts. The plain loop has nothing of ours
in it: one example per row, padded, an attention mask, full logits, torch's AdamW; TRL (in an environment of its own,
see `train_throughput.py`; left out when not given) runs padded and logs its own losses. Ours is the product's `fit`,
with its packing. All take the same rows in the same order, in float32.
Writes benchmarks/results/train_overlay.{json,md,svg}.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

import train_watch  # noqa: E402

import train_material as material  # noqa: E402
from machine import machine  # noqa: E402

RESULTS = HERE / "results" / "train_overlay"
RATE = 5e-4
INTENTS = 12
SMALL = {**material.QWEN, "hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 2}
NAMES = {"qwen": "Qwen2 shape, 6 layers", "nano": "nano (DeepSeek-V3 with experts)"}


def folder_of(work: Path, name: str) -> Path:
    """The folder of a model."""
    from fittingroom.models.nano import nano_path

    if name == "nano":
        return nano_path()
    folder = work / "model-small"
    if not (folder / "done").exists():
        material.made_model(folder, "Qwen2", SMALL, material.TOKENIZERS / "DeepSeek-R1-Distill-Qwen-1.5B")
    return folder


def reference(folder: Path, rows: Sequence[material.Row], batch: int, threads: int) -> list[float]:
    """The plain loop: the loss of every step before it is taken."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    pad = AutoTokenizer.from_pretrained(folder).pad_token_id
    train_watch.router_frozen(model)
    model.train()
    weights = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)
    losses = []
    for at in range(0, len(rows), batch):
        step = rows[at : at + batch]
        length = max(len(row.ids) for row in step)
        ids = torch.tensor([[*row.ids, *[pad] * (length - len(row.ids))] for row in step])
        mask = torch.tensor([[1] * len(row.ids) + [0] * (length - len(row.ids)) for row in step])
        labels = torch.full_like(ids, -100)
        for number, row in enumerate(step):
            labels[number, row.start : len(row.ids)] = ids[number, row.start : len(row.ids)]
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def contestant(python: str, script: str, job: dict[str, Any], work: Path) -> dict[str, Any]:
    """One training in a process of its own: what `train_watch` wrote, and the ids that it saw."""
    scratch = work / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    out = scratch / "out.json"
    path = scratch / "job.json"
    path.write_text(json.dumps({**job, "out": str(out), "scratch": str(scratch / "tool")}), encoding="utf-8")
    own = {"OMP_NUM_THREADS": str(job["threads"]), "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    with (work / f"{script}.log").open("w", encoding="utf-8") as log:
        subprocess.run(
            [python, str(HERE / "peers" / script), str(path)], env=os.environ | own, cwd=scratch, check=True,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    seen = out.with_suffix(".seen").read_text(encoding="ascii").split()
    return {**json.loads(out.read_text(encoding="utf-8")), "seen": seen}


def overlaid(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """The curves on one model. Raises RuntimeError when a contestant trained on other tokens."""
    work = options.work.resolve()
    folder = folder_of(work, name)
    rows = material.routing_rows(folder, options.batch * options.steps, intents=INTENTS)
    ordered = material.in_our_order(rows, options.batch)
    common = {"model": str(folder), "threads": options.threads, "batch": options.batch, "rate": RATE}
    held_out = material.write_rows(work / "held_out.jsonl", rows[:2])
    curves = {"plain": reference(folder, ordered, options.batch, options.threads)}
    runs: dict[str, tuple[str, str, Sequence[material.Row], dict[str, Any]]] = {
        "fittingroom": (sys.executable, "train_ours.py", rows, {"pass_tokens": 4096, "packing": "auto"})
    }
    if options.trl is not None:
        half = max(1, options.batch // 2)
        padded = {"batch": half, "accumulate": options.batch // half}
        runs["TRL"] = (str((options.trl / "bin" / "python").absolute()), "train_trl.py", ordered, padded)
    wanted = sorted(train_watch.expected(rows).elements())
    for tool, (python, script, given, settings) in runs.items():
        job = {**common, "rows": str(material.write_rows(work / "rows.jsonl", given)), "held_out": str(held_out)}
        run = contestant(python, script, {**job, "settings": settings}, work)
        if sorted(run["seen"]) != wanted:
            raise RuntimeError(f"{tool} trained on other tokens than the rows hold")
        curves[tool] = run["losses"]
        print(f"{name} {tool}: {apart(curves['plain'], curves[tool])}", flush=True)
    return {
        "losses": curves,
        "apart_from_plain": {tool: apart(curves["plain"], curve) for tool, curve in curves.items() if tool != "plain"},
    }


def apart(first: Sequence[float], second: Sequence[float]) -> dict[str, float]:
    """The largest difference of two curves, and at which step (from 1)."""
    differences = [abs(one - other) for one, other in zip(first, second, strict=True)]
    largest = max(differences)
    return {"largest": largest, "at_step": differences.index(largest) + 1, "last": differences[-1]}


def picture(result: dict[str, Any], path: Path) -> None:
    """The curves over each other, their differences from the plain loop below."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "fittingroom"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(result["models"]), figsize=(11, 6), squeeze=False, sharex=True)
    looks: dict[str, dict[str, Any]] = {
        "plain": {"color": "0.6", "linewidth": 5},
        "TRL": {"color": "tab:orange", "linewidth": 2.5},
        "fittingroom": {"color": "tab:blue", "linewidth": 1},
    }
    for column, (name, model) in enumerate(result["models"].items()):
        curves = model["losses"]
        for tool in [tool for tool in looks if tool in curves]:
            steps = range(1, len(curves[tool]) + 1)
            axes[0][column].plot(steps, curves[tool], label=tool, **looks[tool])
            if tool != "plain":
                gaps = [max(abs(a - b), 1e-9) for a, b in zip(curves["plain"], curves[tool], strict=True)]
                axes[1][column].semilogy(steps, gaps, label=tool, color=looks[tool]["color"])
        axes[0][column].set_title(NAMES[name])
        axes[0][column].set_ylabel("loss, nats per answer token")
        axes[1][column].set_ylabel("distance from plain")
        axes[1][column].set_xlabel("optimiser step")
        axes[0][column].legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def report(result: dict[str, Any]) -> str:
    """The page."""
    facts = result["machine"]
    lines = ["| model | training | largest distance from the plain loop | at step | at the last step |"]
    lines.append("|---|---|--:|--:|--:|")
    for name, model in result["models"].items():
        for tool, gap in model["apart_from_plain"].items():
            lines.append(f"| {NAMES[name]} | {tool} | {gap['largest']:.1e} | {gap['at_step']} | {gap['last']:.1e} |")
    about = (
        f"{facts['processor']}, torch {facts['libraries']['torch']}, float32, {result['steps']} steps of "
        f"{result['batch']} examples, rate {RATE:g}. Made by `train_overlay.py`, which says how."
    )
    title, shown = "# Loss curves on the same batches", "![Loss curves](train_overlay.svg)"
    return "\n\n".join([title, about, shown, "\n".join(lines), NOTE]) + "\n"


NOTE = """Losses are in nats per answer token. Sums in another order differ in their last bits, and training carries
such differences on; with experts, a bit can send a token to another expert. TRL's distance is there for scale."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trl", type=Path, help="folder of TRL's own environment")
    parser.add_argument("--work", type=Path, default=Path("train_overlay"))
    parser.add_argument("--models", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    models = {name: overlaid(options, name) for name in options.models}
    result = {"machine": machine(), "batch": options.batch, "steps": options.steps, "models": models}
    RESULTS.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(report(result), encoding="utf-8")
    picture(result, RESULTS.with_suffix(".svg"))
    print(RESULTS.with_suffix(".md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
