"""Forgetting: what tuning cost of what the base model knew, as the rise of its loss on general texts.

The same texts are read by the weights before and after tuning; per token, in nats. A rise of 0.1 means that on average
each next word became a tenth of a nat less likely. Loss on held-out general text is what a model loses first when it is
fitted too hard, long before its answers sound broken (Kotha et al., arXiv 2309.10105; Luo et al., arXiv 2308.08747).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import ModelError, SourceError
from fittingroom.evaluating.config import ForgettingConfig
from fittingroom.evaluating.features import batches, deterministic
from fittingroom.evaluating.general import PROBES, Probe
from fittingroom.evaluating.setting import Setting
from fittingroom.models.body import body_and_head, hidden_states
from fittingroom.statistics.intervals import percentiles, resamples
from fittingroom.types import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.serving.predictor import Predictor

_FEWEST = 10
_LONGEST = 512
"""Tokens of one text that are read."""
_REPLICATES = 1000


def forgetting(setting: Setting) -> dict[str, Any]:
    """For `facts.forgetting`: texts, tokens, before, after (nats per token), rise and its 95 % interval (low, high).

    Texts are what is resampled. Raises SourceError for a file of texts that cannot be used, ModelError when a loss is
    no number.
    """
    import numpy as np

    probes = probes_of(setting.config.forgetting, setting.context)
    losses = {}
    for weights in ("base", "bundle"):
        predictor = setting.predictor(weights)
        losses[weights], tokens = _losses(predictor, probes, setting.context)
        del predictor  # see Setting.predictor
        if not np.isfinite(losses[weights]).all():
            raise ModelError("a loss on general texts is not a number", "通用文本上的损失不是数字", place="forgetting")
    rise = _rise(losses["bundle"] - losses["base"], tokens, setting.seed)
    many = float(tokens.sum())
    return {
        "texts": len(probes),
        "tokens": int(many),
        "before": round(float(losses["base"].sum()) / many, 4),
        "after": round(float(losses["bundle"].sum()) / many, 4),
        "rise": round(rise.value, 4),
        "low": round(rise.low, 4),
        "high": round(rise.high, 4),
    }


def probes_of(config: ForgettingConfig, context: Context) -> list[Probe]:
    """The texts: the built-in ones, or those of the recipe's file. Raises SourceError that names the line at fault."""
    if config.path is None:
        return list(PROBES)
    path, place = context.path(config.path), f"evaluate.forgetting.path = {config.path}"
    if not path.is_file():
        raise SourceError("there is no such file", "没有这个文件", place=place)
    found: list[Probe] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if line.strip():
            found.append(_probe(line, f"{place}, line {number}"))
    if len(found) < _FEWEST:
        raise SourceError(
            f"holds {len(found)} texts; {_FEWEST} are the fewest that say anything",
            f"只有 {len(found)} 条文本；至少需要 {_FEWEST} 条",
            place=place,
        )
    return found


def _probe(line: str, place: str) -> Probe:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if isinstance(said, dict):
        if set(said) == {"text"} and isinstance(said["text"], str) and said["text"].strip():
            return Probe("", said["text"])
        pair = [said.get("ask"), said.get("answer")]
        if set(said) == {"ask", "answer"} and all(isinstance(one, str) and one.strip() for one in pair):
            return Probe(said["ask"], said["answer"])
    raise SourceError(
        'write {"text": ...} or {"ask": ..., "answer": ...}, with words in them',
        '请写成 {"text": ...} 或 {"ask": ..., "answer": ...}，内容不能为空',
        place=place,
    )


def _losses(
    predictor: Predictor, probes: list[Probe], context: Context
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """[n] summed loss in nats, and [n] how many tokens of each text count (all but the first, or the answer's)."""
    import numpy as np
    import torch

    rows, starts = [], []
    for probe in probes:
        ids, start = _ids(predictor, probe)
        rows.append(ids[:_LONGEST])
        starts.append(start)
    body, head = body_and_head(predictor.model)
    where = next(predictor.model.parameters()).device
    losses = np.zeros(len(rows))
    done = 0
    with deterministic(context.threads), torch.no_grad():
        for batch in batches([len(row) for row in rows], at_most=8):
            length = max(len(rows[at]) for at in batch)
            padded = torch.tensor([[*rows[at], *[0] * (length - len(rows[at]))] for at in batch], device=where)
            mask = torch.tensor([[1] * len(rows[at]) + [0] * (length - len(rows[at])) for at in batch], device=where)
            hidden = hidden_states(body, padded, mask)
            for number, at in enumerate(batch):
                first, last = starts[at], len(rows[at])
                logits = head(hidden[number, first - 1 : last - 1]).float()
                wanted = padded[number, first:last]
                losses[at] = float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum").double())
            done += len(batch)
            context.progress("forgetting", done, len(rows))
    return losses, np.array([len(row) - start for row, start in zip(rows, starts, strict=True)])


def _ids(predictor: Predictor, probe: Probe) -> tuple[list[int], int]:
    """Ids, and where those begin whose loss counts."""
    renderer = predictor.renderer
    if probe.ask:
        made = renderer.example([{"role": "user", "content": probe.ask}], probe.answer, min(_LONGEST, predictor.reads))
        return made.ids, made.answer_start
    bos = [] if renderer.bos_id is None else [renderer.bos_id]
    return [*bos, *renderer.text_ids(probe.answer)], 1


def _rise(gaps: NDArray[np.float64], tokens: NDArray[np.int64], seed: int) -> Interval:
    """Mean rise per token; the texts are resampled."""
    drawn = resamples([f"{at:05d}" for at in range(len(gaps))], replicates=_REPLICATES, seed=seed)
    weights = drawn.weights.astype(float)
    value = float(gaps.sum() / tokens.sum())
    spread = (weights @ gaps) / (weights @ tokens)
    if not gaps.any():  # the very same weights
        return Interval(value=0.0, low=0.0, high=0.0)
    return percentiles(value, spread)
