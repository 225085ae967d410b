"""Training beside TRL 1.16 and LLaMA-Factory 0.9.5: the same model folder, the same rows, steps and loss.

    python3.11 -m venv trl
    trl/bin/pip install -c constraints.txt torch==2.13.0 'trl==1.16.*' peft datasets accelerate
    python3.11 -m venv lf
    lf/bin/pip install torch==2.13.0 llamafactory==0.9.5 && lf/bin/pip uninstall -y torchvision
    python benchmarks/train_throughput.py --trl trl --llama-factory lf

(Take the CPU build of torch. torchvision and torchaudio come along in builds that ask for CUDA; the first is not
needed, for the second `peers/stubs` has a stand-in.) A peer's folder that does not exist is made by these commands.

Cases: (a) `routing`: 77 intents (`en_intent_banking77`), all of them listed in the prompt, a 6-layer Qwen2 shape of
84 M parameters with the tokenizer of the distilled Qwen; (b) `dialogues`: one answer of an agent of each dialogue of
`zh_jddc_dialogues`, nothing shared, the same model; (c) `mixture`: the rows of (a) on a DeepSeek-V3 shape with experts.
Random weights from a fixed seed, float32, AdamW, constant rate, gradients clipped at 1, steps of `--batch` examples.

Every setting of a contestant is tried on two short steps ((c) takes what was best in (a)). With its best one
(processor seconds per example) it runs `--steps` steps in rounds that go round-robin over all. Each run is a process of
its own; loading does not count. What reaches the model is recorded: a contestant whose tokens with loss, and the ids
that each is predicted from, are not exactly those of the rows is reported as refused.
Measurements lie in `--work` and are not taken again. Writes benchmarks/results/train_throughput.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

import train_watch  # noqa: E402

import train_material as material  # noqa: E402

RESULTS = HERE / "results" / "train_throughput"
OURS, TRL, FACTORY = "fittingroom", "TRL", "LLaMA-Factory"
PATCHED = "TRL, patched"
SCRIPTS = {OURS: "train_ours.py", TRL: "train_trl.py", PATCHED: "train_trl.py", FACTORY: "train_llamafactory.py"}
CONSTRAINTS = str(HERE.parent / "constraints.txt")
INSTALLS = {
    TRL: ["-c", CONSTRAINTS, "torch==2.13.0", "trl==1.16.*", "peft", "datasets", "accelerate"],
    FACTORY: ["torch==2.13.0", "llamafactory==0.9.5"],
}
CASES: dict[str, tuple[str, Callable[[Path, int], list[material.Row]]]] = {
    "routing": ("qwen", material.routing_rows),
    "dialogues": ("qwen", material.dialogue_rows),
    "mixture": ("mixture", material.routing_rows),
}
RATE = 2e-4
TRIAL = {"routing": 8, "dialogues": 8, "mixture": 8}
"""Examples of a step when settings are tried, as many as fill a pack; of ours a whole step, as all of it shares."""
TRIAL_STEPS = 2
LIKE = {"mixture": "routing"}
"""Cases that take the settings found best in another one."""
HELD_OUT = 8


class Setting(NamedTuple):
    """A way to run a contestant: `rows` of a pass (padded), or the length of its packs."""

    name: str
    options: dict[str, Any]
    rows: int = 0


def settings(tool: str, case: str) -> list[Setting]:
    """What is tried, the likeliest first. Larger batches need more memory than 20 GiB: logits of a row take 0.25."""
    pack = 2048 if case == "routing" else 1024
    padded, larger = (Setting(f"padded, {rows} rows", {"batch": rows}, rows) for rows in (4, 8))
    packed = Setting(f"packed (bfd), {pack}", {"packing": "bfd", "pack": pack})
    if tool == OURS:
        first, *rest = (
            Setting(f"passes of {size} tokens", {"pass_tokens": size, "packing": "auto"})
            for size in (4096, 1024, 16384)
        )
        return [first, Setting("padded", {"pass_tokens": 4096, "packing": "off"}), *rest]
    if tool == FACTORY:
        return [
            padded,
            Setting(f"neat packing, {pack}", {"packing": "neat", "pack": pack}),
            Setting(f"packing, {pack}", {"packing": "plain", "pack": pack}),
            larger,
            Setting("padded, 4 rows, eager", {"attention": "disabled"}, 4),
        ]
    if tool == PATCHED:
        forced = [padded, packed, larger]
        return [Setting(one.name, {**one.options, "answers_only": True}, one.rows) for one in forced]
    if case == "routing":  # the other ways change little where nearly all the time is the head's
        return [padded, packed]
    return [
        padded,
        packed,
        Setting(f"packed (wrapped), {pack}", {"packing": "wrapped", "pack": pack}),
        larger,
        Setting("padded, 4 rows, eager", {"attention": "eager"}, 4),
        Setting("padding-free, 4 rows", {"padding_free": True}, 4),
    ]


class Bench:
    """The rows, folders and interpreters of a run of this benchmark."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.work: Path = options.work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.python = {OURS: sys.executable}
        for tool, folder in ((TRL, options.trl), (FACTORY, options.llama_factory)):
            if folder is None:
                print(f"{tool} has no folder: it is left out", flush=True)
                continue
            self.python[tool] = interpreter(tool, folder)
        if TRL in self.python:
            self.python[PATCHED] = self.python[TRL]

    def rows(self, case: str) -> list[material.Row]:
        """All rows of a case that a run may need, and those held out behind them."""
        model, make = CASES[case]
        folder = material.model_folder(self.work, model)
        wanted = self.options.batch * self.options.steps + HELD_OUT
        rows = make(folder, wanted)
        if len(rows) < wanted:
            raise SystemExit(f"{case} has {len(rows)} rows and needs {wanted}: lower --steps or --batch")
        return rows

    def run(self, case: str, tool: str, setting: Setting, *, batch: int, steps: int, number: int = 0) -> dict[str, Any]:
        """One run in a process of its own; kept, and not taken again. A failure is kept, too."""
        slug = f"{case} {tool} {setting.name} {batch}x{steps} {number}".replace(",", "").replace(" ", "-")
        path = self.work / "runs" / f"{slug}.json"
        if path.exists():
            return dict(json.loads(path.read_text(encoding="utf-8")))
        path.parent.mkdir(exist_ok=True)
        every = self.rows(case)
        rows, held_out = every[: batch * steps], every[-HELD_OUT:]
        scratch = self.work / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        job = self._job(case, tool, setting, batch, rows, held_out, scratch)
        load = os.getloadavg()[0]
        failed = self._process(tool, job, scratch, self.work / "runs" / f"{slug}.log")
        found = failed or self._judged(scratch / "out.json", rows)
        found |= {"tool": tool, "setting": setting.name, "load": round(load, 2), "batch": batch}
        path.write_text(json.dumps(found), encoding="utf-8")
        print(f"{case} {tool} {setting.name}: {_told(found)}", flush=True)
        return found

    def _job(
        self, case: str, tool: str, setting: Setting, batch: int, rows: Sequence[material.Row],
        held_out: Sequence[material.Row], scratch: Path,
    ) -> Path:  # fmt: skip
        """The job as a file, and its rows: in our trainer's order for everyone else, who take them as they come."""
        given = rows if tool == OURS else material.in_our_order(rows, batch)
        if setting.rows:
            size = min(setting.rows, batch)
            if batch % size:  # a step more, with fewer rows, would count against the setting
                raise SystemExit(f"steps of {batch} examples are no whole number of passes of {size}")
            accumulate = batch // size
        else:
            size = 1
            mean = sum(len(row.ids) for row in rows) / len(rows)
            accumulate = max(1, round(batch * mean / setting.options.get("pack", 1)))
        job = {
            "model": str(material.model_folder(self.work, CASES[case][0])),
            "rows": str(material.write_rows(scratch / "rows.jsonl", given)),
            "held_out": str(material.write_rows(scratch / "held_out.jsonl", held_out)),
            "out": str(scratch / "out.json"),
            "scratch": str(scratch / "tool"),
            "threads": self.options.threads,
            "batch": batch,
            "rate": RATE,
            "settings": {"accumulate": accumulate, **setting.options, "batch": size},
        }
        path = scratch / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        return path

    def _process(self, tool: str, job: Path, scratch: Path, log: Path) -> dict[str, Any]:
        """Nothing when it ended well, else why it did not."""
        command = [self.python[tool], str(HERE / "peers" / SCRIPTS[tool]), str(job)]
        if self.options.core is not None:
            command = ["taskset", "-c", str(self.options.core), *command]
        own = {"OMP_NUM_THREADS": str(self.options.threads), "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
        with log.open("w", encoding="utf-8") as out:
            try:
                done = subprocess.run(
                    command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | own, cwd=scratch,
                    timeout=self.options.limit,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return {"failed": f"not done after {self.options.limit} s"}
        if done.returncode:
            said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
            return {"failed": f"ended with {done.returncode}: {said[-1][:300] if said else ''}"}
        return {}

    def _judged(self, out: Path, rows: Sequence[material.Row]) -> dict[str, Any]:
        """What a run measured, and whether it trained on the rows, all of them and nothing else."""
        found = dict(json.loads(out.read_text(encoding="utf-8")))
        seen = Counter(out.with_suffix(".seen").read_text(encoding="ascii").split())
        wanted = train_watch.expected(rows)
        found["row_tokens"] = sum(len(row.ids) for row in rows)
        found["rows"] = len(rows)
        found["foreign"] = sum((seen - wanted).values())
        found["missing"] = sum((wanted - seen).values())
        found["same"] = seen == wanted
        return found


def interpreter(tool: str, folder: Path) -> str:
    """The Python of a peer's environment, which is made when the folder does not exist."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *INSTALLS[tool]], check=True)
        if tool == FACTORY:
            subprocess.run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "torchvision"], check=True)
    return str(python.absolute())


def per_example(run: dict[str, Any], what: str = "cpu_seconds") -> float:
    """Seconds of an example."""
    return float(sum(run[what])) / int(run["rows"])


def _told(run: dict[str, Any]) -> str:
    if "failed" in run:
        return str(run["failed"])
    same = "same tokens" if run["same"] else f"REFUSED: {run['foreign']} foreign, {run['missing']} missing"
    speed = f"{1 / per_example(run, 'seconds'):.3f} examples/s, {per_example(run):.3f} CPU s each"
    return f"{speed}, peak {run['peak_mib']:.0f} MiB, {same}"


def tried(bench: Bench, case: str, tool: str) -> list[tuple[Setting, dict[str, Any]]]:
    """Every setting of a contestant on two short steps."""
    batch = bench.options.batch if tool == OURS else TRIAL[case]
    some = settings(tool, case)[: bench.options.settings]
    return [(setting, bench.run(case, tool, setting, batch=batch, steps=TRIAL_STEPS)) for setting in some]


def best(tries: Sequence[tuple[Setting, dict[str, Any]]]) -> Setting | None:
    """The setting with the fewest processor seconds per example, of those that train on the rows."""
    ranked = [(per_example(run), setting) for setting, run in tries if run.get("same")]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def measured(bench: Bench, case: str) -> dict[str, Any]:
    """All runs of a case."""
    options = bench.options
    tries = {tool: tried(bench, LIKE.get(case, case), tool) for tool in bench.python}
    chosen = {tool: setting for tool in bench.python if (setting := best(tries[tool])) is not None}
    runs: dict[str, list[dict[str, Any]]] = {tool: [] for tool in chosen}
    for _ in range(options.rounds):
        for tool, setting in chosen.items():
            if tool in (TRL, FACTORY) and options.short_peers:
                runs[tool].append(bench.run(case, tool, setting, batch=TRIAL[case], steps=TRIAL_STEPS))
                continue
            # Ours is short: it runs beside everyone, so that the load of the machine is that of all.
            for one, how in {OURS: chosen[OURS], tool: setting}.items():
                number = len(runs[one])
                runs[one].append(bench.run(case, one, how, batch=options.batch, steps=options.steps, number=number))
    told = {tool: [run for _, run in found] for tool, found in tries.items()} if case not in LIKE else {}
    return {"chosen": {tool: setting.name for tool, setting in chosen.items()}, "runs": runs, "tries": told}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trl", type=Path, help="folder of TRL's own environment")
    parser.add_argument("--llama-factory", type=Path, help="folder of LLaMA-Factory's own environment")
    parser.add_argument("--work", type=Path, default=Path("train_throughput"), help="models, rows, measurements")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--batch", type=int, default=32, help="examples of an optimiser step")
    parser.add_argument("--steps", type=int, default=4, help="optimiser steps of a run")
    parser.add_argument("--settings", type=int, help="how many settings of each contestant are tried (default: all)")
    parser.add_argument("--short-peers", action="store_true", help="of the peers only the run that tried the setting")
    parser.add_argument("--rounds", type=int, default=1, help="runs of every contestant")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--core", help="pin what is measured to these cores")
    parser.add_argument("--limit", type=int, default=1800, help="seconds after which a run is given up")
    options = parser.parse_args()
    bench = Bench(options)
    from train_throughput_report import judged, report

    result = judged({case: measured(bench, case) for case in options.cases}, bench.work, options)
    RESULTS.with_suffix(".json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(report(result), encoding="utf-8")
    print(RESULTS.with_suffix(".md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
