"""From findings to the next configuration: the cause nearest to the root whose remedy leads to something new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from fittingroom.config import RunConfig
from fittingroom.errors import RecipeError
from fittingroom.pitfalls import catalog
from fittingroom.types import Expected, Finding, Frozen, Plan, Remedy, Safety, Severity, Text

_MOST_ADVICE = 3
_LEAST = 0.0
"""What a remedy that names no number must do at least: not make things worse."""
_NOTHING_LEFT = Text(
    en="the gate said no and no finding has an untried automatic remedy; a person should look at the report",
    zh="门禁未通过，且没有尚未尝试过的自动补救办法；请人工查看报告",
)


class Cause(Frozen):
    """A cause of the no, with what could be done about it."""

    pitfall: str
    proven: bool
    """Whether another training showed it."""
    safety: Safety
    title: Text
    tried: bool = False
    """Whether the remedy leads nowhere new."""


class Diagnosis(Frozen):
    """What to try next, and why; `config` is None when nothing new is left."""

    cause: str = ""
    patch: dict[str, Any] = Field(default_factory=dict)
    config: RunConfig | None = None
    title: Text | None = None
    expectation: Text | None = None
    expected: Expected | None = None
    waits_for_person: bool = False
    advice: Text = _NOTHING_LEFT
    """What a person should do."""
    causes: list[Cause] = Field(default_factory=list)
    """All that have a remedy, the likeliest first."""

    @property
    def question(self) -> Text:
        """What a person is asked when the remedy must not be applied without one."""
        title = self.title or _NOTHING_LEFT
        return Text(
            en=f"{self.cause}: {title.en}; `fittingroom approve` applies it",
            zh=f"{self.cause}：{title.zh}；用 `fittingroom approve` 批准",
        )


def diagnose(
    findings: Sequence[Finding],
    config: RunConfig,
    plan: Plan | None,
    tried: Callable[[RunConfig], bool],
) -> Diagnosis:
    """Rank the findings and take the first remedy that is bounded, valid and new.

    What blocked the attempt goes first, then what another training proved, then what is only suspected; among these
    root causes first, then strength. Automatic remedies go before those that wait for a person: a loop that can go on
    by itself does not stop to ask.
    """
    used = used_values(config, plan)
    causes: list[Cause] = []
    first: dict[Safety, Diagnosis] = {}
    for finding in ranked(findings):
        remedy = catalog()[finding.pitfall].remedy(finding, used)
        if remedy is None:
            continue
        patched = None if remedy.safety is Safety.ADVICE else _patched(config, remedy)
        old = remedy.safety is not Safety.ADVICE and (patched is None or tried(patched))
        causes.append(
            Cause(
                pitfall=finding.pitfall, proven=finding.proven, safety=remedy.safety, title=remedy.title, tried=old
            )
        )  # fmt: skip
        if patched is not None and not old and remedy.safety not in first:
            first[remedy.safety] = _proposed(finding, remedy, patched)
    found = first.get(Safety.AUTOMATIC) or first.get(Safety.ASK) or Diagnosis()
    return found.model_copy(update={"causes": causes, "advice": _advice(causes)})


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that may be causes, the likeliest first."""
    pitfalls = catalog()
    causes = [finding for finding in findings if finding.severity is not Severity.INFO and finding.pitfall in pitfalls]
    return sorted(
        causes,
        key=lambda finding: (
            finding.severity is not Severity.BLOCK,
            not finding.proven,
            pitfalls[finding.pitfall].rank,
            -finding.strength,
            finding.pitfall,
        ),
    )


def _proposed(finding: Finding, remedy: Remedy, config: RunConfig) -> Diagnosis:
    expected = remedy.expected or Expected(change=_LEAST)
    expected = expected.model_copy(update={"metric": expected.metric or config.gate.metric})
    return Diagnosis(
        cause=finding.pitfall,
        patch=remedy.patch,
        config=config,
        title=remedy.title,
        expectation=worded(expected, remedy.expectation),
        expected=expected,
        waits_for_person=remedy.safety is Safety.ASK,
    )


def worded(expected: Expected, more: Text | None = None) -> Text:
    """What is expected, as a sentence: the number first, then what else there is to say."""
    change = expected.change
    by_en = f"rises by {change:.3f} or more" if change > 0 else "does not fall" if change == 0 else f"{change:+.3f}"
    by_zh = f"提高 {change:.3f} 以上" if change > 0 else "不下降" if change == 0 else f"{change:+.3f}"
    return Text(
        en=f"dev {expected.metric} {by_en}" + (f"; {more.en}" if more else ""),
        zh=f"开发集 {expected.metric} {by_zh}" + (f"；{more.zh}" if more else ""),
    )


def _advice(causes: Sequence[Cause]) -> Text:
    """What a person should do: the first remedies that are theirs to apply."""
    titles = list({cause.title.en: cause.title for cause in causes if cause.safety is not Safety.AUTOMATIC}.values())
    if not titles:
        return _NOTHING_LEFT
    shown = titles[:_MOST_ADVICE]
    return Text(
        en="nothing is left that could be tried without you. " + "; ".join(title.en for title in shown),
        zh="已没有可以自动尝试的办法。" + "；".join(title.zh for title in shown),
    )


def used_values(config: RunConfig, plan: Plan | None) -> dict[str, Any]:
    """The configuration as nested values; what was `auto` is replaced by what the plan resolved it to."""
    values = config.model_dump(mode="json")
    if plan is not None:
        resolved = plan.model_dump(mode="json")
        values["train"] |= {
            name: resolved[name]
            for name, value in values["train"].items()
            if value in ("auto", "find") and name in resolved
        }
    return values


def _patched(config: RunConfig, remedy: Remedy) -> RunConfig | None:
    """The patched configuration; None when the remedy reaches beyond what the recipe allows."""
    try:
        return config.patched(remedy.patch)
    except RecipeError:
        return None
