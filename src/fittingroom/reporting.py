"""Gather what the report shows from a run's journal and the store, and write the page."""

from __future__ import annotations

import importlib.metadata
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fittingroom import pitfalls
from fittingroom.config import RunConfig
from fittingroom.history import History, TrainingCurves, curves
from fittingroom.journal import Journal
from fittingroom.report import render_report
from fittingroom.report.data import AttemptView, Change, Example, FindingView, Judgement, ReportData, RowView, StageLine
from fittingroom.report.markdown import render_markdown
from fittingroom.report.rows import telling_rows
from fittingroom.report.summary import ReportSummary, summary_of
from fittingroom.store import Store, write_text
from fittingroom.tables import Table
from fittingroom.text.redact import said
from fittingroom.types import (
    Attempt,
    EvalReport,
    Finding,
    GateDecision,
    Output,
    Plan,
    Rows,
    RunSummary,
    Splits,
    Text,
    Trained,
)

_SEARCH = "search"
"""The cause of an attempt that a search proposed: no pitfall."""
_KINDS: dict[str, type[Output]] = {
    "prepare": Rows,
    "label": Rows,
    "dedup": Rows,
    "split": Splits,
    "audit": Splits,
    "balance": Splits,
    "configure": Plan,
    "train": Trained,
    "evaluate": EvalReport,
    "gate": GateDecision,
}
_LIBRARIES = ("fittingroom", "torch", "transformers", "peft", "polars", "scikit-learn", "cleanlab")
_EXAMPLES = 8
_LONGEST = 160
_REJECTED_SHOWN = 5
"""Per source."""

Event = dict[str, Any]


def write_report(root: Path, history: History, folder: Path, *, languages: Sequence[str] = ("en", "zh")) -> Path:
    """Write `report.html` (English) and `report.zh.html`; returns the page in the first of the languages."""
    data = gather(root, history, folder)
    pages = []
    for language in languages:
        page = folder / ("report.zh.html" if language.startswith("zh") else "report.html")
        write_text(page, render_report(data, language))
        pages.append(page)
    return pages[0]


def gather(root: Path, history: History, folder: Path) -> ReportData:
    """All that a page shows. What is gone from the store is left out; the rest still stands."""
    events = list(Journal(folder / "events.jsonl").read())
    config, summary, store = history.config(folder), history.summary(folder), Store(root)
    configs = _configs(config, summary)
    learning = curves(events)
    views = [
        _view(attempt, _events_of(events, attempt.number), store, _changes(config, configs, attempt), learning)
        for attempt in summary.attempts
    ]
    data = ReportData(
        run=summary,
        base=config.model.base,
        task=config.task.kind,
        fields=config.task.input,
        target=config.task.target,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        minutes=round(sum(attempt.minutes for attempt in summary.attempts), 2),
        attempts=views,
        test=_judgement(events, store),
        command=f"fittingroom run {_recipe_name(folder)}",
        recipe=_as_yaml(config),
        versions=dict(_versions()),
        metric=config.gate.metric or "",
        machine_hour=config.prices.machine_hour,
        currency=config.prices.currency,
    )
    return data.model_copy(update={"rows": _telling(data, events, store)})


def _telling(data: ReportData, events: list[Event], store: Store) -> list[RowView]:
    """The rows to look at, with their texts where the last attempt's rows are still in the store."""
    judged = data.last_judged()
    rows = telling_rows(judged, data.metric) if judged is not None else []
    read = [event for event in events if event["kind"] == "stage_done" and event["stage"] == "prepare"]
    if not rows or not read:
        return rows
    found = _Texts({"prepare": _load(store, read[-1])}).of([row.id for row in rows])
    return [row.model_copy(update={"text": found.get(row.id, "")}) for row in rows]


def write_markdown(root: Path, history: History, folder: Path, language: str) -> Path:
    """Write `report.md` (or `report.zh.md`): the run in short, for a pull request."""
    page = folder / ("report.zh.md" if language.startswith("zh") else "report.md")
    write_text(page, render_markdown(summary_of(gather(root, history, folder)), language))
    return page


def summarised(root: Path, history: History, folder: Path, page: Path) -> ReportSummary:
    """The run in figures, with where its page lies."""
    return summary_of(gather(root, history, folder), str(page))


def _configs(config: RunConfig, summary: RunSummary) -> list[RunConfig]:
    """The configuration of every attempt: each patch on top of the attempt that was changed."""
    found: list[RunConfig] = []
    for attempt in summary.attempts:
        found.append(_changed_one(config, found, attempt).patched(attempt.patch))
    return found


def _changed_one(config: RunConfig, configs: list[RunConfig], attempt: Attempt) -> RunConfig:
    """The configuration that an attempt changed; a journal from before that was written tells none: the one before."""
    number = attempt.base or attempt.number - 1
    return configs[number - 1] if 0 < number <= len(configs) else config


def _changes(config: RunConfig, configs: list[RunConfig], attempt: Attempt) -> list[Change]:
    if attempt.number == 1:
        return []
    changed = _changed_one(config, configs, attempt).diff(configs[attempt.number - 1])
    return [Change(path=path, before=before, after=after) for path, (before, after) in changed.items()]


def _events_of(events: list[Event], number: int) -> list[Event]:
    """Stages of one attempt; a resumed run tells them again: the first telling has the seconds, the last the rest."""
    current = 0
    found: dict[str, Event] = {}
    for event in events:
        if event["kind"] == "attempt_started":
            current = event["attempt"]["number"]
        elif event["kind"] == "stage_done" and current == number:
            before = found.get(event["stage"])
            if before is not None and event["recalled"]:
                event = event | {"seconds": before["seconds"], "recalled": before["recalled"]}
            found[event["stage"]] = event
    return list(found.values())


def _view(
    attempt: Attempt,
    stages: list[Event],
    store: Store,
    changed: list[Change],
    learning: dict[int, TrainingCurves],
) -> AttemptView:
    outputs = {event["stage"]: _load(store, event) for event in stages}
    trained, report, decision = outputs.get("train"), outputs.get("evaluate.dev"), outputs.get("gate.dev")
    plan, texts = outputs.get("configure"), _Texts(outputs)
    told = learning.get(attempt.number) or TrainingCurves(attempt=attempt.number)
    shown = trained if isinstance(trained, Trained) else told
    return AttemptView(
        attempt=attempt,
        cause=_title(attempt.cause) if attempt.cause else None,
        changed=changed,
        stages=[_line(event, outputs[event["stage"]]) for event in stages],
        findings=[_finding(finding, texts) for finding in attempt.findings or _told(stages)],
        steps=shown.steps,
        evals=shown.evals,
        best_step=trained.best_step if isinstance(trained, Trained) else 0,
        stopped=trained.stopped if isinstance(trained, Trained) else "",
        plan=plan if isinstance(plan, Plan) else None,
        timing=trained.timing if isinstance(trained, Trained) else {},
        speed=trained.timing if isinstance(trained, Trained) else told.speed,
        said=told.said,
        report=report if isinstance(report, EvalReport) else None,
        decision=decision if isinstance(decision, GateDecision) else None,
    )


def _told(stages: list[Event]) -> list[Finding]:
    """Findings as the stages told them: an attempt that was stopped holds none itself."""
    return [Finding.model_validate(finding) for event in stages for finding in event.get("findings") or ()]


def _load(store: Store, event: Event) -> Output | None:
    kind = _KINDS.get(event["stage"].split(".")[0])
    return store.load(event["digest"], kind) if kind is not None and store.has(event["digest"]) else None


def _line(event: Event, output: Output | None) -> StageLine:
    return StageLine(
        stage=event["stage"],
        rows=event["ledger"],
        reasons=reasons_of(output) if isinstance(output, Rows | Splits) else {},
        rejected=first_rejected(output) if isinstance(output, Rows) else [],
        facts=getattr(output, "facts", {}),
        seconds=event["seconds"],
        recalled=event["recalled"],
    )


def reasons_of(output: Rows | Splits) -> dict[str, int]:
    """Why rows were dropped or rejected -> how many, the most frequent first."""
    reasons = Counter(_reasons(output.dropped))
    if isinstance(output, Rows) and output.rejected is not None:
        reasons.update(_reasons(output.rejected))
    return dict(reasons.most_common())


def first_rejected(output: Rows) -> list[tuple[str, str]]:
    """Some rows that could not be read, the first ones of every source: `file:line` and why."""
    if output.rejected is None:
        return []
    shown = output.rejected.frame().group_by("source", maintain_order=True).head(_REJECTED_SHOWN).to_dicts()
    return [(f"{row['file'] or row['source']}:{row['line']}", row["reason"]) for row in shown]


def _reasons(table: Table) -> dict[str, int]:
    counted = table.frame().group_by("reason").len()
    return dict(zip(counted["reason"].to_list(), counted["len"].to_list(), strict=True))


class _Texts:
    """Redacted texts of rows, looked up by id in the outputs of an attempt."""

    def __init__(self, outputs: dict[str, Output | None]) -> None:
        rows = outputs.get("prepare")
        self._tables = [rows.kept, rows.dropped] if isinstance(rows, Rows) else []

    def of(self, ids: Sequence[str]) -> dict[str, str]:
        """Row id -> its text, cut."""
        found: dict[str, str] = {}
        for table in self._tables:
            frame = table.frame().select("id", "input")
            for row in frame.filter(frame["id"].is_in(list(ids))).iter_rows(named=True):
                text = " / ".join(value for value in row["input"].values() if value)
                found[row["id"]] = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        return found


def _finding(finding: Finding, texts: _Texts) -> FindingView:
    shown = finding.examples[:_EXAMPLES]
    found = texts.of(shown) if shown else {}
    return FindingView(
        finding=finding,
        title=_title(finding.pitfall),
        remedy=_remedy(finding.pitfall),
        examples=[Example(id=name, text=found.get(name, "")) for name in shown],
    )


def _title(pitfall: str) -> Text:
    if pitfall == _SEARCH:
        return Text(en="a search over the settings", zh="对配置的搜索")
    known = pitfalls.catalog().get(pitfall)
    if known is None:
        return Text(en=pitfall, zh=pitfall)
    return Text(en=pitfalls.page(known, "en").title, zh=pitfalls.page(known, "zh").title)


def _remedy(pitfall: str) -> Text | None:
    known = pitfalls.catalog().get(pitfall)
    if known is None:
        return None
    return Text(en=pitfalls.page(known, "en").what_the_remedy_does, zh=pitfalls.page(known, "zh").what_the_remedy_does)


def _judgement(events: list[Event], store: Store) -> Judgement | None:
    """The test part of the last attempt, when it was opened."""
    last = {event["stage"]: event for event in events if event["kind"] == "stage_done" and ".test" in event["stage"]}
    report = _load(store, last["evaluate.test"]) if "evaluate.test" in last else None
    decision = _load(store, last["gate.test"]) if "gate.test" in last else None
    opened = [event["number"] for event in events if event["kind"] == "test_opened"]
    if not isinstance(report, EvalReport) or not isinstance(decision, GateDecision):
        return None
    return Judgement(report=report, decision=decision, opening=opened[-1] if opened else 1)


def _recipe_name(folder: Path) -> str:
    """File name only: a path would tell about the machine."""
    stored = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    return said(Path(stored["recipe"]).name)


def _as_yaml(config: RunConfig) -> str:
    import yaml

    return said(yaml.safe_dump(config.model_dump(mode="json"), allow_unicode=True, sort_keys=False))


def _versions() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
