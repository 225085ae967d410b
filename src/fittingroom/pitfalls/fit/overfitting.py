"""The model overfits.

What goes wrong
    Training goes on after the model has learnt what is general; from then on it learns the rows by heart.
Why it hurts
    The score on rows it has seen keeps rising while the score on new rows falls, and answers get over-confident.
How it is detected
    At the end, macro-F1 on the training sample is well above macro-F1 on dev, and the dev loss has risen from its
    lowest point while the training loss went on falling. Both count together: a gap of 0.1 needs a rise by a quarter,
    one of 0.25 a rise by a tenth. And macro-F1 on dev went with it: it was never higher by more than 0.03 after that
    point, which lies in the first quarter of the training; or it ended 0.05 below its highest, and the point lies in
    the first half. A loss that rises in the last few passes, while answers get surer and no worse, is what every sound
    training of few rows shows. Free answers (reply, copywriting, recommendation) have no such score in training: there
    the gap is the share by which the training loss lies below that of dev, and counts half; and as the loss is all that
    is known of dev, its lowest point may lie anywhere in the first half.
What the remedy does
    Trains for about as many epochs as the best checkpoint had, with stronger weight decay (up to 0.3) and dropout (up
    to 0.3).
Not detected
    Overfitting to the dev part by many attempts (the test part is there for that), and rows of test that leaked.
Source
    Prechelt, Early Stopping - But When?, 1998; a run whose best checkpoint was at step 200 of 1000, arXiv 2606.31048.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.curves import Curves, read
from fittingroom.types import Examination, Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    gap: float = Field(default=0.1, gt=0, lt=1)
    """Macro-F1 on the training sample minus macro-F1 on dev, at the end."""
    rise: float = Field(default=0.1, gt=0)
    """Share by which the dev loss rose above its lowest point; a tenth is usual, and the best checkpoint stays."""
    both: float = Field(default=0.025, gt=0)
    """Gap times rise: the wider the gap, the smaller the rise that is enough."""
    free: float = Field(default=0.05, gt=0)
    """The same where answers are free and the gap is one of losses, which is wider than that of a score."""
    turned: float = Field(default=0.25, gt=0, le=1)
    """Share of the training at which, at the latest, the dev loss was lowest."""
    turned_free: float = Field(default=0.5, gt=0, le=1)
    """The same where answers are free."""
    risen: float = Field(default=0.03, gt=0, lt=1)
    """Macro-F1 on dev that the training may at most have gained since: with more, it went on learning."""
    turned_late: float = Field(default=0.5, gt=0, le=1)
    """As `turned`, where the score itself fell by"""
    fallen: float = Field(default=0.05, gt=0, lt=1)
    """macro-F1 on dev from its highest to the end."""
    jump: float = Field(default=0.5, gt=0)
    """Nats by which the training loss may jump; beyond, the rate is the cause."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires when the gap is wide and the dev loss turned upwards."""
    curves = read(examined)
    if curves is None or curves.broken or curves.jumped(settings.jump) or curves.best_dev_loss <= 0:
        return
    last = examined.evals[-1]
    gap = last["train_metric"] - last["dev_metric"]
    if curves.free:
        gap = 1 - curves.last_train_loss / curves.last_dev_loss
    rise = curves.last_dev_loss / curves.best_dev_loss - 1
    both = settings.free if curves.free else settings.both
    wide = gap >= settings.gap and rise >= settings.rise and gap * rise >= both
    if not wide or not _past(curves, settings) or curves.last_train_loss >= curves.best_dev_loss:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=_told(last, rise, free=curves.free),
        measured={
            "gap": gap,
            "rise": rise,
            "best_epoch": curves.best_epoch,
            "last_epoch": curves.last_epoch,
            "lowest_epoch": curves.lowest_epoch,
            "gained_since": curves.gained_since,
            "fallen": curves.fallen,
        },
        limits={"gap": settings.gap, "rise": settings.rise},
        strength=gap * rise / both,
    )


def _past(curves: Curves, settings: Settings) -> bool:
    """Whether most of the training came after all that was general had been learnt."""
    turned = curves.lowest_epoch / curves.last_epoch if curves.last_epoch else 1.0
    if curves.free:
        return turned <= settings.turned_free
    stood_still = turned <= settings.turned and curves.gained_since <= settings.risen
    return stood_still or (turned <= settings.turned_late and curves.fallen >= settings.fallen)


def _told(last: Mapping[str, float], rise: float, *, free: bool) -> Text:
    what, more = ("loss", "损失") if free else ("macro-F1", " macro-F1 ")
    which = "train_loss" if free else "train_metric", "dev_loss" if free else "dev_metric"
    seen, new = (last[name] for name in which)
    return Text(
        en=f"{what} is {seen:.2f} on seen rows and {new:.2f} on dev, and the dev loss rose {rise:.0%} above its "
        "lowest point",
        zh=f"见过的数据{more}为 {seen:.2f}，开发集为 {new:.2f}，开发集损失比最低点高 {rise:.0%}",
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Fewer epochs and more regularisation, within bounds."""
    train = used["train"]
    patch: dict[str, Any] = {}
    epochs = max(1.0, math.ceil(finding.measured["best_epoch"] + 0.5))
    if epochs < float(train["epochs"]):
        patch["train.epochs"] = epochs
    decay = min(0.3, max(0.05, float(train["weight_decay"]) * 3))
    if decay > float(train["weight_decay"]):
        patch["train.weight_decay"] = round(decay, 4)
    dropout = min(0.3, float(train["dropout"]) + 0.1)
    if dropout > float(train["dropout"]):
        patch["train.dropout"] = round(dropout, 4)
    if not patch:
        return None
    return Remedy(
        title=Text(en="Fewer epochs, more weight decay and dropout", zh="减少轮数，加大权重衰减与 dropout"),
        safety=Safety.AUTOMATIC,
        patch=patch,
        expectation=Text(
            en="the dev loss no longer rises at the end",
            zh="开发集损失末段不再上升",
        ),
        expected=Expected(change=0.01),
    )


ZH = Page(
    title="过拟合",
    what_goes_wrong="模型学完一般规律后训练仍在继续，此后只是在背训练数据。",
    why_it_hurts="见过的数据分数继续上升，新数据分数下降，而且答案过度自信。",
    how_it_is_detected="结束时训练样本的 macro-F1 明显高于开发集，"
    "且开发集损失从最低点回升，而训练损失仍在下降。两者合看：差距 0.1 时需回升四分之一，差距 0.25 时回升一成即可。"
    "而且开发集 macro-F1 也随之停滞或下降：最低点在训练的前四分之一，此后从未再高出 0.03 以上；"
    "或结束时比最高点低 0.05，而最低点在前一半。最后几轮损失回升，答案只是更自信而没有变差，"
    "是任何数据不多的正常训练都有的。自由文本答案（回复、文案、推荐）训练时没有这样的分数："
    "差距取训练损失低于开发集损失的比例，按一半计；开发集只有损失可看，最低点在前一半即可。",
    what_the_remedy_does="轮数减到最佳检查点附近，加大权重衰减（上限 0.3）与 dropout(上限 0.3)。",
    not_detected="多次尝试造成的对开发集的过拟合（由测试集把关）；泄漏进测试集的数据。",
    source="Prechelt,Early Stopping - But When?,1998;arXiv 2606.31048(最佳检查点在 1000 步中的第 200 步)。",
)

PITFALL = Pitfall("overfitting", "examine", Settings(), detect, remedy, ZH, rank=40, moves=("score", "forgetting"))
