"""From findings to the next configuration: the cause nearest to the root whose remedy leads to something new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pydantic import Field

from fittingroom.config import RunConfig
from fittingroom.errors import RecipeError
from fittingroom.pitfalls import catalog
from fittingroom.pitfalls.refusal import SCORE, moved_by, only_rows, unmet
from fittingroom.tasks.jobs import job_of
from fittingroom.types import (
    Check,
    Expected,
    Finding,
    Frozen,
    GateDecision,
    Plan,
    Remedy,
    Safety,
    Severity,
    Text,
    Verdict,
)

MACRO_F1 = "macro_f1"
_MOST_ADVICE = 3
_LEAST = 0.0
"""What a remedy that names no number must do at least: not make things worse."""
_NOTHING_LEFT = Text(
    en="the gate said no and no finding has an untried automatic remedy; a person should look at the report",
    zh="门禁未通过，且没有尚未尝试过的自动补救办法；请人工查看报告",
)

_NOTHING_WITHOUT_YOU = Text(en="nothing is left that could be tried without you. ", zh="已没有可以自动尝试的办法。")
_MORE_ROWS = Text(
    en="more rows are needed to decide, not another training. ", zh="要得出结论需要更多数据，而不是再训练一次。"
)
_NO_TRAINING = Text(
    en="nothing is left to try that could turn what the gate said no to. ",
    zh="已没有能改变门禁结论的办法可以自动尝试。",
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
    helps: bool = True
    """Whether the remedy can turn what the gate said no to."""


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
    """All that have a remedy, the likeliest first; those that cannot help come last."""
    trainable: bool = True
    """Whether another training could turn what the gate said no to."""

    @property
    def question(self) -> Text:
        """What a person is asked when the remedy must not be applied without one."""
        title = self.title or _NOTHING_LEFT
        return Text(
            en=f"{self.cause}: {title.en}; `fittingroom approve` applies it",
            zh=f"{self.cause}：{title.zh}；用 `fittingroom approve` 批准",
        )


class _Wanted(NamedTuple):
    """What a remedy must do to be worth an attempt."""

    checks: list[Check]
    """The conditions to be turned: those that failed; the open ones where none did. [] where nothing was judged."""
    kinds: frozenset[str]
    """What they stand on."""
    proof: bool
    """Whether more rows, not another training, are what they ask for: then only a proven cause is worth one."""

    @classmethod
    def of(cls, decision: GateDecision | None) -> _Wanted:
        open_ones = unmet(decision) if decision is not None else []
        checks = [check for check in open_ones if check.verdict is Verdict.FAIL] or open_ones
        return cls(checks, frozenset(moved_by(check) for check in checks) - {""}, only_rows(checks))

    def helped_by(self, finding: Finding, remedy: Remedy, moves: Sequence[str]) -> bool:
        if not self.checks:
            return True
        sure = finding.proven or not self.proof or remedy.safety is Safety.ADVICE
        return sure and not self.kinds.isdisjoint(moves)

    @property
    def trainable(self) -> bool:
        return not self.checks or (not self.proof and SCORE in self.kinds)


def diagnose(
    findings: Sequence[Finding],
    config: RunConfig,
    plan: Plan | None,
    tried: Callable[[RunConfig], bool],
    decision: GateDecision | None = None,
) -> Diagnosis:
    """Rank the findings and take the first remedy that is bounded, valid, new, and can turn what the gate said no to.

    What blocked the attempt goes first, and nothing else is tried then: no other change lets it be trained. Else what
    another training proved goes before what is only suspected; among these root causes first, then strength. Automatic
    remedies go before those that wait for a person: a loop that can go on by itself does not stop to ask. Where all
    that is open asks for more rows, only a proven cause is worth a training.
    """
    used, wanted = used_values(config, plan), _Wanted.of(decision)
    blocked = decision is None and any(finding.severity is Severity.BLOCK for finding in findings)
    causes: list[Cause] = []
    first: dict[Safety, Diagnosis] = {}
    for finding in ranked(findings):
        pitfall = catalog()[finding.pitfall]
        remedy = pitfall.remedy(finding, used)
        if remedy is None:
            continue
        helps = wanted.helped_by(finding, remedy, pitfall.moves)
        helps = helps and (not blocked or finding.severity is Severity.BLOCK)
        patched = None if remedy.safety is Safety.ADVICE else _patched(config, remedy)
        old = remedy.safety is not Safety.ADVICE and (patched is None or tried(patched))
        causes.append(
            Cause(
                pitfall=finding.pitfall, proven=finding.proven, safety=remedy.safety, title=remedy.title, tried=old,
                helps=helps,
            )
        )  # fmt: skip
        if helps and patched is not None and not old and remedy.safety not in first:
            first[remedy.safety] = _proposed(finding, remedy, patched)
    causes.sort(key=lambda cause: not cause.helps)
    found = first.get(Safety.AUTOMATIC) or first.get(Safety.ASK) or Diagnosis()
    return found.model_copy(update={"causes": causes, "advice": _advice(causes, wanted), "trainable": wanted.trainable})


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
    expected = in_its_unit(remedy.expected or Expected(change=_LEAST, metric=config.gate.metric), config)
    return Diagnosis(
        cause=finding.pitfall,
        patch=remedy.patch,
        config=config,
        title=remedy.title,
        expectation=worded(expected, remedy.expectation),
        expected=expected,
        waits_for_person=remedy.safety is Safety.ASK,
    )


def in_its_unit(expected: Expected, config: RunConfig) -> Expected:
    """An expectation that names no metric is one of the score that training watches: macro-F1 where the job knows it,
    whatever the gate judges. Of free answers that is the probability of their tokens, from which no gain in ROUGE-L or
    NDCG follows: there the gate's metric must only not fall (by more than was said).
    """
    if expected.metric:
        return expected
    if MACRO_F1 in job_of(config.task).metrics:
        return expected.model_copy(update={"metric": MACRO_F1})
    return Expected(change=min(expected.change, _LEAST), metric=config.gate.metric)


def worded(expected: Expected, more: Text | None = None) -> Text:
    """What is expected, as a sentence: the number first, then what else there is to say."""
    change = expected.change
    by_en = f"rises by {change:.3f} or more" if change > 0 else "does not fall" if change == 0 else f"{change:+.3f}"
    by_zh = f"提高 {change:.3f} 以上" if change > 0 else "不下降" if change == 0 else f"{change:+.3f}"
    return Text(
        en=f"dev {expected.metric} {by_en}" + (f"; {more.en}" if more else ""),
        zh=f"开发集 {expected.metric} {by_zh}" + (f"；{more.zh}" if more else ""),
    )


def _advice(causes: Sequence[Cause], wanted: _Wanted) -> Text:
    """What a person should do: why no training helps, where none does, and the first remedies that are theirs."""
    titles = list(
        {
            cause.title.en: cause.title for cause in causes if cause.safety is not Safety.AUTOMATIC and cause.helps
        }.values()
    )[:_MOST_ADVICE]
    if wanted.trainable and not titles:
        return _NOTHING_LEFT
    head = _NOTHING_WITHOUT_YOU
    if not wanted.trainable:
        head = _MORE_ROWS if wanted.proof else _NO_TRAINING
        titles = [*(check.reason for check in wanted.checks), *titles]
    return Text(
        en=head.en + "; ".join(title.en for title in titles), zh=head.zh + "；".join(title.zh for title in titles)
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
