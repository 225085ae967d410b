"""Two processes take the same steps as one: losses, gradients, evaluations; weights whole, in parts or in pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

from fittingroom.training.checkpoint import read_tensors
from fittingroom.training.job import Done, Job
from fittingroom.training.rows import Encoded
from tiny_families import family_folder
from tiny_training import shop_rows
from training.processes.jobs import here, job
from training.processes.pair import together

QUICK = ("full", "narrow", "single", "sharded-mixture", "cut-mixture", "free")
MORE = (
    "lora", "experts", "thawed", "sharded-dense", "sharded-lora", "sharded-single", "sharded-experts", "sharded-thawed",
    "sharded-free", "cut-dense", "cut-heads", "cut-v2", "cut-single", "cut-thawed",
)  # fmt: skip
THAWING = {"layer 1": 1, "layer 0": 2, "embeddings": -1}
"""Steps from which what is frozen learns."""


class Both:
    """Some trainings in two processes and in one."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.folder = folder
        rows = shop_rows()
        dense = family_folder("qwen2", folder / "dense", tie_word_embeddings=True)
        qwen3, v2 = (family_folder(kind, folder / f"{kind}-base") for kind in ("qwen3", "deepseek_v2"))
        wide = {"batch_size": 1, "steps": 3}
        sharded = {"sharding": "full", "epochs": 1.0}
        cut = {"sharding": "tensor", "epochs": 1.0, "pass_tokens": 60}
        jobs = {
            "full": job(rows, "full", steps=6, epochs=1.0),
            "lora": job(rows, "lora", pass_tokens=40, steps=6, epochs=1.0),
            "single": job(rows, "full", steps=1),
            "narrow": job(rows.only(range(6)), "full", **wide),  # one row a step: a process goes without
            "sharded-dense": job(rows, "full", dense, steps=6, pass_tokens=60, **sharded),
            "sharded-mixture": job(rows, "full", steps=3, pass_tokens=60, activation_checkpointing=True, **sharded),
            "sharded-lora": job(rows, "lora", steps=3, **sharded),
            "sharded-single": job(rows, "full", steps=1, l1=0.01, **sharded),
            "free": job(rows, "full", free=True, steps=3, epochs=1.0),
            "sharded-free": job(rows, "full", free=True, steps=3, **sharded),
            "experts": job(rows, "experts", steps=3, epochs=1.0, pass_tokens=60),
            "sharded-experts": job(rows, "experts", steps=3, pass_tokens=60, **sharded),
            "thawed": job(rows, "full", steps=4, epochs=1.0, frozen=THAWING),
            "sharded-thawed": job(rows, "full", steps=4, frozen=THAWING, **sharded),
            "cut-mixture": job(rows, "full", steps=3, activation_checkpointing=True, **cut),
            "cut-dense": job(rows, "full", dense, steps=3, l1=0.01, **cut),
            "cut-heads": job(rows, "full", qwen3, steps=3, **cut),
            "cut-v2": job(rows, "full", v2, steps=3, **cut),
            "cut-single": job(rows, "full", qwen3, steps=1, **cut),
            "cut-thawed": job(rows, "full", dense, steps=4, frozen=THAWING, **cut),
        }
        self.jobs: dict[str, Job] = {name: jobs[name] for name in names}
        for name, one in self.jobs.items():
            (folder / name).mkdir()
            one.write(folder / name)
        together([folder / name for name in names], folder / "meet")

    def two(self, name: str) -> Done:
        return Done.read(self.folder / name)

    def one(self, name: str) -> Done:
        return here(self.jobs[name], self.folder / f"{name}-one")

    def moments(self, name: str) -> dict[str, object]:
        newest = max((self.folder / name / "checkpoints").glob("step-*"))
        return {key: value for key, value in read_tensors(newest, "optimizer").items() if key.endswith("|exp_avg")}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return Both(tmp_path_factory.mktemp("quick"), QUICK)


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return Both(tmp_path_factory.mktemp("more"), MORE)


@pytest.mark.parametrize("name", [name for name in QUICK if name != "single"])
def test_losses_are_those_of_one_process(quick: Both, name: str) -> None:
    same_steps(quick, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MORE if "single" not in name])
def test_losses_of_more_are_those_of_one_process(more: Both, name: str) -> None:
    same_steps(more, name)


def test_gradients_are_those_of_one_process(quick: Both) -> None:
    same_gradients(quick, "single")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sharded-single", "cut-single"])
def test_gradients_of_spread_weights_are_those_of_one_process(more: Both, name: str) -> None:
    same_gradients(more, name)


def same_steps(both: Both, name: str) -> None:
    two, one = both.two(name), both.one(name)
    assert two.processes == 2
    assert two.sharded == name.startswith(("sharded", "cut"))
    assert len(two.recorder.steps) == both.jobs[name].plan.steps
    for mine, theirs in zip(two.recorder.steps, one.recorder.steps, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=5e-7, abs=1e-6)
        assert mine["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-4)
        assert mine["update_ratio"] == pytest.approx(theirs["update_ratio"], rel=1e-3)
    for mine, theirs in zip(two.recorder.evals, one.recorder.evals, strict=True):
        assert mine["dev_loss"] == pytest.approx(theirs["dev_loss"], abs=1e-5)
        assert mine["dev_metric"] == pytest.approx(theirs["dev_metric"], abs=1e-5 if "free" in name else 0.0)
    assert two.recorder.examples == one.recorder.examples
    assert two.recorder.learnt == one.recorder.learnt
    assert two.recorder.untouched == one.recorder.untouched
    assert two.facts == one.facts
    assert sorted(path.name for path in two.weights.iterdir()) == sorted(path.name for path in one.weights.iterdir())


def same_gradients(both: Both, name: str) -> None:
    """Adam's first moment after one step is the gradient, times a tenth."""
    import torch

    one = both.one(name)
    mine, theirs = both.moments(name), both.moments(f"{name}-one")
    assert mine.keys() == theirs.keys()
    for key, value in theirs.items():
        assert isinstance(value, torch.Tensor)
        assert float((mine[key] - value).norm()) <= 1e-5 * float(value.norm()), key
    assert one.recorder.steps[0]["loss"] == pytest.approx(both.two(name).recorder.steps[0]["loss"], abs=1e-6)


def test_a_job_reads_as_it_was_written(tmp_path: Path) -> None:
    rows: Encoded = shop_rows()
    one = job(rows, "lora")
    one.write(tmp_path)
    assert Job.read(tmp_path) == one
