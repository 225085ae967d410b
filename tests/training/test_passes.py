"""What a pass is made of: packed where that costs less, padded where it does not or the model cannot."""

from __future__ import annotations

import pytest

from fittingroom.models.costs import Costs
from fittingroom.models.load import load_model
from fittingroom.training.config import TrainConfig
from fittingroom.training.fit import prepared, takes_block_masks
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded
from tiny_model import tiny_folder
from tiny_training import plan

PROMPT = list(range(10, 110))


def encoded(ids: list[list[int]]) -> Encoded:
    names = [f"r{row}" for row in range(len(ids))]
    return Encoded(names, ids, [len(row) - 1 for row in ids], [0] * len(ids), [1.0] * len(ids), 0)


def test_a_shared_prompt_stands_once() -> None:
    layout = Layout.of(load_model(tiny_folder()), 1)
    rows = encoded([[*PROMPT, 200 + row, 3] for row in range(30)])
    (batch,) = layout.collate(rows, range(30))
    assert batch["ids"].shape == (1, 100 + 2 * 30)
    assert batch["targets"].tolist() == [3] * 30
    assert Layout.of(load_model(tiny_folder()), 1, packing=False).collate(rows, range(30))[0]["ids"].shape == (30, 102)


def test_rows_that_share_nothing_and_are_of_one_length_stay_padded() -> None:
    layout = Layout(1, packed=True, costs=Costs(1.0, 0.1))
    rows = encoded([[100 * row + at for at in range(50)] for row in range(8)])
    (batch,) = layout.collate(rows, range(8))
    assert batch["ids"].shape == (8, 50)
    assert "ends" not in batch


def test_one_long_row_among_short_ones_is_packed() -> None:
    layout = Layout(1, packed=True, costs=Costs(1.0, 0.0001))
    rows = encoded([[7 * row + at for at in range(5)] for row in range(60)] + [list(range(1000, 1400))])
    assert sum(batch["ids"].numel() for batch in layout.collate(rows, range(61))) < 61 * 400 / 10


def test_a_model_that_takes_no_mask_is_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    from fittingroom.models import catalog, masks

    family = catalog.FAMILIES["deepseek_v32"]
    monkeypatch.setattr(masks, "FAMILIES", {"deepseek_v3": family})
    layout = Layout.of(load_model(tiny_folder()), 1)
    assert not layout.packed
    assert "ends" not in layout.collate(encoded([[*PROMPT, row, 3] for row in range(4)]), range(4))[0]


@pytest.mark.parametrize(("budget", "kind"), [(130, "shared-prefix"), (200, "shared-prefix"), (103, "padded")])
def test_rows_share_in_passes_shorter_than_any_usual_pack(budget: int, kind: str) -> None:
    layout = Layout.of(load_model(tiny_folder()), 1).within(budget)
    laid = layout.lay([[*PROMPT, 200 + row, 3] for row in range(30)])
    assert laid.kind == kind
    assert max(sum(cut.tokens for cut in one) for one in laid.passes) <= budget
    assert layout.holds_several(laid.order) == (kind == "shared-prefix")


def test_a_budget_between_two_usual_lengths_is_a_length_of_its_own() -> None:
    layout = Layout(1, packed=True, costs=Costs(1.0, 0.0), budget=500)
    laid = layout.lay([[*range(10, 310), *range(1000 + 20 * row, 1020 + 20 * row)] for row in range(20)])
    assert (laid.kind, len(laid.passes), laid.computed) == ("shared-prefix", 2, 2 * 500)


def test_the_layout_of_a_model_to_be_prepared_is_that_of_the_prepared_one() -> None:
    """What configure plans with on the model as it was loaded, and what training lays out on a GPU."""
    train = TrainConfig(method="full", dropout=0.0)
    loaded = load_model(tiny_folder())
    blocks = takes_block_masks(loaded, "cuda", train)
    planned = Layout.of(loaded, 1, blocks=blocks)
    trained = Layout.of(prepared(loaded, plan("full", dropout=0.0, device="cuda"), train, 7), 1)
    assert (blocks, planned) == (True, trained)
    assert (planned.multiple, planned.costs.sparse) == (128, True)
    assert not takes_block_masks(loaded, "cpu", train)
    assert not takes_block_masks(loaded, "cuda", train.model_copy(update={"dropout": 0.1}))
    assert not takes_block_masks(loaded, "cuda", train.model_copy(update={"packing": "off"}))


def test_passes_in_whole_blocks_stay_within_the_budget() -> None:
    layout = Layout(1, packed=True, costs=Costs(1.0, 0.1, sparse=True), budget=1024, multiple=128)
    rows = encoded([[100 * row + at for at in range(10)] for row in range(60)])
    passes = layout.collate(rows, range(60))
    assert all(one["ids"].numel() <= 1024 for one in passes)
    assert sum(one["ids"].numel() for one in passes) == layout.lay(rows.ids).computed
