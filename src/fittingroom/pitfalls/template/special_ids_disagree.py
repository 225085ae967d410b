"""The files name different marks.

What goes wrong
    config.json, generation_config.json and the tokenizer name different ids for the marks of beginning and end. The
    published 1.5B distilled model does: 151643 in one file, 151646 in another.
Why it hurts
    Which one counts depends on the program. One that believes the wrong file begins every prompt with an end mark,
    or does not stop at the true one.
How it is detected
    The ids in both files and in the model as it was loaded, against the tokenizer's. Where only the files disagree
    this is told: training and the bundle use the tokenizer's. Where the loaded model disagrees, too, it is a
    warning.
What the remedy does
    Advises to write the tokenizer's ids into the files.
Not detected
    Marks that all files name alike and wrongly (see `missing-end-mark`).
Source
    config.json, generation_config.json and tokenizer_config.json of DeepSeek-R1-Distill-Qwen-1.5B.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    ids: int = Field(default=0, ge=0)
    """Ids that may differ."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on ids that differ from the tokenizer's."""
    found = plan.preflight.get("special_ids", {})
    wrong = max(found.get("files", 0.0), found.get("loaded", 0.0))
    if wrong <= settings.ids:
        return
    loaded = found["loaded"] > settings.ids
    named = "; ".join(plan.examples.get("special_ids", [])[:4])
    yield Finding(
        severity=Severity.WARN if loaded else Severity.INFO,
        summary=Text(
            en=f"ids of the marks differ from the tokenizer's ({named})"
            + ("; the loaded model has them wrong, too" if loaded else "; the tokenizer's are used"),
            zh=f"标记的编号与分词器不同（{named}）" + ("；加载后的模型也不对" if loaded else "；以分词器为准"),
        ),
        measured={"ids": wrong, "files": found["files"], "loaded": found["loaded"]},
        limits={"ids": float(settings.ids)},
        strength=wrong / max(float(settings.ids), 1.0),
    )


remedy = advice(
    "Write the tokenizer's bos_token_id and eos_token_id into config.json and generation_config.json",
    "把分词器的 bos_token_id 与 eos_token_id 写入 config.json 和 generation_config.json",
)


ZH = Page(
    title="各文件的标记编号不一致",
    what_goes_wrong="config.json、generation_config.json 与分词器给出的起始、结束标记编号不同。已发布的 1.5B 蒸"
    "馏模型就是"
    "如此：一处为 151643，另一处为 151646。",
    why_it_hurts="以哪个为准取决于程序。相信了错误文件的程序会让每条提示以结束标记开头，或在真正的结束处停不下来。",
    how_it_is_detected="把两个文件以及加载后的模型中的编号与分词器比较。只是文件不一致时仅作告知：训练和模型包"
    "以分词器为准；"
    "加载后的模型也不一致时为警告。",
    what_the_remedy_does="建议把分词器的编号写入这些文件。",
    not_detected="所有文件一致但都不对的标记（见 `missing-end-mark`）。",
    source="DeepSeek-R1-Distill-Qwen-1.5B 的 config.json、generation_config.json 与 tokenizer_config.json。",
)

PITFALL = Pitfall("special-ids-disagree", "configure", Settings(), detect, remedy, ZH, rank=61)
