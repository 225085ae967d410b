"""Cleaning and near-dedup, the same operations on the same rows, beside data-juicer 1.6.1 and datatrove 0.10.1.

    python3.11 -m venv dj && dj/bin/pip install py-data-juicer==1.6.1 aiohttp scipy ftfy selectolax torch==2.13.0
    python3.11 -m venv dt && dt/bin/pip install 'datatrove[io,processing]==0.10.1' ftfy selectolax
    python benchmarks/clean_and_dedup.py --rows 100000 1000000 --data-juicer dj/bin --datatrove dt/bin

(torch and the rest beside data-juicer because it asks for them, or installs them, while it runs; take the CPU build.)
A peer that is not given is left out. Every task is a process of its own, start-up included, on one core, one thread and
one worker, with the network cut where the machine allows it: CPU seconds (user and system, children included), wall and
peak memory. The texts are generated (`texts.py`): with faults for cleaning, with planted copies alone for dedup.

Clean: Unicode repair, HTML out, links and e-mails replaced, white space. Dedup: character 5-grams, 128 permutations,
Jaccard 0.7, one of each connected family stays; recall and false removals by one definition for all, see `judged.py`.
Beside it the whole road of a recipe's data: our stages `prepare`, `label`, `dedup` and `split` with every rule,
redaction, ledger and keys.
Measurements lie in `--work` and are not taken again: to repeat one, raise `--repeats`; the lowest CPU counts.
Writes benchmarks/results/clean_and_dedup.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

import data_juicer  # noqa: E402

from measured import spent_by, without_network  # noqa: E402

RESULTS = HERE / "results" / "clean_and_dedup"
SEED = 7
OURS, JUICER, TROVE = "fittingroom", "data-juicer", "datatrove"


class Job(NamedTuple):
    """One task of one tool: the command for an input, an output and a work folder; extra environment."""

    tool: str
    task: str
    rows: str
    command: Callable[[Path, Path, Path], Sequence[str]]
    environment: Callable[[Path], dict[str, str]] = lambda _: {}


def jobs(options: argparse.Namespace) -> list[Job]:
    """What is to be measured, ours first."""

    def own(task: str) -> Callable[[Path, Path, Path], Sequence[str]]:
        return lambda source, out, _: [sys.executable, str(HERE / "peers" / "ours.py"), task, str(source), str(out)]

    def trove(script: str) -> Callable[[Path, Path, Path], Sequence[str]]:
        python, path = str(options.datatrove / "python"), str(HERE / "peers" / script)
        return lambda source, out, work: [python, path, str(source), str(out), str(work)]

    def juicer(steps: list[dict[str, Any]]) -> Callable[[Path, Path, Path], Sequence[str]]:
        run = str(options.data_juicer / "dj-process")
        return lambda source, out, work: [run, "--config", str(data_juicer.recipe(steps, source, out, work))]

    found = [
        Job(OURS, "clean", "noisy", own("clean")),
        Job(OURS, "clean, no guard", "noisy", own("clean-unguarded")),
        Job(OURS, "dedup", "plain", own("dedup")),
        Job(OURS, "road", "labelled", own("road")),
    ]
    if options.datatrove:
        found.append(Job(TROVE, "clean", "noisy", trove("datatrove_clean.py")))
        found.append(Job(TROVE, "dedup", "plain", trove("datatrove_dedup.py")))
    if options.data_juicer:
        found.append(Job(JUICER, "clean", "noisy", juicer(data_juicer.CLEAN), data_juicer.environment))
        found.append(Job(JUICER, "dedup", "plain", juicer(data_juicer.DEDUP), data_juicer.environment))
    for name, given in (("--datatrove", options.datatrove), ("--data-juicer", options.data_juicer)):
        if not given:
            print(f"{name} is not given: it is left out", flush=True)
    return found


def generated(work: Path, rows: int) -> dict[str, Path]:
    """The rows with faults, those without, and those with faults and labels."""
    import texts

    kinds: dict[str, dict[str, Any]] = {"noisy": {}, "plain": {"noise": False}, "labelled": {"labels": 8}}
    for name, kind in kinds.items():
        if not (work / f"{name}.done").exists():
            texts.write(work / name, rows, SEED, shard=rows, **kind)
            (work / f"{name}.done").touch()
    return {name: work / name for name in kinds}


def measure(work: Path, rows: int, job: Job, options: argparse.Namespace) -> None:
    """Run a job until there are enough repeats; figures are kept as they come."""
    path = work / f"{job.tool} {job.task}.json".replace(",", "")
    runs: list[dict[str, float]] = json.loads(path.read_text()) if path.exists() else []
    inputs = generated(work, rows)
    wanted = options.repeats if job.tool == OURS else options.peer_repeats
    cut = without_network() if options.cut else []
    while len(runs) < wanted:
        out, scratch = output(work, job.tool, job.task), work / "scratch"
        for folder in (out, scratch):
            shutil.rmtree(folder, ignore_errors=True)
        scratch.mkdir(parents=True)
        command = [*cut, *job.command(inputs[job.rows], out, scratch)]
        spent = spent_by(command, log=work / "log", environment=job.environment(scratch), core=options.core)
        runs.append(spent._asdict() | {"network_cut": bool(cut)})
        path.write_text(json.dumps(runs), encoding="utf-8")
        shutil.rmtree(scratch)
        print(f"{rows:,} {job.tool} {job.task}: {spent}", flush=True)


def output(work: Path, tool: str, task: str) -> Path:
    """Where a tool leaves what it made."""
    return work / f"{tool} {task}".replace(",", "").replace(" ", "-")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--data-juicer", type=Path, help="the folder of dj-process in data-juicer's own environment")
    parser.add_argument("--datatrove", type=Path, help="the folder of python in datatrove's own environment")
    parser.add_argument("--work", type=Path, default=Path("clean_and_dedup"), help="inputs, outputs, measurements")
    parser.add_argument("--repeats", type=int, default=3, help="runs of our tasks")
    parser.add_argument("--peer-repeats", type=int, default=1, help="runs of the peers' tasks")
    parser.add_argument("--core", type=int, help="pin what is measured to this core")
    parser.add_argument("--only", default="", help="only jobs whose name holds this, such as 'datatrove dedup'")
    parser.add_argument("--no-cut", dest="cut", action="store_false", help="leave the peers the network")
    parser.add_argument("--measure-only", action="store_true", help="no judging, no report")
    options = parser.parse_args()
    for rows in options.rows:
        (options.work / str(rows)).mkdir(parents=True, exist_ok=True)
        for job in jobs(options):
            if options.only in f"{job.tool} {job.task}":
                measure(options.work / str(rows), rows, job, options)
    if options.measure_only:
        return
    from clean_and_dedup_report import judge, report

    result = judge(options.work, options.rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.with_suffix(".json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(report(result), encoding="utf-8")
    print(RESULTS.with_suffix(".md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
