"""Write the catalogue as pages of Markdown, in English and Chinese:

python -m fittingroom.pitfalls.docs docs/pitfalls
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fittingroom.pitfalls import __name__ as own
from fittingroom.pitfalls import catalog, family, page
from fittingroom.types import Page, Pitfall, Text

LANGUAGES = {"en": ".md", "zh": ".zh-CN.md"}

_SECTIONS = {
    "what_goes_wrong": Text(en="What goes wrong", zh="出了什么问题"),
    "why_it_hurts": Text(en="Why it hurts", zh="为什么有害"),
    "how_it_is_detected": Text(en="How it is detected", zh="如何发现"),
    "what_the_remedy_does": Text(en="What the remedy does", zh="补救办法做什么"),
    "not_detected": Text(en="Not detected", zh="发现不了什么"),
    "source": Text(en="Source", zh="出处"),
}
_FAMILIES = {
    "data": Text(en="Data", zh="数据"),
    "labels": Text(en="Labels", zh="标签"),
    "template": Text(en="Template and tokens", zh="模板与词元"),
    "hyperparameters": Text(en="Hyper-parameters", zh="超参数"),
    "fit": Text(en="Fit", zh="拟合"),
    "compute": Text(en="Compute", zh="算力"),
    "evaluation": Text(en="Evaluation", zh="评测"),
    "deployment": Text(en="Deployment", zh="部署"),
    "monitoring": Text(en="Monitoring", zh="监控"),
}
_TITLE = Text(en="Pitfalls", zh="常见的坑")
_INTRODUCTION = Text(
    en="What is watched for in every run. Each finding says what was measured and against which limit; its remedy is a "
    "bounded change of the recipe that the loop tries, compares and records. Limits are moved under "
    "`pitfalls.settings.<id>`, a check is left out by `pitfalls.disable`.",
    zh="每次运行都会检查这些问题。每条诊断都说明测到了什么、限值是多少；补救办法是对配方的有限修改，由循环尝试、比较并记录。"
    "限值可在 `pitfalls.settings.<id>` 中调整，用 `pitfalls.disable` 关闭某项检查。",
)
_LOOKED_FOR = Text(en="Looked for after the stage `{}`.", zh="在阶段 `{}` 之后检查。")
_LIMITS = Text(en="Limits", zh="限值")
_LIMIT_HEAD = Text(
    en="| `pitfalls.settings.{}` | default |\n| --- | --- |", zh="| `pitfalls.settings.{}` | 默认值 |\n| --- | --- |"
)
_OTHER = Text(en="中文", zh="English")


def render() -> dict[str, str]:
    """File name -> text of all pages of our own pitfalls (not those of plugins)."""
    ours = [pitfall for pitfall in catalog().values() if pitfall.detect.__module__.startswith(f"{own}.")]
    pages: dict[str, str] = {}
    for language, ending in LANGUAGES.items():
        pages[f"index{ending}"] = _index(ours, language)
        for pitfall in ours:
            pages[f"{pitfall.id}{ending}"] = _page(pitfall, language)
    return pages


def write(folder: Path) -> list[Path]:
    """Write all pages, and remove those of pitfalls that are no more. Returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = render()
    for old in sorted(folder.glob("*.md")):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in pages]


def _index(pitfalls: Sequence[Pitfall], language: str) -> str:
    lines = [f"# {_TITLE.say(language)}", "", _switch("index", language), "", _INTRODUCTION.say(language)]
    for name, title in _FAMILIES.items():
        members = sorted((one for one in pitfalls if family(one) == name), key=lambda one: (one.rank, one.id))
        if not members:
            continue
        lines += ["", f"## {title.say(language)}", ""]
        lines += [f"- [{one.id}]({one.id}{LANGUAGES[language]}): {page(one, language).title}" for one in members]
    return "\n".join(lines) + "\n"


def _page(pitfall: Pitfall, language: str) -> str:
    said: Page = page(pitfall, language)
    lines = [f"# {said.title}", "", _switch(pitfall.id, language), ""]
    lines += [f"`{pitfall.id}`", "", _LOOKED_FOR.say(language).format(pitfall.after)]
    for field, heading in _SECTIONS.items():
        lines += ["", f"## {heading.say(language)}", "", getattr(said, field)]
        if field == "how_it_is_detected":
            lines += ["", f"### {_LIMITS.say(language)}", "", *_limits(pitfall, language)]
    return "\n".join(lines) + "\n"


def _limits(pitfall: Pitfall, language: str) -> list[str]:
    rows = []
    for name, value in pitfall.settings.model_dump(mode="json").items():
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        rows.append(f"| `{name}` | {shown} |")
    return [_LIMIT_HEAD.say(language).format(pitfall.id), *rows]


def _switch(name: str, language: str) -> str:
    """A link to the same page in the other language."""
    other = "en" if language == "zh" else "zh"
    return f"[{_OTHER.say(language)}]({name}{LANGUAGES[other]})"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m fittingroom.pitfalls.docs FOLDER")
    for path in write(Path(sys.argv[1])):
        print(path)
