"""Minutes to the same macro-F1 on dev: with the list of labels in the prompt, without it, and with a head instead.

    python benchmarks/train_alternatives.py --trl trl --llama-factory lf

(For the peers' environments see `train_throughput.py`; one that is not given is left out.)
A prompt that lists 77 intents is what makes shared prefixes pay. Whether the list is worth its tokens is another
matter, so this takes the same rows of `en_intent_banking77`, the same base (the built-in `nano`) and the same rate:
ours with the list; ours, TRL and LLaMA-Factory without; a sequence-classification head on the base, by transformers'
`Trainer`, without. Peers run padded or packed, whichever of the two does more examples a second here.
Weights are kept every `--every` processor seconds and scored afterwards, out of the time: every label as a whole answer
(the head: its highest logit), macro-F1 on `--dev` rows. Time is that of training alone, one process at a time.
Training ends after `--cap` processor seconds. Measurements lie in `--work` and are not taken again.
Writes benchmarks/results/train_alternatives.{json,md,svg}.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

import train_watch  # noqa: E402

import train_material as material  # noqa: E402
from machine import machine  # noqa: E402
from train_throughput import interpreter  # noqa: E402

RESULTS = HERE / "results" / "train_alternatives"
BATCH = 32
EPOCHS = 1000
"""More than the time allows."""


class Contestant(NamedTuple):
    """One way to train."""

    name: str
    tool: str
    script: str
    listed: bool
    settings: dict[str, Any]


class Parts(NamedTuple):
    """Rendered rows of train and dev, with and without the list, and the labels."""

    train: dict[bool, list[material.Row]]
    dev: dict[bool, list[material.Row]]
    train_labels: list[int]
    dev_labels: list[int]
    answers: list[list[int]]


def parts(train: int, dev: int) -> Parts:
    """The same texts in all renderings; dev and train are drawn apart from each other."""
    from fittingroom.models.load import load_tokenizer
    from fittingroom.models.nano import nano_path
    from fittingroom.models.render import Renderer

    examples = material.banking()
    labels = sorted({label for _, label in examples})
    random.Random(material.SEED).shuffle(examples)
    number = {label: at for at, label in enumerate(labels)}
    wanted = [number[label] for _, label in examples[: train + dev]]
    rows = {listed: material.routing_rows(nano_path(), train + dev, listed=listed) for listed in (True, False)}
    renderer = Renderer(load_tokenizer(nano_path()))
    return Parts(
        {listed: made[:train] for listed, made in rows.items()},
        {listed: made[train:] for listed, made in rows.items()},
        wanted[:train],
        wanted[train:],
        [renderer.answer_ids(label) for label in labels],
    )


def contestants(options: argparse.Namespace) -> list[Contestant]:
    """Who takes part; of a peer both ways, of which the faster stays."""
    ours = {"pass_tokens": 4096, "packing": "auto"}
    found = [
        Contestant("fittingroom, with the list", "fittingroom", "train_ours.py", True, ours),
        Contestant("fittingroom, without", "fittingroom", "train_ours.py", False, ours),
        Contestant("classification head", "transformers", "train_head.py", False, {"batch": BATCH}),
    ]
    padded = {"batch": BATCH, "accumulate": 1}
    if options.trl:
        packed = {"batch": 1, "accumulate": 1, "packing": "bfd", "pack": 1536}
        found += [
            Contestant(f"TRL, without, {how}", "TRL", "train_trl.py", False, setting)
            for how, setting in (("padded", padded), ("packed", packed))
        ]
    if options.llama_factory:
        packed = {"batch": 1, "accumulate": 1, "packing": "neat", "pack": 1536}
        found += [
            Contestant(f"LLaMA-Factory, without, {how}", "LLaMA-Factory", "train_llamafactory.py", False, setting)
            for how, setting in (("padded", padded), ("packed", packed))
        ]
    return found


def trained(one: Contestant, rows: Parts, options: argparse.Namespace, cap: float, every: float) -> dict[str, Any]:
    """A run, kept; its snapshots lie beside."""
    from fittingroom.models.nano import nano_path

    folder: Path = options.work.resolve() / f"{one.name} {cap:g}".replace(",", "").replace(" ", "-")
    out = folder / "out.json"
    if out.exists():
        return {**json.loads(out.read_text(encoding="utf-8")), "folder": str(folder)}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    given = rows.train[one.listed]
    path = material.write_rows(folder / "rows.jsonl", given)
    if one.tool == "transformers":
        lines = (
            {"prompt": row.ids[: row.start], "label": label}
            for row, label in zip(given, rows.train_labels, strict=True)
        )
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    job = {
        "model": str(nano_path()),
        "rows": str(path),
        "held_out": str(material.write_rows(folder / "held_out.jsonl", rows.dev[one.listed][:1])),
        "out": str(out),
        "scratch": str(folder / "scratch"),
        "threads": options.threads,
        "batch": BATCH,
        "epochs": EPOCHS,
        "rate": options.rate,
        "labels": len(rows.answers),
        "shuffle": True,
        "settings": one.settings,
        "snapshots": {"folder": str(folder / "snapshots"), "every_s": every, "cap_s": cap},
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    own = {"OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    command = [options.python[one.tool], str(HERE / "peers" / one.script), str(folder / "job.json")]
    if options.core is not None:
        command = ["taskset", "-c", str(options.core), *command]
    load = os.getloadavg()[0]
    with (folder / "log").open("w", encoding="utf-8") as log:
        subprocess.run(command, env=os.environ | own, cwd=folder, check=True, stdout=log, stderr=subprocess.STDOUT)
    shutil.rmtree(folder / "scratch", ignore_errors=True)
    run = json.loads(out.read_text(encoding="utf-8"))
    run["load"] = round(load, 2)
    if one.tool != "transformers":
        _same(one, out, given)
    out.write_text(json.dumps(run), encoding="utf-8")
    return {**run, "folder": str(folder)}


def _same(one: Contestant, out: Path, rows: Sequence[material.Row]) -> None:
    """Raise RuntimeError unless what was looked at is tokens of the rows behind what stands before them there."""
    seen = set(out.with_suffix(".seen").read_text(encoding="ascii").split())
    foreign = seen - set(train_watch.expected(rows))
    if foreign or not seen:
        raise RuntimeError(f"{one.name} trains on other tokens than the rows hold: {len(foreign)} of {len(seen)}")


def faster(ways: Sequence[Contestant], rows: Parts, options: argparse.Namespace) -> Contestant:
    """The way that does more optimiser steps (of about as many examples) in a short time."""
    if len(ways) == 1:
        return ways[0]
    speeds = {}
    for one in ways:
        run = trained(one, rows, options, options.trial, options.trial)
        speeds[one.name] = run["steps"] / run["snapshots"][-1]["cpu_s"]
    print({name: f"{speed:.2f} steps/s" for name, speed in speeds.items()}, flush=True)
    return max(ways, key=lambda one: speeds[one.name])


def scored(one: Contestant, run: dict[str, Any], rows: Parts, options: argparse.Namespace) -> list[dict[str, float]]:
    """Macro-F1 on dev of every snapshot; kept as they come."""
    from safetensors.torch import load_file

    folder = Path(run["folder"])
    kept = folder / "scores.json"
    curve = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    if len(curve) == len(run["snapshots"]):
        return list(curve)
    model = _model(one, rows)
    for number, snapshot in list(enumerate(run["snapshots"]))[len(curve) :]:
        model.load_state_dict(load_file(folder / "snapshots" / f"{number:03d}.safetensors"), strict=False)
        curve.append({**snapshot, "macro_f1": _macro_f1(one, model, rows)})
        kept.write_text(json.dumps(curve), encoding="utf-8")
        print(f"{one.name}: {curve[-1]}", flush=True)
    return list(curve)


def _model(one: Contestant, rows: Parts) -> Any:
    import torch
    from transformers import AutoModelForSequenceClassification

    from fittingroom.models.load import load_model
    from fittingroom.models.nano import nano_path

    if one.tool != "transformers":
        return load_model(nano_path()).eval()
    return AutoModelForSequenceClassification.from_pretrained(
        nano_path(), num_labels=len(rows.answers), dtype=torch.float32, pad_token_id=0
    ).eval()


def _macro_f1(one: Contestant, model: Any, rows: Parts) -> float:
    import torch

    from fittingroom.models.scoring import score_answers
    from fittingroom.tasks.classify import macro_f1

    prompts = [row.ids[: row.start] for row in rows.dev[one.listed]]
    if one.tool == "transformers":
        with torch.no_grad():
            said = [int(model(input_ids=torch.tensor([prompt])).logits.argmax()) for prompt in prompts]
    else:
        said = [int(best) for best in score_answers(model, prompts, rows.answers).argmax(axis=1)]
    return macro_f1(rows.dev_labels, said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trl", type=Path, help="folder of TRL's own environment")
    parser.add_argument("--llama-factory", type=Path, help="folder of LLaMA-Factory's own environment")
    parser.add_argument("--work", type=Path, default=Path("train_alternatives"))
    parser.add_argument("--train", type=int, default=3000)
    parser.add_argument("--dev", type=int, default=600)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--cap", type=float, default=360.0, help="processor seconds of a training")
    parser.add_argument("--every", type=float, default=40.0, help="processor seconds between snapshots")
    parser.add_argument("--trial", type=float, default=15.0, help="processor seconds to choose packed or padded")
    parser.add_argument("--only", help="measure contestants whose name holds this, and write no results")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--core", help="pin what is measured to these cores")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    options.python = {"fittingroom": sys.executable, "transformers": sys.executable}
    for tool, folder in (("TRL", options.trl), ("LLaMA-Factory", options.llama_factory)):
        if folder is not None:
            options.python[tool] = interpreter(tool, folder)
    from train_alternatives_report import judged, picture, report

    rows = parts(options.train, options.dev)
    everyone = contestants(options)
    chosen = [one for one in everyone if one.tool in ("fittingroom", "transformers")]
    for tool in ("TRL", "LLaMA-Factory") if not options.only else [options.only.split(",")[0]]:
        ways = [one for one in everyone if one.tool == tool]
        chosen += [faster(ways, rows, options)] if ways else []
    if options.only:
        for one in chosen:
            if options.only in one.name:
                scored(one, trained(one, rows, options, options.cap, options.every), rows, options)
        return
    runs = [(one, trained(one, rows, options, options.cap, options.every)) for one in chosen]
    curves = {one.name: {"load": run["load"], "curve": scored(one, run, rows, options)} for one, run in runs}
    lengths = {listed: sum(len(row.ids) for row in made) / len(made) for listed, made in rows.train.items()}
    result = judged(curves, lengths, options) | {"machine": machine()}
    RESULTS.with_suffix(".json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(report(result), encoding="utf-8")
    picture(result, RESULTS.with_suffix(".svg"))
    print(RESULTS.with_suffix(".md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
