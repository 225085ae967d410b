"""Forgetting: the loss per token is the model's own, and rises when the weights are harmed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evaluating.judged import setting
from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.evaluating.config import ForgettingConfig
from fittingroom.evaluating.forgetting import forgetting, probes_of
from fittingroom.evaluating.general import PROBES
from fittingroom.serving.bundle import seal
from fittingroom.serving.predictor import Predictor
from serving.bundles import make_bundle


def _harmed(folder: Path) -> Path:
    """The same bundle with weights that were pushed."""
    import torch
    from safetensors.torch import load_file, save_file

    path = folder / "model" / "model.safetensors"
    weights = load_file(path)
    torch.manual_seed(0)
    save_file({name: value + 0.05 * torch.randn_like(value) for name, value in weights.items()}, path, {"format": "pt"})
    seal(folder)
    return folder


def test_the_same_weights_have_forgotten_nothing(context: Context) -> None:
    found = forgetting(setting(context))
    assert (found["rise"], found["low"], found["high"]) == (0.0, 0.0, 0.0)
    assert found["texts"] == len(PROBES) == 40
    assert found["before"] == found["after"] > 0


def test_harmed_weights_lose_what_they_lose(context: Context) -> None:
    import torch

    folder = _harmed(make_bundle(context.root / "bundle"))
    found = forgetting(setting(context, folder))
    assert found["low"] < found["rise"] < found["high"]
    assert found["rise"] == pytest.approx(found["after"] - found["before"], abs=2e-4)
    total = tokens = 0.0
    predictor = Predictor.load(folder, threads=1)
    for probe in PROBES:
        if probe.ask:
            made = predictor.renderer.example([{"role": "user", "content": probe.ask}], probe.answer, 511)
            ids, start = made.ids, made.answer_start
        else:
            ids, start = [predictor.renderer.bos_id, *predictor.renderer.text_ids(probe.answer)], 1
        labels = torch.tensor([[-100] * start + ids[start:]])
        with torch.no_grad():
            loss = predictor.model(input_ids=torch.tensor([ids]), labels=labels).loss
        total += float(loss) * (len(ids) - start)
        tokens += len(ids) - start
    assert found["tokens"] == tokens
    assert found["after"] == pytest.approx(total / tokens, abs=1e-3)


def test_texts_of_ones_own(context: Context) -> None:
    path = context.root / "texts.jsonl"
    path.write_text('{"text": "a b c"}\n\n' * 6 + '{"ask": "q?", "answer": "yes"}\n' * 6, encoding="utf-8")
    judged = setting(context, forgetting={"path": "texts.jsonl"})
    assert forgetting(judged)["texts"] == 12
    shutil.move(path, context.root / "other.jsonl")
    with pytest.raises(SourceError, match="no such file"):
        forgetting(judged)


@pytest.mark.parametrize(
    "line", ["not json", '{"text": ""}', '{"text": 3}', '{"ask": "q"}', '["a"]', '{"text": "a", "x": 1}']
)
def test_a_line_that_is_no_text_is_named(context: Context, line: str) -> None:
    (context.root / "t.jsonl").write_text('{"text": "a"}\n' + line, encoding="utf-8")
    with pytest.raises(SourceError, match=r"t\.jsonl, line 2"):
        probes_of(ForgettingConfig(path="t.jsonl"), context)
    (context.root / "t.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")
    with pytest.raises(SourceError, match="holds 1 texts"):
        probes_of(ForgettingConfig(path="t.jsonl"), context)
