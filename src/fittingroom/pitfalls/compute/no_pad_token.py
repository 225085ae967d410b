"""There is no padding token.

What goes wrong
    The model's settings, or those of generation, name no token to fill rows up with, or one that the embeddings do not
    have.
Why it hurts
    One row at a time works, so every trial does. With a batch of two the model raises ("Cannot handle batch sizes > 1
    if no padding token is defined"), or the lookup reads beyond the table, and serving fails under load.
How it is detected
    On the loaded model: the padding token of both settings and of the batches, against the size of the embeddings.
    And in the files of the base model: where they name none, the loader puts one in its place (DeepSeek's own, else the
    end mark), and this is told, as other tools that read the same folder will not do it.
What the remedy does
    Advises to name the model's own padding token in tokenizer_config.json and config.json.
Not detected
    A padding token that is also the end mark and is masked as such: a check of the rendered rows.
Source
    transformers, sequence classification heads; own measurement.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    wrong: int = Field(default=0, ge=0)
    """Places that may name no padding token, or one without an embedding."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on a padding token that is missing or has no embedding."""
    found = plan.preflight.get("padding", {})
    wrong = found.get("missing", 0.0) + found.get("outside", 0.0)
    if wrong <= settings.wrong:
        if found.get("unnamed"):
            yield _mended()
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en="the padding token has no embedding in this model"
            if found["outside"]
            else "the model names no padding token: rows cannot stand in one batch",
            zh="填充词元在该模型中没有嵌入" if found["outside"] else "模型没有指定填充词元：多行无法放在一个批次里",
        ),
        measured={"wrong": wrong, "missing": found["missing"], "outside": found["outside"]},
        limits={"wrong": float(settings.wrong)},
        strength=1.0 + wrong,
    )


def _mended() -> Finding:
    """The files name none; what was loaded does."""
    return Finding(
        severity=Severity.INFO,
        summary=Text(
            en="the base model's files name no padding token; one was put in its place while loading, here and in the "
            "release",
            zh="基座模型的文件没有指定填充词元；加载时已补上，训练和发布的版本都用它",
        ),
        measured={"unnamed": 1.0},
        limits={"unnamed": 0.0},
    )


remedy = advice(
    "Name the model's own padding token in its tokenizer_config.json and config.json (pad_token, pad_token_id)",
    "在模型的 tokenizer_config.json 和 config.json 中写明其填充词元（pad_token、pad_token_id）",
)


ZH = Page(
    title="没有填充词元",
    what_goes_wrong="模型设置或生成设置没有指定用来补齐各行的词元，或指定的词元没有对应的嵌入。",
    why_it_hurts="一次一行没有问题，所以试的时候都正常。"
    "两行一批时模型报错（“Cannot handle batch sizes > 1 if no padding token "
    "is defined”），或读到表外，上线后负载一高就失败。",
    how_it_is_detected="在加载后的模型上：两份设置和批次所用的填充词元，与嵌入表的大小比较。"
    "基座模型的文件若没有指定，加载时会补上（DeepSeek 自己的填充词元，否则用结束符），"
    "并予以说明，因为读取同一文件夹的其他工具不会补。",
    what_the_remedy_does="建议在 tokenizer_config.json 和 config.json 中写明模型自己的填充词元。",
    not_detected="填充词元同时是结束符并因此被遮盖：那是对渲染后数据的检查。",
    source="transformers 的序列分类头；自行测量。",
)

PITFALL = Pitfall("no-pad-token", "configure", Settings(), detect, remedy, ZH, rank=18)
