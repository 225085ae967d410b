"""The model underfits.

What goes wrong
    Training ends before the rows are learnt, or the trainable part is too small to hold them: too few epochs, a low
    LoRA rank, too much regularisation.
Why it hurts
    The model is no better on the shop's work than a simple baseline, and the data gets the blame.
How it is detected
    Macro-F1 on the training rows themselves stays low although the loss did not diverge and no other rate would have
    learnt clearly faster.
What the remedy does
    Where early stopping ended training, makes it three times as patient (up to 20 evaluations); else doubles the epochs
    (up to 40); when they are at their bound, trains all weights instead of LoRA, then advises a larger base model.
Not detected
    Labels that cannot be learnt because they are wrong or not readable from the text; see `label-noise`.
Source
    Biderman et al., LoRA Learns Less and Forgets Less, arXiv 2405.09673.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.pitfalls.curves import DEAD, RateLimits, better_rate, read, response
from fittingroom.types import Finding, Page, Pitfall, Remedy, Safety, Severity, Text, Trained

MOST_EPOCHS = 40
MOST_PATIENCE = 20


def detect(trained: Trained, settings: RateLimits) -> Iterator[Finding]:
    """Fires when the training rows were not learnt and the rate is not to blame."""
    curves, answer = read(trained), response(trained)
    if (
        curves is None
        or curves.broken
        or trained.stopped == DEAD
        or curves.jumped(settings.jump)
        or curves.learnt >= settings.learnt
    ):
        return
    if answer is not None and better_rate(curves, answer, settings) != 1:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the training rows themselves were not learnt: macro-F1 {curves.learnt:.2f} after "
            f"{curves.last_epoch:g} epochs",
            zh=f"训练数据本身没有学会：{curves.last_epoch:g} 轮后 macro-F1 只有 {curves.learnt:.2f}",
        ),
        measured={
            "train_macro_f1": curves.learnt,
            "epochs": curves.last_epoch,
            "stopped_early": float(trained.stopped == "early_stopping"),
        },
        limits={"train_macro_f1": settings.learnt},
        strength=settings.learnt / max(curves.learnt, 0.01),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """More patience or more epochs, then more trainable weights, then a person."""
    train = used["train"]
    epochs = float(train["epochs"])
    expectation = Text(
        en="macro-F1 on the training rows rises by 0.05 or more", zh="训练数据上的 macro-F1 提高 0.05 以上"
    )
    patience = train["early_stopping"]
    if finding.measured["stopped_early"] and patience is not None and patience < MOST_PATIENCE:
        more = min(MOST_PATIENCE, 3 * patience)
        title = Text(en=f"Early stopping {patience} -> {more} evaluations", zh=f"早停 {patience} -> {more} 次评测")
        return Remedy(
            title=title, safety=Safety.AUTOMATIC, patch={"train.early_stopping": more}, expectation=expectation
        )
    if epochs < MOST_EPOCHS:
        longer = min(float(MOST_EPOCHS), epochs * 2)
        title = Text(en=f"Epochs {epochs:g} -> {longer:g}", zh=f"轮数 {epochs:g} -> {longer:g}")
        return Remedy(title=title, safety=Safety.AUTOMATIC, patch={"train.epochs": longer}, expectation=expectation)
    if train["method"] == "lora":
        title = Text(en="Train all weights instead of LoRA", zh="改为训练全部参数，不用 LoRA")
        return Remedy(title=title, safety=Safety.AUTOMATIC, patch={"train.method": "full"}, expectation=expectation)
    return Remedy(
        title=Text(en="Choose a larger base model (`model.base`)", zh="换用更大的基座模型（`model.base`）"),
        safety=Safety.ADVICE,
    )


ZH = Page(
    title="欠拟合",
    what_goes_wrong="训练数据还没学会训练就结束了，或可训练的部分太小：轮数太少、LoRA 秩太低、正则过强。",
    why_it_hurts="模型在本店任务上不比简单基线好，反而怪数据不好。",
    how_it_is_detected="训练数据上的 macro-F1 仍低，损失没有发散，换别的学习率也不会明显更快。",
    what_the_remedy_does="若被早停终止，则把耐心放宽到三倍（上限 20 次评测）；否则轮数加倍（上限 40）；"
    "到上限后由 LoRA 改为全量训练；再不行建议换更大的基座。",
    not_detected="标签本身错误或从文本看不出来而学不会的情况，见 `label-noise`。",
    source="Biderman 等，arXiv 2405.09673。",
)

PITFALL = Pitfall("underfitting", "train", RateLimits(), detect, remedy, ZH, rank=41)
