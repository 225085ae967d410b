"""From findings to the next configuration: the cause nearest to the root whose remedy leads to something new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from fittingroom.config import RunConfig
from fittingroom.errors import RecipeError
from fittingroom.pitfalls import catalog
from fittingroom.types import Finding, Frozen, Plan, Remedy, Safety, Severity, Text

_NOTHING_LEFT = Text(
    en="the gate said no and no finding has an untried automatic remedy; a person should look at the report",
    zh="门禁未通过，且没有尚未尝试过的自动补救办法；请人工查看报告",
)


class Diagnosis(Frozen):
    """What to try next, and why; `config` is None when nothing new is left."""

    cause: str = ""
    patch: dict[str, Any] = Field(default_factory=dict)
    config: RunConfig | None = None
    title: Text | None = None
    expectation: Text | None = None
    waits_for_person: bool = False
    advice: Text = _NOTHING_LEFT

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
    """Rank the findings (root causes first, then strength) and take the first remedy that is bounded, valid and new.

    Automatic remedies go before those that wait for a person: a loop that can go on by itself does not stop to ask.
    """
    pitfalls = catalog()
    causes = [finding for finding in findings if finding.severity is not Severity.INFO and finding.pitfall in pitfalls]
    causes.sort(
        key=lambda finding: (
            finding.severity is not Severity.BLOCK,
            pitfalls[finding.pitfall].rank,
            -finding.strength,
            finding.pitfall,
        )
    )
    used = used_values(config, plan)
    waiting: Diagnosis | None = None
    advice: Text = _NOTHING_LEFT
    for finding in causes:
        remedy = pitfalls[finding.pitfall].remedy(finding, used)
        if remedy is None:
            continue
        if remedy.safety is Safety.ADVICE:
            advice = remedy.title if advice is _NOTHING_LEFT else advice
            continue
        patched = _patched(config, remedy)
        if patched is None or tried(patched):
            continue
        found = Diagnosis(
            cause=finding.pitfall,
            patch=remedy.patch,
            config=patched,
            title=remedy.title,
            expectation=remedy.expectation,
            waits_for_person=remedy.safety is Safety.ASK,
        )
        if remedy.safety is Safety.AUTOMATIC:
            return found
        waiting = waiting or found
    return waiting or Diagnosis(advice=advice)


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
