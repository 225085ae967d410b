"""The pages on base models, made from the catalogue: `python -m fittingroom.model_docs docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from fittingroom.models.catalog import FAMILIES, TEMPLATES
from fittingroom.offering import ModelRow, catalogue

_HEAD = {
    "en": """\
# Base models

Made by `python -m fittingroom.model_docs docs` from the catalogue. `fittingroom models` prints the same, and with a
recipe says what fits on this machine. [中文](models.zh-CN.md)

**Real weights that the road has been run on so far: none.** What stands here was taken from model cards, configuration
files and tokenizers, and the sizes are counted by formulas that tests compare with the classes of transformers. Before
relying on a model, run `fittingroom verify --base PATH` on your own copy.

`model.base` takes `nano`, a local folder, a Hugging Face id `org/name` (`HF_ENDPOINT` names a mirror) or
`modelscope:org/name`. A branch or tag becomes a commit, which is recorded and loaded. A folder is recognised by shapes,
marks and chat format, never by its name. Refused before a weight is read: remote code, pickle anywhere in the folder,
torn or foreign files, a tokenizer of another model, FP4 and foreign quantisation, codes without scales, more weights
than memory. FP8 blocks are turned into plain weights while loading.

Memory in GiB: weights and optimiser, without activations; base in bf16, adapters of rank 16. × is not loaded here.
""",
    "zh": """\
# 基座模型

由 `python -m fittingroom.model_docs docs` 从目录生成。`fittingroom models` 打印同样的内容，
给出配方时还会说明本机能训练哪些。
[English](models.md)

**至今在哪些真实权重上运行过：没有。** 本页内容取自模型卡、配置文件与分词器，大小由公式计算，
测试会与 transformers 的类逐一核对。依赖某个模型之前，请在自己的副本上运行 `fittingroom verify --base PATH`。

`model.base` 可以是 `nano`、本地文件夹、Hugging Face 编号 `org/name`（`HF_ENDPOINT` 可指定镜像）或
`modelscope:org/name`。分支或标签会解析为一个提交，记录并加载的就是该提交。文件夹按形状、标记与对话格式识别，绝不按名称。
以下情况在读取权重之前即被拒绝：需要远程代码、文件夹任何位置含有 pickle、文件损坏或不配套、分词器属于另一模型、
FP4 与外来量化、缺少缩放系数的编码、权重超出内存。FP8 分块在加载时转为普通权重。

内存（GiB）：权重与优化器，不含激活；基座 bf16，适配器秩 16。× 表示本工具不加载。
""",
}
_COLUMNS = {
    "en": "| model | architecture | parameters | context | files | format | LoRA | QLoRA | full | licence |",
    "zh": "| 模型 | 架构 | 参数量 | 上下文 | 文件 | 格式 | LoRA | QLoRA | 全量 | 许可 |",
}
_TITLES = {
    "en": ("Chat formats", "Special tokens", "LoRA targets", "Licences", "Not loaded"),
    "zh": ("对话格式", "特殊标记", "LoRA 目标层", "许可", "不加载的模型"),
}
_NAMES = {
    "en": """\
BOS `<｜begin▁of▁sentence｜>`, EOS `<｜end▁of▁sentence｜>`, `<｜User｜>` and `<｜Assistant｜>`, with full-width bars
(U+FF5C). Padding is the tokenizer's own pad token (EOS in most of them); where it names none, `<｜▁pad▁｜>`, or else
EOS. Listed are the ids that the publisher's files state.
""",
    "zh": """\
BOS 为 `<｜begin▁of▁sentence｜>`，EOS 为 `<｜end▁of▁sentence｜>`，`<｜User｜>` 与 `<｜Assistant｜>`
均用全角竖线（U+FF5C）。填充用分词器自己的填充标记（多数即 EOS）；未指定时用 `<｜▁pad▁｜>`，再没有则用 EOS。
下表只列官方文件写明的编号。
""",
}
_DECIDES = {
    "en": """\
The letter in the table is the format that the model is known for. What is rendered is decided by the chat template of
the tokenizer at hand, not by the family, the name or this table: one model is published with several templates. A
DeepSeek-R1 tokenizer whose template writes no `<think>\\n` behind `<｜Assistant｜>` is rendered as **D**, although R1
is listed as C: a system turn stays one, the model opens `<think>` itself, and `model.think: auto` is `none`. With a
template that writes it (the distilled models) `auto` is `empty`, and the system text heads the first question. `none`,
`empty` and `keep` can be set for either; `keep` puts before an answer what the template puts there, and where that is
nothing, the `<think>` of reasoning stands in the answer and is learnt. `fittingroom verify --base PATH` compares the
prompts with those of the template.
""",
    "zh": """\
表中字母是该模型通常的格式。实际如何渲染，由所用分词器自带的对话模板决定，与系列、名称和本表无关：
同一模型曾带着不同的模板发布。模板没有在 `<｜Assistant｜>` 之后写 `<think>\\n` 的 DeepSeek-R1 分词器，
虽在表中列为 C，仍按 **D** 渲染：system 保持为 system，`<think>` 由模型自己写出，`model.think: auto` 即 `none`。
模板会写出它时（各蒸馏模型），`auto` 即 `empty`，system 文本放在第一个问题之前。
两种情况都可以改设 `none`、`empty` 或 `keep`：`keep` 在答案之前放模板所放的内容；模板什么都不放时，
推理的 `<think>` 属于答案，参与学习。`fittingroom verify --base PATH` 会把提示与模板的提示逐一比较。
""",
}
_MARKS_HEAD = {"en": "| models | ids |", "zh": "| 模型 | 编号 |"}


def render(language: str) -> str:
    """The whole page as Markdown."""
    rows = catalogue()
    formats, marks, targets, licences, refused = _TITLES[language]
    lines = [_HEAD[language], _COLUMNS[language], "|---|---|---|--:|---|---|--:|--:|--:|---|", *map(_line, rows)]
    lines += ["", f"## {formats}", "", *_formats(rows, language), "", _DECIDES[language].rstrip()]
    lines += ["", f"## {marks}", "", _NAMES[language], _MARKS_HEAD[language], "|---|---|", *_marks(rows)]
    lines += ["", f"## {targets}", ""]
    lines += [f"- `{family.model_type}` ({family.native}): `{family.lora_targets}`" for family in FAMILIES.values()]
    lines += ["", f"## {licences}", ""]
    limits = {row.licence: row.use_limits.say(language) for row in rows}
    lines += [f"- {name}: {said}" for name, said in limits.items()]
    lines += ["", f"## {refused}", ""]
    lines += [f"- {_short(row)}: {row.refused.say(language)}" for row in rows if row.refused]
    return "\n".join(lines) + "\n"


def _short(row: ModelRow) -> str:
    return row.name.removeprefix("deepseek-ai/")


def _line(row: ModelRow) -> str:
    memory = ["–" if size is None else f"{size / 2**30:,.1f}" for size in (row.lora, row.qlora, row.full)]
    name = f"{'× ' if row.refused else ''}{_short(row)}"
    cells = [
        name,
        row.architecture,
        row.parameters,
        f"{row.context:,}",
        row.weights,
        row.template,
        *memory,
        row.licence,
    ]
    return "| " + " | ".join(cells) + " |"


def _formats(rows: list[ModelRow], language: str) -> Iterator[str]:
    for letter, said in TEMPLATES.items():
        thinking = sorted({row.thinking.say(language) for row in rows if row.template == letter})
        yield f"- **{letter}** {said.say(language)} ({'; '.join(thinking)})"


def _marks(rows: list[ModelRow]) -> Iterator[str]:
    """Models that share their ids stand on one line."""
    together: dict[str, list[str]] = {}
    for row in rows:
        if row.marks:
            ids = ", ".join(f"{name} {number}" for name, number in row.marks.items())
            together.setdefault(ids, []).append(_short(row))
    for ids, names in together.items():
        yield f"| {', '.join(names)} | {ids} |"


def main(folder: str) -> None:
    """Write both pages."""
    for language, name in (("en", "models.md"), ("zh", "models.zh-CN.md")):
        (Path(folder) / name).write_text(render(language), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
