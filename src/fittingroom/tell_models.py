"""The catalogue of base models, and what `verify` found, as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fittingroom.offering import Machine, ModelRow, ModelTable
    from fittingroom.verifying import Verified

_OWN = "deepseek-ai/"
_MARKS = {"ok": "✓", "not ok": "✗", "not measured": "–"}
_SAID_ZH = {"ok": "通过", "not ok": "未通过", "not measured": "未测"}


def tell_models(table: ModelTable, language: str) -> str:
    """One line for each model, then what the letters and licences mean, then what fits on this machine."""
    chinese = language.startswith("zh")
    head = ("模型", "架构", "参数量", "格式", "LoRA", "QLoRA", "全量", "许可")
    words = head if chinese else ("model", "architecture", "parameters", "tpl", "LoRA", "QLoRA", "full", "licence")
    lines = [_line(words, chinese)]
    lines += [_line(_cells(row), False) for row in table.models]
    lines.append(
        "内存（GiB）：权重与优化器，基座 bf16，适配器秩 16；× 本工具不加载"
        if chinese
        else "memory in GiB: weights and optimiser, base in bf16, adapters of rank 16; × is not loaded here"
    )
    lines += ["", *_legend(table.models, language)]
    if table.machine is not None:
        lines += ["", *_machine(table.machine, table.models, language)]
    return "\n".join(lines)


def _line(cells: tuple[str, ...], double: bool) -> str:
    """`double`: Chinese signs take two columns."""
    widths = (33, 13, 24, 4, 10, 10, 11)
    shown = [cell.ljust(width - (len(cell) if double else 0)) for cell, width in zip(cells, (*widths, 0), strict=True)]
    return " ".join(shown).rstrip()


def _cells(row: ModelRow) -> tuple[str, ...]:
    def gib(size: int | None) -> str:
        return "–" if size is None else f"{size / 2**30:,.1f}"

    name = ("× " if row.refused else "  ") + row.name.removeprefix(_OWN)
    memory = [gib(size) for size in (row.lora, row.qlora, row.full)]
    return (name, row.architecture, row.parameters, row.template, *memory, row.licence)


def _legend(models: list[ModelRow], language: str) -> Iterator[str]:
    for letter in sorted({row.template for row in models}):
        row = next(row for row in models if row.template == letter)
        yield f"  {letter}  {row.format.say(language)}"
        thinking = {row.thinking.say(language) for row in models if row.template == letter}
        yield "     " + "; ".join(sorted(thinking))
    for licence in dict.fromkeys(row.licence for row in models):
        row = next(row for row in models if row.licence == licence)
        yield f"  {licence}: {row.use_limits.say(language)}"
    for row in models:
        if row.refused:
            yield f"  × {row.name.removeprefix(_OWN)}: {row.refused.say(language)}"


def _machine(machine: Machine, models: list[ModelRow], language: str) -> Iterator[str]:
    chinese = language.startswith("zh")
    have, usable = machine.memory_bytes / 2**30, machine.usable_bytes / 2**30
    yield (
        f"{machine.recipe}：{machine.device}，{have:,.1f} GiB，其中训练可用 {usable:,.1f} GiB；"
        f"每次一行、每行 {machine.length} 个 token"
        if chinese
        else f"{machine.recipe}: {machine.device}, {have:,.1f} GiB, of which training may use {usable:,.1f} GiB; "
        f"one row of {machine.length} tokens at a time"
    )
    yield f"  model.base {machine.base}: {machine.recognised.say(language)}"
    for need in machine.needs:
        verdict = ("可以" if need.fits else "不行") if chinese else ("yes" if need.fits else "no")
        mine = ("  <- 配方" if chinese else "  <- the recipe") if need.method == machine.method else ""
        why = f" ({need.why.say(language)})" if need.why else ""
        yield f"  {need.method:<6} {need.bytes / 2**30:>10,.2f} GiB  {verdict}{why}{mine}"
    for method in ("lora", "qlora", "full"):
        fitting = [row.name.removeprefix(_OWN) for row in models if row.fits.get(method)]
        yield f"  {'可用' if chinese else 'fits'} {method:<6} {', '.join(fitting) or '–'}"


def tell_verified(done: Verified, language: str) -> str:
    """One line for each check."""
    chinese = language.startswith("zh")
    lines = [f"{done.base}: {done.recognised.say(language)}", f"  {done.device}"]
    for check in done.checks:
        verdict = _SAID_ZH[check.status] if chinese else check.status
        lines.append(f"  {_MARKS[check.status]} {check.name:<12} {verdict:<13} {check.summary.say(language)}")
    seconds = f"{done.seconds:.1f}"
    whole = ("全部通过" if done.ok else "未全部通过") if chinese else ("all is well" if done.ok else "not all is well")
    lines.append(f"  {whole}，{seconds} 秒" if chinese else f"  {whole}, {seconds} s")
    return "\n".join(lines)
