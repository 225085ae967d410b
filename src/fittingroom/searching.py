"""The verb `search`: short trainings on a budget, judged on dev; the winner is proposed as a change of the recipe.

The test part is not looked at. Everything lies in `searches/<id>/`: the SQLite file of the study, the checkpoints of
the training under way, the proposal, and a page with table and pictures.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.journal import alone
from fittingroom.models.device import device
from fittingroom.models.load import resolve
from fittingroom.report.search import TrialRow, render_search
from fittingroom.stages.configure import configure
from fittingroom.store import canonical, digest_of, write_text
from fittingroom.training.config import TrainConfig
from fittingroom.training.finders.space import refuse_unsearchable, with_values
from fittingroom.training.finders.study import Report, Study, Values, search
from fittingroom.training.fit import base_weights, fit, prepared
from fittingroom.training.material import material_of, with_general
from fittingroom.training.passes import Layout
from fittingroom.training.recorder import Recorder
from fittingroom.training.replay import fingerprint
from fittingroom.types import Frozen, Plan, Splits

if TYPE_CHECKING:
    from fittingroom.config import RunConfig
    from fittingroom.run import Run


class Searched(Frozen):
    """What a search came to."""

    id: str
    trials: list[TrialRow]
    best: int | None
    """Number of the winner; null when no training came to its end."""
    patch: dict[str, Any]
    """The winner as paths of the recipe: `--set path=value`."""
    minutes: float
    """Of all trainings together."""
    ended: str
    """Which bound was met: trials or minutes."""
    dev_rows: int
    """Rows that judged."""
    proposal: str
    """File with the change, as YAML, from the workspace; empty without a winner."""
    report: str
    """Page with table and pictures, from the workspace."""


def refuse(config: RunConfig) -> None:
    """Refuse a section `search` that names nothing, or what `train` does not take. Raises RecipeError."""
    if not (config.search.ranges() or config.search.choices()):
        raise RecipeError(
            "names nothing to search; for example search: {learning_rate: [1.0e-4, 1.0e-2, log], batch_size: [8, 32]}",
            "没有写明要搜索的内容；例如 search: {learning_rate: [1.0e-4, 1.0e-2, log], batch_size: [8, 32]}",
            place="search",
        )
    refuse_unsearchable(config.search, config.train)
    if config.engine.processes > 1:
        raise RecipeError(
            "a search trains in one process, and the recipe's training is spread over several, where values are worth "
            "something else or do not fit at all: search with --set engine.processes=1 on a model that fits, or leave "
            "the search out",
            "搜索只在一个进程中训练，而配方的训练分布在多个进程上，取值的效果会不同，甚至放不下："
            "请用 --set engine.processes=1 在放得下的模型上搜索，或不做搜索",
            place="engine.processes",
        )


def search_recipe(
    root: Path, config: RunConfig, splits: Splits, run: Run, progress: Any, plan: Plan | None = None
) -> Searched:
    """Search as the recipe's section `search` says, or go on with a search of the same recipe, data, base and
    device; `plan`: where it was made already.
    """
    folder = root / "searches" / _name(config, run.digest(splits), Context(root, root, run.secret))
    context = Context(root=root, scratch=folder / "trials", secret=run.secret, progress=progress)
    bench = _Bench(config, splits, plan or run.step(configure, config, splits), context)
    with alone(root / "locks" / f"search-{folder.name}"):  # two runs may have come to the same search
        study = search(
            folder,
            config.search,
            bench.judge,
            start=bench.start(),
            seed=config.seed,
            progress=lambda done, total: progress("search", done, total),
        )
        shutil.rmtree(folder / "trials", ignore_errors=True)
        return _told(root, folder, study, config, bench.dev_rows)


def _name(config: RunConfig, data: str, context: Context) -> str:
    """A search is the same while data, task, model, training and what is searched are, and what they mean outside the
    recipe: the base's files, those of general data and the rules that redact them, the device. Else its scores could
    not be compared. Its budget may be raised.
    """
    budget = {"trials", "minutes"}
    searched = config.search.model_dump(mode="json", exclude=budget)
    world = {
        "base": resolve(config.model, context.root).digest,
        "device": device(config.train.device).name,
        **fingerprint(config.train.replay, context),
    }
    redacted = [] if config.train.replay is None else [_plain(config.prepare.redact)]
    sections = (config.task, config.model, config.train)
    return digest_of([data, config.seed, searched, *(_plain(part) for part in sections), world, *redacted])[:16]


def _plain(section: Frozen) -> Any:
    return section.model_dump(mode="json")


class _Bench:
    """Everything that all short trainings share."""

    def __init__(self, config: RunConfig, splits: Splits, plan: Plan, context: Context) -> None:
        self.config, self.splits, self.context, self.seed = config, splits, context, config.seed
        self.plan = plan.model_copy(update={"epochs": plan.epochs * config.search.share})
        self.base = resolve(config.model, context.root)
        self.material = material_of(
            self.base, config.model.think, self.plan, splits, config.train, config.task, config.seed
        )

    @property
    def dev_rows(self) -> int:
        """Rows that judge."""
        return len(self.material.probe.dev_rows)

    def start(self) -> Values:
        """The values that the recipe itself would train with."""
        train, plan = self.config.train, self.plan
        own = {name: getattr(plan, name) for name in ("learning_rate", "batch_size", "schedule", "weight_decay")}
        rest = {name: getattr(train, name) for name in ("lora_rank", "lora_alpha", "label_smoothing", "warmup")}
        return {**own, **rest, "dropout": plan.dropout}

    def judge(self, values: Values, report: Report) -> float:
        """A short training with these values; its best score on dev (`Trained.evals`). Taken up again after a kill."""
        train = with_values(self.config.train, values)
        plan = _planned(self.plan, train, values, len(self.material.rows))
        scratch = self.context.scratch / hashlib.sha256(canonical(values).encode()).hexdigest()[:16]
        scratch.mkdir(parents=True, exist_ok=True)
        rows, replay, _ = with_general(
            self.material, self.base, self.config.model.think, plan, self.splits, train, self.config.prepare,
            self.context,
        )  # fmt: skip
        model = prepared(base_weights(self.base.path, plan), plan, train, self.seed)
        fitted = fit(
            model,
            rows=rows,
            replay=replay,
            probe=self.material.probe,
            plan=plan,
            train=train,
            layout=Layout.of(model, self.material.pad, packing=train.packing == "auto"),
            base_digest=self.base.digest,
            seed=self.seed,
            context=replace(self.context, scratch=scratch),
            enough=_asking(report),
        )
        shutil.rmtree(scratch)
        return max(entry["dev_metric"] for entry in fitted.recorder.evals)


def _planned(plan: Plan, train: TrainConfig, values: Values, rows: int) -> Plan:
    """The plan with a trial's values: the same rows and epochs in as many steps as its batch makes of them."""
    named = {name: value for name, value in values.items() if name in Plan.model_fields}
    batch = int(values.get("batch_size", plan.batch_size))
    steps = max(1, math.ceil(math.ceil(rows / batch) * plan.epochs))
    in_time = {name: at if at < 0 else min(steps - 1, at * steps // plan.steps) for name, at in plan.frozen.items()}
    when = {"steps": steps, "warmup_steps": int(steps * train.warmup), "frozen": in_time}
    decay = max(1, int(steps * train.decay)) if named.get("schedule", plan.schedule) == "wsd" else 0
    return plan.model_copy(update={**named, **when, "decay_steps": decay})


def _asking(report: Report) -> Callable[[Recorder], bool]:
    """Tell the study of every evaluation, those before a kill included."""

    def enough(recorder: Recorder) -> bool:
        best, stop = 0.0, False
        for number, entry in enumerate(recorder.evals):
            best = max(best, entry["dev_metric"])
            if number:  # the first one judges the untrained model
                stop = report(number, best)
        return stop

    return enough


def _told(root: Path, folder: Path, study: Study, config: RunConfig, dev_rows: int) -> Searched:
    import yaml

    best = study.best()
    patch = {f"train.{name}": value for name, value in (best.values if best else {}).items()}
    rows = [
        TrialRow(
            number=one.number,
            values=one.values,
            score=None if one.score is None else round(one.score, 4),
            ended=one.ended,
            seconds=round(one.seconds, 1),
            why=one.why,
        )
        for one in study.tried
    ]
    proposal = folder / "proposal.yaml"
    proposal.unlink(missing_ok=True)
    if best is not None:
        said = "# Proposed by a search on dev; to be put into the recipe. 由开发集上的搜索得出，请写入配方。\n"
        write_text(proposal, said + yaml.safe_dump({"train": best.values}, allow_unicode=True, sort_keys=True))
    for language, page in (("en", "search.html"), ("zh", "search.zh.html")):
        text = render_search(config.name, rows, best.number if best else None, patch, dev_rows, language)
        write_text(folder / page, text)
    return Searched(
        id=folder.name,
        trials=rows,
        best=best.number if best else None,
        patch=patch,
        minutes=round(study.minutes, 2),
        ended=study.ended,
        dev_rows=dev_rows,
        proposal=str(proposal.relative_to(root)) if best else "",
        report=str((folder / "search.html").relative_to(root)),
    )
