"""A row's score depends on its neighbours.

What goes wrong
    Rows of a batch are filled up to one length. Padding on the wrong side, padding that is attended, or positions that
    count it change the numbers of every row that is shorter than the longest.
Why it hurts
    The same question gets another answer when a longer one happens to stand beside it. Evaluation in batches says one
    thing, serving one by one does another, and nobody can repeat a complaint.
How it is detected
    On a few short rows: the log-probability of every answer alone and in a batch, and of the next tokens when answers
    are generated alone and left-padded in a batch. They may differ by rounding only (0.001 in 32 bit, 0.25 in 16 bit).
What the remedy does
    Advises other releases or attention (what is broken is the model's code), and one row at a time until then.
Not detected
    Differences between machines, and between this library and another engine.
Source
    unsloth issue 9708; transformers documentation, left padding for generation.
"""

from __future__ import annotations

from collections.abc import Iterator

from fittingroom.pitfalls.compute.exactness import Exactness
from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Page, Pitfall, Plan, Severity, Text


def detect(plan: Plan, settings: Exactness) -> Iterator[Finding]:
    """Fires when company changes a score by more than rounding."""
    found = plan.preflight.get("batch", {})
    if not found:
        return
    limit, worst = settings.limit(found), max(found["scores"], found["generation"])
    if worst <= limit:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"a row scores differently beside longer rows: answers by up to {found['scores']:.2g}, next tokens by "
            f"up to {found['generation']:.2g} nats",
            zh=f"同一行与更长的行放在一起时得分不同：答案最多相差 {found['scores']:.2g}，"
            f"下一个词元最多相差 {found['generation']:.2g} nat",
        ),
        measured={"difference": worst, "scores": found["scores"], "generation": found["generation"]},
        limits={"difference": limit},
        strength=worst / limit,
    )


remedy = advice(
    "Install the releases of transformers that this version names, or choose another base model; until then ask one "
    "question at a time",
    "安装本版本指定的 transformers，或更换基座模型；在此之前一次只问一个问题",
)


ZH = Page(
    title="得分受同批其他行影响",
    what_goes_wrong="同一批的各行会填充到同样长度。填充在错误的一侧、填充参与了注意力、位置把填充也算进去，"
    "都会改变每个较短行的数值。",
    why_it_hurts="同一个问题，旁边恰好有更长的问题时答案就变。批量评测是一回事，逐条上线是另一回事，投诉也无法重现。",
    how_it_is_detected="用几行短数据：每个答案的对数概率，单独计算与批量计算比较；单独生成与左填充批量生成时下一个词元的对数概率比较。"
    "只应有舍入误差（32 位 0.001，16 位 0.25）。",
    what_the_remedy_does="建议更换库版本或注意力实现（坏掉的是模型代码），在此之前逐条计算。",
    not_detected="不同机器之间、本库与其他引擎之间的差异。",
    source="unsloth 9708；transformers 文档（生成时左填充）。",
)

PITFALL = Pitfall("scores-depend-on-batch", "configure", Exactness(), detect, remedy, ZH, rank=23)
