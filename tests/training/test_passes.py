"""What a pass is made of: packed where that costs less, padded where it does not or the model cannot."""

from __future__ import annotations

import pytest

from fittingroom.models.costs import Costs
from fittingroom.models.load import load_model
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded
from tiny_model import tiny_folder

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
    from fittingroom.models import catalog
    from fittingroom.training import passes

    family = catalog.FAMILIES["deepseek_v32"]
    monkeypatch.setattr(passes, "FAMILIES", {"deepseek_v3": family})
    layout = Layout.of(load_model(tiny_folder()), 1)
    assert not layout.packed
    assert "ends" not in layout.collate(encoded([[*PROMPT, row, 3] for row in range(4)]), range(4))[0]
