"""Training on one GPU at real shapes: tokens per second, MFU and peak memory, beside TRL and Unsloth.

    python benchmarks/train_gpu.py --trl trl --unsloth unsloth            # on a machine with a GPU
    python benchmarks/train_gpu.py --dry-run                              # the same code at toy sizes on a CPU

The peers' environments (`pip install trl==1.16.* peft datasets`, with flash-attn where it installs; `pip install
unsloth`) hold a torch for the GPU; one that is not given is left out. Models are the shapes of the distilled Qwen 1.5B
and 7B and of V2-Lite with random weights, made on the device; rows are those of `train_throughput.py` (a) and (b), and
as there a contestant that does not train on exactly these tokens is refused. bf16 arithmetic; `full` keeps float32
weights, `lora` (rank 16, the same layers for everyone) bf16 ones under the adapters. TRL packs with every
variable-length attention that its environment has (flash_attention_2 and 3, flex_attention), and runs padded, too.

MFU is the floating-point operations that the rows ask for, over the seconds, over what the device can do in bf16 by its
data sheet (or, if it is none of `PEAKS`, in a matrix product measured here):
    forward = 2 N T + 4 d L sum(t (t + 1) / 2) + 2 H A,   training = 3 x forward
N: weights between embedding and head that a token meets (of experts, those it is sent to); T: tokens of the rows, each
row of t; d L: width of attention times layers; H: weights of the head; A: tokens with loss. With LoRA the frozen
weights need no gradients of their own: the first and the last term count twice, not three times. What is computed for
padding does not count, and what a shared prefix saves does: beside it stands the share of the device that was really
kept busy, with the tokens that went through the model as T.
Writes benchmarks/results/train_gpu.{json,md}; a dry run writes into --out alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "peers")]

import train_watch  # noqa: E402

import train_material as material  # noqa: E402
from machine import machine  # noqa: E402
from train_gpu_shapes import SHAPES, Model, fits, model_of, operations, peak  # noqa: E402

RESULTS = HERE / "results" / "train_gpu"
OURS, TRL, UNSLOTH = "fittingroom", "TRL", "Unsloth"
SCRIPTS = {OURS: "train_ours.py", TRL: "train_trl.py", UNSLOTH: "train_unsloth.py"}
VARIABLE = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface", "flex_attention": "torch"}
"""Attentions for packs, and what must be installed for them."""


def settings(tool: str, python: str) -> list[tuple[str, dict[str, Any]]]:
    """The ways in which a contestant runs."""
    if tool == OURS:
        return [(f"passes of {size} tokens", {"pass_tokens": size, "packing": "auto"}) for size in (8192, 16384, 32768)]
    if tool == UNSLOTH:
        return [("packed, 8192", {"batch": 1, "packing": "bfd", "pack": 8192})]
    packed = [
        (f"packed (bfd), 8192, {name}", {"batch": 1, "packing": "bfd", "pack": 8192, "attention": name})
        for name, needed in VARIABLE.items()
        if _installed(python, needed)
    ]
    return [*packed, ("padded, 8 rows", {"batch": 8}), ("padded, 32 rows", {"batch": 32})]


def _installed(python: str, package: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def run(
    model: Model, method: str, rows: Sequence[material.Row], tool: str, how: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """One contestant in a process of its own; a failure is a result, too."""
    scratch = options.work.resolve() / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    given = rows if tool == OURS else material.in_our_order(rows, options.batch)
    size = min(int(how.get("batch", 1)), options.batch)
    mean = sum(len(row.ids) for row in rows) / len(rows)
    passes = options.batch / size if "pack" not in how else options.batch * mean / how["pack"]
    job = {
        "model": str(model.folder), "family": model.family, "shape": model.shape,
        "dtype": "float32" if method == "full" or options.dry_run else "bfloat16",
        "rows": str(material.write_rows(scratch / "rows.jsonl", given)), "out": str(scratch / "out.json"),
        "scratch": str(scratch / "tool"), "threads": options.threads, "batch": options.batch, "rate": 1e-4,
        "settings": {**how, "batch": size, "accumulate": max(1, round(passes))},
    }  # fmt: skip
    if method == "lora":
        job["lora"] = {"rank": 16, "alpha": 32, "targets": model.targets}
    (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
    command = [options.python[tool], str(HERE / "peers" / SCRIPTS[tool]), str(scratch / "job.json")]
    log = options.work / f"{model.name}-{method}-{tool}.log"
    with log.open("w", encoding="utf-8") as out:
        own = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
        done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | own, cwd=scratch)
    if done.returncode:
        said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        return {"failed": f"ended with {done.returncode}: {said[-1][:300] if said else ''}"}
    found = json.loads((scratch / "out.json").read_text(encoding="utf-8"))
    seen = Counter((scratch / "out.seen").read_text(encoding="ascii").split())
    return {**found, "same": seen == train_watch.expected(rows)}


def figures(
    found: dict[str, Any], model: Model, method: str, rows: Sequence[material.Row], rate: float
) -> dict[str, Any]:
    """Speed, MFU and memory of a run; of its steps the first does not count."""
    if "failed" in found:
        return found
    first = 1 if len(found["seconds"]) > 1 else 0
    seconds, examples = sum(found["seconds"][first:]), sum(found["examples"][first:])
    share = examples / len(rows)
    tokens = sum(len(row.ids) for row in rows) * share
    pairs = sum(len(row.ids) * (len(row.ids) + 1) / 2 for row in rows) * share
    answers = sum(len(row.ids) - row.start for row in rows) * share
    computed = float(sum(found["computed"][first:]))
    asked = operations(model, method, tokens, pairs, answers)
    busy = operations(model, method, computed, pairs * computed / tokens, answers)
    return {
        "same": found["same"],
        "examples_per_s": examples / seconds,
        "tokens_per_s": tokens / seconds,
        "computed_per_token": computed / tokens,
        "mfu": asked / seconds / rate,
        "busy": busy / seconds / rate,
        "device_gib": found["device_mib"] / 1024,
        "losses": found["losses"],
    }


def device() -> tuple[str, float]:
    """Name and memory in GiB of the GPU; of the processor where there is none."""
    import torch

    if not torch.cuda.is_available():
        return "processor", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    about = torch.cuda.get_device_properties(0)
    return str(about.name), about.total_memory / 2**30


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """All runs."""
    name, memory = device()
    rate, source = peak(name)
    table: dict[str, Any] = {}
    for which in options.models:
        model = model_of(which, options.work, options.dry_run)
        for case in options.cases:
            count = options.batch * options.steps
            make = material.routing_rows if case == "routing" else material.dialogue_rows
            rows = make(model.folder, count)
            for method in options.methods:
                entry = table.setdefault(f"{which}, {method}, {case}", {})
                if not fits(model, method, memory):
                    entry["left out"] = {"failed": f"{model.parameters / 1e9:.1f} G parameters need more memory"}
                    continue
                for tool, python in options.python.items():
                    for setting, how in settings(tool, python)[: 1 if options.dry_run else None]:
                        found = figures(run(model, method, rows, tool, how, options), model, method, rows, rate)
                        entry[f"{tool}, {setting}"] = found
                        print(f"{which} {method} {case} {tool} {setting}: {found}", flush=True)
    facts = {"name": name, "memory_gib": round(memory, 1), "bf16_per_s": rate, "by": source}
    return {"machine": machine(), "device": facts, "batch": options.batch, "steps": options.steps, "runs": table}


def report(result: dict[str, Any]) -> str:
    """The page."""
    about = result["device"]
    lines = [
        "| model, method, rows | contestant | examples/s | tokens/s | computed per token | MFU | busy | peak GiB |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for what, entry in result["runs"].items():
        for who, row in entry.items():
            if "failed" in row:
                lines.append(f"| {what} | {who} | {row['failed'][:160].replace('|', '/')} | | | | | |")
                continue
            refused = "" if row["same"] else " **refused: other tokens**"
            lines.append(
                f"| {what} | {who}{refused} | {row['examples_per_s']:.2f} | {row['tokens_per_s']:,.0f} | "
                f"{row['computed_per_token']:.2f} | {row['mfu']:.1%} | {row['busy']:.1%} | {row['device_gib']:.1f} |"
            )
    said = (
        f"{about['name']}, {about['memory_gib']} GiB, {about['bf16_per_s'] / 1e12:.3g} T operations a second "
        f"({about['by']}); torch {result['machine']['libraries']['torch']}; steps of {result['batch']} examples, the "
        f"first of {result['steps']} not counted. Made by `train_gpu.py`, which says how, and what MFU is."
    )
    return "\n\n".join(["# Training on one GPU", said, "\n".join(lines)]) + "\n"


def arguments() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trl", type=Path, help="folder of TRL's own environment")
    parser.add_argument("--unsloth", type=Path, help="folder of Unsloth's own environment")
    parser.add_argument("--models", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--methods", nargs="+", choices=["lora", "full"], default=["lora", "full"])
    parser.add_argument("--cases", nargs="+", choices=["routing", "dialogues"], default=["routing", "dialogues"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--work", type=Path, default=Path("train_gpu"))
    parser.add_argument("--dry-run", action="store_true", help="toy sizes on whatever is there, for testing")
    parser.add_argument("--out", type=Path, help="where the results go (default: benchmarks/results/train_gpu)")
    return parser


def main(given: Sequence[str] | None = None) -> int:
    import torch

    options = arguments().parse_args(given)
    if not torch.cuda.is_available() and not options.dry_run:
        print("This measures a GPU, and torch finds none here: run it on one, or give --dry-run to try its code.")
        return 2
    options.work.mkdir(parents=True, exist_ok=True)
    options.python = {OURS: sys.executable}
    for tool, folder in ((TRL, options.trl), (UNSLOTH, options.unsloth)):
        if folder is None:
            print(f"{tool} has no folder: it is left out", flush=True)
        else:
            options.python[tool] = str((folder / "bin" / "python").absolute())
    result = measured(options)
    out = options.out or (options.work / "dry_run" if options.dry_run else RESULTS)
    out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(report(result), encoding="utf-8")
    print(report(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
