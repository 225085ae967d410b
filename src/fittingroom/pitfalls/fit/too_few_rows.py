"""More rows would help more than another training.

What goes wrong
    The rows do not show enough of what customers write: whatever is trained on them stays behind what is possible.
Why it hurts
    Attempt after attempt is paid for, while a day of labelling would bring more.
How it is detected
    A linear model is fitted to a quarter, half and all of the training rows: the last doubling still raised macro-F1 on
    dev by more than 0.03; and if the next one took as large a share of what the trained model gets wrong as the last
    one took of what the linear model got wrong, that would be more than 0.03 too (a trained model that is behind the
    linear one is taken for as good). Measured once the gate said no.
What the remedy does
    Advises to collect and label more rows, of the classes and slices that fail most, and says what the next doubling
    would bring if the curve goes on as it did.
Not detected
    What more rows would bring to a model that has other faults; rows that are too much alike.
Source
    Figueroa et al., Predicting sample size required for classification performance, 2012; Hestness et al., arXiv
    1712.00409.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Examination, Finding, Frozen, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """Limits."""

    gain: float = Field(default=0.03, gt=0, lt=1)
    """Macro-F1 that the last doubling of the rows may have brought the linear model, and the next one may bring the
    trained one."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires where the curve over the size of the data still rises."""
    curve = examined.data_curve
    if len(curve) < 2:
        return
    half, whole = curve[-2], curve[-1]
    gain = whole["macro_f1"] - half["macro_f1"]
    # Error falls by about the same factor with each doubling (a power law, Hestness et al.), of whatever model is
    # sound; one that is behind the linear one has other faults, which more rows do not mend.
    score = max(examined.scores.get("macro_f1", 0.0), whole["macro_f1"])
    more = (1 - score) * gain / (1 - half["macro_f1"]) if gain > 0 else 0.0
    if min(gain, more) <= settings.gain:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"a linear model gains {gain:.3f} macro-F1 from {half['rows']:.0f} to {whole['rows']:.0f} rows; by the "
            f"same share of its errors, this model would gain about {more:.3f} from twice as many",
            zh=f"线性模型从 {half['rows']:.0f} 行到 {whole['rows']:.0f} 行，macro-F1 提高 {gain:.3f}；"
            f"若错误按同样比例减少，数据再翻一倍，本模型约可提高 {more:.3f}",
        ),
        measured={"gain": gain, "expected": more, "rows": whole["rows"]},
        limits={"gain": settings.gain},
        strength=min(gain, more) / settings.gain,
    )


remedy = advice(
    "Collect and label more rows, first of the classes and slices that fail most",
    "请收集并标注更多数据，先补最容易出错的类别和分组",
)


ZH = Page(
    title="数据太少",
    what_goes_wrong="数据没有展示足够多的顾客写法：用它训练什么都达不到应有的水平。",
    why_it_hurts="一次次付费尝试，而标注一天带来的更多。",
    how_it_is_detected="用四分之一、一半和全部训练数据各拟合一个线性模型："
    "最后一次翻倍仍使开发集 macro-F1 提高 0.03 以上；且若下一次翻倍按同样比例减少所训模型的错误，也会提高 0.03 以上"
    "（不如线性模型的模型按与之相同计）。"
    "门禁未通过后才测量。",
    what_the_remedy_does="建议收集并标注更多数据，先补最容易出错的类别和分组，并估计再翻一倍能带来多少。",
    not_detected="模型另有毛病时更多数据能带来什么；彼此太相像的数据。",
    source="Figueroa 等，2012；Hestness 等，arXiv 1712.00409。",
)

PITFALL = Pitfall("too-few-rows", "examine", Settings(), detect, remedy, ZH, rank=50)
