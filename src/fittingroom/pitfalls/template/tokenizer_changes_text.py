"""The tokenizer changes the texts.

What goes wrong
    The tokenizer's file was converted or saved again by a tool that dropped or replaced something: blanks, line
    ends, capitals, accents, full-width signs. Or it is read by a class that makes other ids of it than the file
    says.
Why it hurts
    Nothing fails. The model reads and learns texts that nobody wrote, answers lose their blanks, and served by
    another program the same model reads other ids again.
How it is detected
    Every different text of up to 200 training rows, and every answer, goes through the tokenizer and back, and must
    come back the same up to Unicode's canonical composition (the vocabularies made from Qwen compose accents). Its
    ids must be those of the plain reader of tokenizer.json, and those of the renderer. One text is enough.
What the remedy does
    Advises to take the tokenizer's files from the publisher's repository.
Not detected
    A normalisation that none of these texts shows.
Source
    transformers issue 45488 (blanks dropped, GSM8K 95 to 0); TensorRT-LLM issue 13924; own measurement.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    texts: float = Field(default=0.0, ge=0, lt=1)
    """Share of the texts that may be changed."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on texts that do not come back, or that are read in two ways."""
    found = plan.preflight.get("tokenizer", {})
    texts = found.get("texts", 0.0)
    changed, differ = found.get("changed", 0.0), found.get("ids_differ", 0.0)
    bad = max(changed, differ)
    if not texts or bad / texts <= settings.texts:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"the tokenizer does not give {changed:.0f} of {texts:.0f} texts back as they were, and reads "
            f"{differ:.0f} "
            "otherwise than its file says",
            zh=f"{texts:.0f} 条文本中有 {changed:.0f} 条经分词器往返后改变，{differ:.0f} 条的编号与分词器文件不符",
        ),
        measured={"changed_share": bad / texts, "changed": changed, "ids_differ": differ},
        limits={"changed_share": settings.texts},
        examples=tuple(plan.examples.get("tokenizer", ())),
        strength=bad / texts / max(settings.texts, 1e-3),
    )


remedy = advice(
    "Take tokenizer.json and tokenizer_config.json from the publisher's repository of this very model",
    "使用该模型发布者仓库中的 tokenizer.json 与 tokenizer_config.json",
)


ZH = Page(
    title="分词器改变了文本",
    what_goes_wrong="分词器文件被某个工具转换或重新保存过，丢失或替换了内容：空格、换行、大小写、重音、全角符号"
    "；或读取它"
    "的类给出的编号与文件不一致。",
    why_it_hurts="什么都不会报错。模型读到、学到的是没人写过的文本，回答丢失空格；换一个程序提供服务时，同一模型读到的"
    "编号又不一样。",
    how_it_is_detected="取最多 200 行训练数据中的全部不同文本以及所有答案，经分词器编码再解码，除 Unicode 规范"
    "组合外必须与原"
    "文相同（由 Qwen 词表而来的分词器会组合重音）；编号须与直接读取 tokenizer.json 的结果以及渲染器的结果"
    "相同。有一条不符即为发现。",
    what_the_remedy_does="建议使用发布者仓库中的分词器文件。",
    not_detected="这些文本中没有体现出来的归一化。",
    source="transformers issue 45488（丢失空格，GSM8K 由 95 降为 0）；TensorRT-LLM issue 13924；自行测量。",
)

PITFALL = Pitfall("tokenizer-changes-text", "configure", Settings(), detect, remedy, ZH, rank=10)
