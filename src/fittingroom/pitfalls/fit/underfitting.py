"""The model underfits.

What goes wrong
    Training ends before the rows are learnt, or the trainable part is too small to hold them: too few epochs, a low
    LoRA rank, too much regularisation.
Why it hurts
    The model is no better on the shop's work than a simple baseline, and the data gets the blame.
How it is detected
    Macro-F1 on the training rows themselves stays low although the loss did not diverge and neither another rate nor
    smaller batches outdid the training. A rival says which is missing: going on from the kept weights lowers the loss
    on dev and on training rows by a twentieth (time; after fewer than three passes a tenth on training rows is enough,
    where dev is not harmed), or the same short training with four times the rank, or with all layers where some are
    frozen for good (`train.freeze`), ends with a loss a tenth lower (room). Where rivals were trained and none did
    better, nothing is said. Free answers (reply, copywriting, recommendation) have no score on training rows: they
    count as learnt once the dev loss rose a twentieth above its lowest while that of training rows lies below it, and
    without a rival nothing is said.
What the remedy does
    Where room is missing: lets all layers learn, or takes four times the rank (up to 256), whichever lowered the loss
    further. Where layers are frozen for good and nothing was shown to help, lets half of them learn, then all. Else,
    where early stopping ended training, makes it three times as patient (up to 20 evaluations); or doubles the epochs,
    at least to 3 (up to 40); when they are at their bound, trains all weights instead of LoRA, then asks for the next
    larger base model of `adapt.bases`, or advises one where the recipe names none.
Not detected
    Labels that cannot be learnt because they are wrong or not readable from the text; see `label-noise`.
Source
    Biderman et al., LoRA Learns Less and Forgets Less, arXiv 2405.09673.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.pitfalls.bases import asked_for, larger
from fittingroom.pitfalls.curves import DEAD, RateLimits, read
from fittingroom.pitfalls.rivals import blamed_rate, gained, outdoes, tried, unfinished
from fittingroom.types import Examination, Expected, Finding, Page, Pitfall, Remedy, Safety, Severity, Text

MOST_EPOCHS = 40
MOST_PATIENCE = 20
FEWEST_EPOCHS = 3.0
MORE_RANK = 4
MOST_RANK = 256


def detect(examined: Examination, settings: RateLimits) -> Iterator[Finding]:
    """Fires when the training rows were not learnt, the rate is not to blame, and time or room would have helped."""
    curves = read(examined)
    if (
        curves is None
        or curves.broken
        or examined.stopped == DEAD
        or curves.jumped(settings.jump)
        or not curves.lacks(settings)
    ):
        return
    smaller = tried(examined, "batch")
    if blamed_rate(curves, examined, settings) != 1 or (smaller is not None and outdoes(smaller, examined, settings)):
        return
    longer, rank, thawed = tried(examined, "longer"), _room(examined, "rank"), _room(examined, "thawed")
    room = max(rank, thawed)
    shown = longer is not None and outdoes(longer, examined, settings)
    # What room was shown to bring goes before what a few more passes only promise.
    promised = longer is not None and unfinished(longer, examined, settings)
    time = shown or (promised and room < settings.gain)
    # How low the loss of free answers can get nobody knows: there only a rival tells that something was missing.
    if (examined.rivals or curves.free) and not time and room < settings.gain:
        return
    missing = ("; more training goes on lowering the loss", "；继续训练损失仍会下降") if time else ("", "")
    if not time and room:
        en, zh = ("all layers", "放开全部层") if thawed > rank else ("more rank", "提高秩")
        missing = (f"; with {en} the loss is {room:.0%} lower", f"；{zh}后损失低 {room:.0%}")
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the training rows themselves were not learnt: {curves.told().en} after "
            f"{curves.last_epoch:g} epochs{missing[0]}",
            zh=f"训练数据本身没有学会：{curves.last_epoch:g} 轮后{curves.told().zh}{missing[1]}",
        ),
        measured={
            **curves.fitted,
            "epochs": curves.last_epoch,
            "stopped_early": float(examined.stopped == "early_stopping"),
            "room": 0.0 if time else rank,
            "thawed": 0.0 if time else thawed,
            "time": float(time),
            "rise": gained(longer if time else tried(examined, "thawed" if thawed > rank else "rank"), examined),
        },
        limits=curves.wanted(settings) or {"room": settings.gain},
        strength=curves.shortfall(settings),
        proven=shown or (not time and room >= settings.gain),
    )


def _room(examined: Examination, change: str) -> float:
    """By which share more rank, or all layers, ends with a lower loss on training rows than the same short training
    without it."""
    same, wider = tried(examined, "same"), tried(examined, change)
    if same is None or wider is None or same.train_loss <= 0 or wider.dev_loss >= same.dev_loss:
        return 0.0
    return max(0.0, 1 - wider.train_loss / same.train_loss)


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """More room where that is missing, else more patience or epochs, then all weights, then a larger base."""
    train = used["train"]
    epochs = float(train["epochs"])
    expectation = Text(en="the training rows are learnt better", zh="训练数据学得更好")
    expected = Expected(change=finding.measured["rise"])
    rank, thawed = int(train["lora_rank"]), finding.measured["thawed"]
    whole = _thawed(train["freeze"], whole=True) if thawed else {}
    further = finding.measured["room"] >= thawed or not whole
    if finding.measured["room"] and further and train["method"] in ("lora", "qlora") and rank < MOST_RANK:
        wider = min(MOST_RANK, MORE_RANK * rank)
        return Remedy(
            title=Text(en=f"LoRA rank {rank} -> {wider}", zh=f"LoRA 秩 {rank} -> {wider}"),
            safety=Safety.AUTOMATIC,
            # The scale is alpha / rank: it stays what it was.
            patch={"train.lora_rank": wider, "train.lora_alpha": float(train["lora_alpha"]) * wider / rank},
            expectation=expectation,
            expected=expected,
        )
    thaw = whole or _thawed(train["freeze"], whole=False)
    if thaw and not finding.measured["time"]:
        return Remedy(
            title=Text(en="More layers learn (`train.freeze`)", zh="让更多层参与学习（`train.freeze`）"),
            safety=Safety.AUTOMATIC,
            patch=thaw,
            expectation=expectation,
            expected=expected,
        )
    patience = train["early_stopping"]
    if finding.measured["stopped_early"] and patience is not None and patience < MOST_PATIENCE:
        more = min(MOST_PATIENCE, 3 * patience)
        title = Text(en=f"Early stopping {patience} -> {more} evaluations", zh=f"早停 {patience} -> {more} 次评测")
        patch: dict[str, Any] = {"train.early_stopping": more}
        return Remedy(title=title, safety=Safety.AUTOMATIC, patch=patch, expectation=expectation, expected=expected)
    if epochs < MOST_EPOCHS:
        longer = min(float(MOST_EPOCHS), max(FEWEST_EPOCHS, epochs * 2))
        title, patch = (
            Text(en=f"Epochs {epochs:g} -> {longer:g}", zh=f"轮数 {epochs:g} -> {longer:g}"),
            {"train.epochs": longer},
        )
        return Remedy(title=title, safety=Safety.AUTOMATIC, patch=patch, expectation=expectation, expected=expected)
    if train["method"] == "lora":
        title, patch = (
            Text(en="Train all weights instead of LoRA", zh="改为训练全部参数，不用 LoRA"),
            {"train.method": "full"},
        )
        return Remedy(title=title, safety=Safety.AUTOMATIC, patch=patch, expectation=expectation, expected=expected)
    if (base := larger(used)) is not None:
        return asked_for(used, base, expectation, finding.measured["rise"])
    return Remedy(
        title=Text(
            en="Choose a larger base model (`model.base`; candidates in `adapt.bases`)",
            zh="换用更大的基座模型（`model.base`；候选写在 `adapt.bases`）",
        ),
        safety=Safety.ADVICE,
    )


def _thawed(freeze: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """The patch that lets half of what is frozen for good learn, then all of it (at once, where that was measured); {}
    where nothing is."""
    if freeze["unfreeze_after"] is not None:
        return {}
    if whole:
        return {f"train.freeze.{name}": off for name, off in (("layers", 0), ("embeddings", False)) if freeze[name]}
    if freeze["layers"]:
        return {"train.freeze.layers": int(freeze["layers"]) // 2}
    return {"train.freeze.embeddings": False} if freeze["embeddings"] else {}


ZH = Page(
    title="欠拟合",
    what_goes_wrong="训练数据还没学会训练就结束了，或可训练的部分太小：轮数太少、LoRA 秩太低、正则过强。",
    why_it_hurts="模型在本店任务上不比简单基线好，反而怪数据不好。",
    how_it_is_detected="训练数据上的 macro-F1 仍低，损失没有发散，换学习率或更小批次的对照训练也没有超过它。"
    "对照训练说明缺什么：从保留的权重继续训练，开发集与训练数据损失都再降二十分之一以上（缺时间；不足三轮时，训练数据损失再降一成而开发集未变差即可）；"
    "或同样的短训练把秩提高到四倍，或在有层一直被冻结时（`train.freeze`）放开全部层，损失低一成以上（缺容量）。做过对照训练而都没有更好时，不作判断。"
    "自由文本答案（回复、文案、推荐）在训练数据上没有分数：开发集损失比最低点回升二十分之一以上，"
    "而训练数据损失更低，即算学会；没有对照训练时不作判断。",
    what_the_remedy_does="缺容量：放开全部层，或把秩提高到四倍（上限 256），取损失降得更多的一种。"
    "若有层一直被冻结，且没有测出什么有用，则让其中一半参与学习，再放开全部。"
    "否则若被早停终止，则把耐心放宽到三倍（上限 20 次评测）；或轮数加倍，至少 3 轮（上限 40）；"
    "到上限后由 LoRA 改为全量训练；再不行请人批准换用 `adapt.bases` 中大一级的基座，配方没有写明候选时只作建议。",
    not_detected="标签本身错误或从文本看不出来而学不会的情况，见 `label-noise`。",
    source="Biderman 等，arXiv 2405.09673。",
)

PITFALL = Pitfall("underfitting", "examine", RateLimits(), detect, remedy, ZH, rank=41)
