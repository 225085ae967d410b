"""The training benchmarks: what counts as the same training, and the GPU script at toy sizes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.syspath_prepend(BENCHMARKS / "peers")


ROWS = [([5, 6, 7, 8, 9], 3), ([5, 6, 7, 3], 3), ([5, 6, 4, 2, 9], 2)]


def labels(ids: list[int], start: int) -> list[int]:
    return [*[-100] * start, *ids[start:]]


def test_padded_packed_masked_and_tree_are_the_same_training() -> None:
    from train_watch import expected, seen_by_loss

    from fittingroom.models.packing import cuts, in_order, pack, tensors

    ids = [row for row, _ in ROWS]
    starts = [start for _, start in ROWS]
    flat = torch.tensor([[token for row in ids for token in row]])
    told = torch.tensor([[label for row, start in ROWS for label in labels(row, start)]])
    positions = torch.tensor([[at for row in ids for at in range(len(row))]])
    segment = torch.tensor([number for number, row in enumerate(ids) for _ in row])
    apart = (segment[:, None] == segment[None, :]).tril()[None, None]
    padded = {
        "input_ids": torch.tensor([[*row, *[0] * (5 - len(row))] for row in ids]),
        "labels": torch.tensor([[*labels(row, start), *[-100] * (5 - len(row))] for row, start in ROWS]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (5 - len(row)) for row in ids]),
    }
    packed = {"input_ids": flat, "labels": told, "position_ids": positions}
    masked = {**packed, "attention_mask": torch.where(apart, 0.0, torch.finfo(torch.float32).min)}
    order = in_order(ids)
    tree = tensors([pack(ids, starts, order.rows[cut.first : cut.last]) for cut in cuts(order, longest=99)], 0)
    ours = {
        "input_ids": tree.ids, "position_ids": tree.positions, "ends": tree.ends, "at": tree.at,
        "targets": tree.targets,
    }  # fmt: skip
    assert tree.ids.numel() < flat.numel()
    for batch in (padded, packed, masked, ours):
        assert Counter(seen_by_loss(batch)) == expected(ROWS)


def test_examples_that_see_each_other_are_another_training() -> None:
    from train_watch import expected, seen_by_loss

    flat = torch.tensor([[token for row, _ in ROWS for token in row]])
    told = torch.tensor([[label for row, start in ROWS for label in labels(row, start)]])
    together = {"input_ids": flat, "labels": told, "attention_mask": torch.ones_like(flat)}
    assert Counter(seen_by_loss(together)) != expected(ROWS)
    shifted = {"input_ids": flat, "labels": told, "position_ids": torch.arange(flat.shape[1])[None]}
    assert Counter(seen_by_loss(shifted)) != expected(ROWS)
    whole = {"input_ids": torch.tensor([[5, 6, 7, 3]]), "labels": torch.tensor([[5, 6, 7, 3]])}
    with pytest.raises(IndexError):
        # A loss on the first token of all has nothing to be predicted from.
        seen_by_loss({**whole, "position_ids": torch.tensor([[0, 1, 2, 3]])})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_gpu_benchmark_refuses_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    import train_gpu

    assert train_gpu.main([]) == 2
    assert "--dry-run" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_gpu_benchmark_runs_at_toy_sizes(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import train_gpu
    import train_material

    monkeypatch.setattr(train_material, "DATA", data_dir)
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS.parent / "src"))
    out = tmp_path / "result"
    small = ["--models", "V2-Lite", "--methods", "lora", "--cases", "routing", "--batch", "4", "--steps", "2"]
    assert train_gpu.main(["--dry-run", *small, "--threads", "1", "--work", str(tmp_path), "--out", str(out)]) == 0
    runs = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["runs"]
    (run,) = runs["V2-Lite, lora, routing"].values()
    assert run["same"]
    assert run["tokens_per_s"] > 0
    assert run["computed_per_token"] < 0.5  # four prompts with the same list of labels
    assert 0 < run["busy"] < run["mfu"] < 1
    assert "| V2-Lite, lora, routing |" in out.with_suffix(".md").read_text(encoding="utf-8")


def test_operations_of_a_training_step() -> None:
    from train_gpu_shapes import Model, operations

    model = Model("", Path(), "", {}, 0, active=100.0, head=10.0, per_pair=2.0, targets=[])
    assert operations(model, "full", tokens=3, pairs=6, answers=1) == 3 * 2 * (100 * 3 + 10) + 3 * 2 * 6
    assert operations(model, "lora", tokens=3, pairs=6, answers=1) == 2 * 2 * (100 * 3 + 10) + 3 * 2 * 6
