"""Checks that load weights: training, merging, serving."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from fittingroom.models.configuration import read_config, weights_of
from fittingroom.models.device import arithmetic
from fittingroom.models.folder import inventory
from fittingroom.models.load import load_to_score
from fittingroom.training.fit import base_weights
from fittingroom.types import Text
from fittingroom.verifying.state import Made, State

if TYPE_CHECKING:
    import numpy as np

_CLOSE = 1e-3
"""Nats by which two ways to the same score may differ: rounding of fp32 over a whole model."""
_HALF = 0.05
"""The same where the training multiplied in bfloat16, which keeps 8 bits of a number: some thousandths of each of the
few nats of a score."""
_KEPT = 0.25
"""Share of what training changed that storing the merged weights may take away again."""
_LARGE = 500_000_000
"""Parameters from which on `package` stores two bytes a weight."""
_SPARE = 2**30


def load(state: State) -> Made:
    """The weights load, and score every label with a finite number."""
    assert state.base is not None
    assert state.trial is not None
    started = time.monotonic()
    held = inventory(state.base.path, state.model.base)
    state.plan = plan = state.trial.plan(weights_of(read_config(state.base.path, state.model.base), held), state.steps)
    state.loaded = base_weights(state.base.path, plan)
    with arithmetic(plan.device, plan.precision):
        state.untuned = state.trial.scores(state.loaded)
    count, seconds = int(state.loaded.num_parameters()), time.monotonic() - started
    said = Text(
        en=f"{count / 1e9:.3g} B weights on {state.loaded.device}, first scores after {seconds:.1f} s",
        zh=f"{count / 1e8:,.3g} 亿个权重，位于 {state.loaded.device}，{seconds:.1f} 秒后得到首次打分",
    )
    return _finite(state.untuned), said, {"parameters": float(count)}


def train(state: State) -> Made:
    """Some LoRA steps lower the loss; every adapter moves, and none is on a router."""
    from fittingroom.models.quantised import is_fp8

    assert state.trial is not None
    assert state.base is not None
    assert state.untuned is not None
    assert state.plan is not None
    trial, plan = state.trial, state.plan

    def shown(done: int, total: int) -> None:
        state.context.progress("trial steps", done, total)

    adapted, walked = trial.train(state.loaded, plan, shown)
    with arithmetic(plan.device, plan.precision):
        trained = trial.scores(adapted)
    before, after = trial.loss(state.untuned), trial.loss(trained)
    change = float(abs(trained - state.untuned).max())
    good = after < before and walked.moved == walked.adapters > 0 and not walked.routers and _finite(trained)
    if _finite(trained):
        state.trained, state.loaded = trained, adapted
    usual = sorted(walked.seconds)[len(walked.seconds) // 2]
    fp8 = is_fp8(read_config(state.base.path, state.model.base))
    said = Text(
        en=f"{len(walked.losses)} LoRA steps: loss {before:.4f} -> {after:.4f} nats, {walked.moved} of "
        f"{walked.adapters} adapters moved, none on a router, {usual:.2f} s a step"
        + ("; FP8 blocks were turned into plain weights" if fp8 else ""),
        zh=f"{len(walked.losses)} 步 LoRA：损失 {before:.4f} -> {after:.4f}，{walked.adapters} 个适配器中 "
        f"{walked.moved} 个有变化，无一在路由上，每步 {usual:.2f} 秒" + ("；FP8 权重已转为普通格式" if fp8 else ""),
    )
    measured = {
        "loss_before": before, "loss_after": after, "steps": len(walked.losses), "seconds_a_step": usual,
        "adapters": walked.adapters, "moved": walked.moved, "on_router": walked.routers, "change": change,
        "learning_rate": walked.rate,
    }  # fmt: skip
    return good, said, {name: float(value) for name, value in measured.items()}


def merge(state: State) -> Made:
    """Saved, merged into a fresh base and loaded again, the model says what it said in training."""
    from fittingroom.serving.bundle import MODEL

    assert state.trial is not None
    assert state.base is not None
    assert state.trained is not None
    assert state.untuned is not None
    count = int(state.loaded.num_parameters())
    need, free = count * (2 if count >= _LARGE else 4) + _SPARE, shutil.disk_usage(state.context.scratch).free
    if need > free:
        return None, _no_disk(need, free), {"disk_bytes": float(free)}
    adapted, state.loaded = state.loaded, None  # the merge loads the base anew: one model in memory at a time
    folder = state.trial.bundle(adapted, state.base, state.model, state.context)
    del adapted
    assert state.plan is not None
    model = load_to_score(folder / MODEL)
    state.merged = state.trial.scores(model)  # as serving will, which knows nothing of the training's arithmetic
    with arithmetic(state.plan.device, state.plan.precision):
        alike = state.trial.scores(model) if _halved(state) else state.merged
    del model
    state.bundle = folder
    apart, change = float(abs(alike - state.trained).max()), float(abs(state.trained - state.untuned).max())
    same = int((alike.argmax(1) == state.trained.argmax(1)).sum())
    said = Text(
        en=f"saved, merged and loaded again: scores differ by at most {apart:.2g} nats (training changed them by "
        f"{change:.2g}), {same} of {len(state.merged)} labels agree",
        zh=f"保存、合并并重新加载：分数最多相差 {apart:.2g}（训练带来的变化为 {change:.2g}），"
        f"{len(state.merged)} 个标签中 {same} 个一致",
    )
    measured = {"difference": apart, "change": change, "agree": float(same), "rows": float(len(state.merged))}
    if _halved(state):  # a rounded score may send a token to another expert, so single rows may be far off: the mean
        off, moved = float(abs(alike - state.trained).mean()), float(abs(state.trained - state.untuned).mean())
        return off <= max(_HALF, _KEPT * moved), said, {**measured, "mean_difference": off, "mean_change": moved}
    return apart <= max(_CLOSE, _KEPT * change), said, measured


def _halved(state: State) -> bool:
    """Whether the trial was multiplied in bfloat16."""
    return state.plan is not None and state.plan.precision != "fp32"


def serve(state: State) -> Made:
    """The predictor that would be served gives the probabilities of the merged weights, and chats."""
    from fittingroom.serving.predictor import Predictor
    from fittingroom.tasks.classify import probabilities

    assert state.trial is not None
    assert state.bundle is not None
    assert state.merged is not None
    predictor = Predictor.load(state.bundle, root=state.context.root, secret=state.context.secret)
    expected = probabilities(state.merged)
    apart = float(abs(predictor.score(state.trial.inputs) - expected).max())
    said = [one.label for one in predictor.classify(state.trial.inputs)]
    wanted = [state.trial.labels[int(best)] for best in expected.argmax(1)]
    same = sum(one == other for one, other in zip(said, wanted, strict=True))
    started = time.monotonic()
    reply = predictor.chat([{"role": "user", "content": state.trial.inputs[0]["review"]}], max_tokens=8)
    speed = reply.completion_tokens / max(1e-9, time.monotonic() - started)
    text = Text(
        en=f"probabilities differ by at most {apart:.2g}, {same} of {len(said)} labels agree; a chat answers with "
        f"{reply.completion_tokens} tokens at {speed:.1f} a second",
        zh=f"概率最多相差 {apart:.2g}，{len(said)} 个标签中 {same} 个一致；"
        f"对话生成 {reply.completion_tokens} 个 token，每秒 {speed:.1f} 个",
    )
    measured = {"difference": apart, "agree": float(same), "rows": float(len(said)), "tokens_a_second": speed}
    return apart <= _CLOSE and same == len(said) and reply.completion_tokens > 0, text, measured


def _no_disk(need: int, free: int) -> Text:
    return Text(
        en=f"the temporary folder needs {need / 2**30:,.1f} GiB and has {free / 2**30:,.1f}: set TMPDIR elsewhere",
        zh=f"临时文件夹需要 {need / 2**30:,.1f} GiB，只有 {free / 2**30:,.1f}：请将 TMPDIR 设到其他磁盘",
    )


def _finite(scores: np.ndarray) -> bool:
    import numpy as np

    return bool(np.isfinite(scores).all())
