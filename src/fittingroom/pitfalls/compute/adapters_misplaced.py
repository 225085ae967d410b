"""Adapters sit in the wrong places.

What goes wrong
    LoRA names layers by pattern, and architectures name their layers differently: `q_proj` is missing where queries are
    compressed (`q_a_proj`, `q_b_proj`), `all-linear` on a mixture of experts reaches the router and the fused experts
    and passes by the shared ones, and a new release of a library renames a layer.
Why it hurts
    Adapters that are missing learn nothing, without an error. An adapter on the router lets a few hundred rows of a
    shop move all tokens to a few experts, and what the model knew about everything else goes.
How it is detected
    The adapters of the recipe are put on the model (and taken off again), then counted by name against what the
    architecture has: every attention projection of every layer, and of dense models the three of the feed-forward part.
    One missing, one on the router or one on routed experts ends the attempt. With all weights trained, none of the
    router's may learn.
What the remedy does
    For models of up to 4 GB, trains all weights but the router's instead, at a tenth of the rate. For larger ones it
    advises the release of transformers and peft that this version was tested with.
Not detected
    Whether more or fewer places would have learnt better.
Source
    peft issue 3711 (all-linear on DeepSeek's mixtures), PEFT documentation, troubleshooting; arXiv 2407.01906 (ESFT)
    on frozen routers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Remedy, Safety, Severity, Text

_SMALL = 4e9
"""Bytes of weights up to which training all of them is a way out."""


class Settings(Frozen):
    """Limits: how many may sit there."""

    missing: int = Field(default=0, ge=0)
    """Layers that the architecture has and that got no adapter."""
    router: int = Field(default=0, ge=0)
    """Adapters (or, with all weights trained, tensors that learn) of the router."""
    experts: int = Field(default=0, ge=0)
    """Adapters on routed experts."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on layers left out, and on adapters where none belong."""
    found = plan.preflight.get("adapters", {})
    limits = {name: float(value) for name, value in settings.model_dump().items()}
    over = {name: found[name] - limit for name, limit in limits.items() if found.get(name, 0.0) > limit}
    if not over:
        return
    missing, router, experts = (found[name] for name in ("missing", "router", "experts"))
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"of {found['expected']:.0f} layers that should learn by adapters {missing:.0f} have none; "
            f"{router:.0f} places of the router and {experts:.0f} of routed experts would learn",
            zh=f"应装适配器的 {found['expected']:.0f} 层中有 {missing:.0f} 层没有；"
            f"路由器有 {router:.0f} 处、路由专家有 {experts:.0f} 处会被训练",
        ),
        measured={
            **{name: found[name] for name in ("wrapped", "expected", *limits)},
            "weight_bytes": plan.preflight.get("weights", {}).get("total", 0.0),
        },
        limits=limits,
        strength=1.0 + sum(over.values()),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """All weights of a small model; for the rest a known release."""
    train = used["train"]
    if train["method"] == "full" or finding.measured["weight_bytes"] > _SMALL:
        return Remedy(
            title=Text(
                en="Install the releases of transformers and peft that this version names, or choose another base "
                "model (`model.base`)",
                zh="安装本版本指定的 transformers 和 peft，或更换基座模型（`model.base`）",
            ),
            safety=Safety.ADVICE,
        )
    rate = float(f"{float(train['learning_rate']) / 10:.6g}")
    return Remedy(
        title=Text(
            en=f"Train all weights but the router's, at a rate of {rate:g}",
            zh=f"改为训练除路由器外的全部权重，学习率 {rate:g}",
        ),
        safety=Safety.AUTOMATIC,
        patch={"train.method": "full", "train.learning_rate": rate},
        expectation=Text(en="every layer but the router learns", zh="除路由器外的每一层都在学习"),
    )


ZH = Page(
    title="适配器装错了地方",
    what_goes_wrong="LoRA 按名称模式选择层，而各架构的层名不同：压缩查询的模型没有 `q_proj`（只有 `q_a_proj` 和 "
    "`q_b_proj`）；在混合专家模型上 `all-linear` 会碰到路由器和融合的专家，却漏掉共享专家；库的新版本还会改名。",
    why_it_hurts="缺少适配器的层什么也学不到，而且不报错。路由器上的适配器会让几百行店铺数据把所有词元挤向少数专家，"
    "模型原有的其他知识随之丢失。",
    how_it_is_detected="按配方把适配器装到模型上（随后拆下），按名称计数，与架构应有的数目比较：每一层的每个注意力投影，"
    "稠密模型还包括前馈部分的三个投影。少一个、路由器上有一个或路由专家上有一个，都会终止本次尝试。训练全部权重时，"
    "路由器的权重不得参与学习。",
    what_the_remedy_does="权重不超过 4 GB 的模型改为训练除路由器外的全部权重，"
    "学习率取十分之一；更大的模型建议安装本版本"
    "测试过的 transformers 和 peft。",
    not_detected="多装或少装几处是否会学得更好。",
    source="peft 3711（all-linear 与 DeepSeek 混合专家模型）；PEFT 文档的故障排查；arXiv 2407.01906(ESFT)。",
)

PITFALL = Pitfall("adapters-misplaced", "configure", Settings(), detect, remedy, ZH, rank=13)
