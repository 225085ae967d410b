"""Workspace: the verbs. Command line, Python and the web faces call these and show what they return."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from fittingroom.checking import Cost, Shown, cost, cost_before_labels, examples
from fittingroom.engine import Note, NoteSink, ProgressSink, silent, unheard
from fittingroom.errors import Blocked, FittingroomError, Interrupted, ModelError, RecipeError, StoreError, UserError
from fittingroom.journal import Journal, alone
from fittingroom.types import Finding, Frozen, Page, Release, Rows, RunSummary, Splits, Text

if TYPE_CHECKING:
    from fittingroom.config import RunConfig
    from fittingroom.discovering import Discovered
    from fittingroom.exporting import Exported
    from fittingroom.forgetting import Forgotten
    from fittingroom.history import History
    from fittingroom.models.load import BaseModelInfo
    from fittingroom.offering import ModelTable
    from fittingroom.report.summary import ReportSummary
    from fittingroom.reviewing import Decided
    from fittingroom.run import Run
    from fittingroom.searching import Searched
    from fittingroom.serving.answers import Prediction
    from fittingroom.serving.ranking import Ranked
    from fittingroom.serving.writing import Written
    from fittingroom.sources.preferences import Handed, Preferred
    from fittingroom.stages.monitor import DriftReport
    from fittingroom.verifying import Verified

KEY = "FITTINGROOM_KEY"
RECIPE = "recipe.yaml"


class Checked(Frozen):
    """What `check` says before anything is trained."""

    recipe: str
    ledger: dict[str, dict[str, int]]
    """Stage -> rows kept, dropped, rejected (or per part)."""
    facts: dict[str, dict[str, Any]]
    plan: dict[str, Any]
    findings: list[Finding]
    rejected: list[tuple[str, str]] = Field(default_factory=list)
    """Some rows that could not be read: `file:line` and why."""
    reasons: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Stage -> why rows were dropped or rejected -> rows."""
    examples: list[Shown] = Field(default_factory=list)
    """Some kept rows, cleaned and redacted."""
    cost: Cost | None = None
    """Minutes, memory and money; null when nothing could be planned."""
    blocked: Text | None = None


class PitfallRow(Frozen):
    """One line of the catalogue."""

    id: str
    family: str
    after: str
    title: Text


class Workspace:
    """A folder with a recipe, its runs, artifacts and releases."""

    def __init__(self, root: Path | str = ".", *, progress: ProgressSink = silent, note: NoteSink = unheard) -> None:
        self.root = Path(root).resolve()
        self._progress = progress
        self._note = note

    # ------------------------------------------------------------------------------------------ start

    def init(self, *, sample: bool = False, seed: int = 7, source: str = "") -> list[Path]:
        """Write a recipe (and with `sample` a whole bilingual shop) into the folder; returns the files written.

        `source`, the url of a database or a folder of files, is looked at, and the recipe is drafted for it.
        """
        if sample and source:
            raise UserError("either a sample or a source, not both", "sample 与 source 只能选一个", place="init")
        if (self.root / RECIPE).exists():
            raise UserError(
                "there is a recipe already; choose another folder",
                "这里已有配方文件；请换一个文件夹",
                place=str(self.root / RECIPE),
            )
        self.root.mkdir(parents=True, exist_ok=True)
        before = {path.name for path in self.root.iterdir()}
        if sample:
            from fittingroom.sample.shop import write_sample

            write_sample(self.root, seed=seed)
        else:
            (self.root / RECIPE).write_text(self._drafted(source), encoding="utf-8")
            _add_key(self.root / ".env")
        return sorted(path for path in self.root.iterdir() if path.is_file() and path.name not in before)

    def check(self, recipe: str = RECIPE, sets: Sequence[str] = ()) -> Checked:
        """Walk the data road and plan the training, without training: rows per stage, redacted examples, findings,
        minutes, memory and money. No endpoint is asked.
        """
        config = self._load(recipe, sets)
        self._preflight(config)
        with alone(self.root / "locks" / f"check-{config.digest}"):
            return self._checked(recipe, config)

    def _checked(self, recipe: str, config: RunConfig) -> Checked:
        from fittingroom.pipeline import data_road
        from fittingroom.reporting import first_rejected, reasons_of
        from fittingroom.stages.configure import configure

        folder = self.root / "checks" / config.digest
        shutil.rmtree(folder, ignore_errors=True)
        run = self._run(folder)
        run.folder.mkdir(parents=True)
        blocked: Text | None = None
        plan: dict[str, Any] = {}
        price: Cost | None = None
        unpaid = config.patched({"balance.teacher": None, "label.endpoint": None})
        try:
            splits = data_road(unpaid, run)
            road = sum(event["worked"] for event in run.journal.read() if event["kind"] == "stage_done")
            plan = run.step(configure, unpaid, splits).model_dump(mode="json")
            labelled = run.outputs.get("label")
            price = cost(config, plan, splits, road, labelled if isinstance(labelled, Rows) else None)
        except Blocked as error:
            blocked = Text(en=error.text("en"), zh=error.text("zh"))
        except UserError as error:
            price = self._before_labels(config, run, error)
        prepared = run.outputs.get("prepare")
        done = [event for event in run.journal.read() if event["kind"] == "stage_done"]
        return Checked(
            recipe=recipe,
            ledger={event["stage"]: event["ledger"] for event in done if event["ledger"]},
            facts={name: getattr(output, "facts", {}) for name, output in run.outputs.items()},
            plan=plan,
            findings=run.findings,
            rejected=first_rejected(prepared) if isinstance(prepared, Rows) else [],
            reasons={name: reasons_of(out) for name, out in run.outputs.items() if isinstance(out, Rows | Splits)},
            examples=examples(prepared, config) if isinstance(prepared, Rows) else [],
            cost=price,
            blocked=blocked,
        )

    def _before_labels(self, config: RunConfig, run: Run, why: UserError) -> Cost:
        """What the labels of an endpoint would cost, where the road ends without them; else the error itself."""
        prepared = run.outputs.get("prepare")
        if config.label.endpoint is None or not isinstance(prepared, Rows) or isinstance(why, RecipeError | ModelError):
            raise why
        seconds = sum(event["worked"] for event in run.journal.read() if event["kind"] == "stage_done")
        return cost_before_labels(config, prepared, self.root, seconds, why)

    # ------------------------------------------------------------------------------------------ runs

    def run(self, recipe: str = RECIPE, sets: Sequence[str] = ()) -> RunSummary:
        """Run a recipe to its end: attempts until the gate passes, the bounds are reached or nothing new is left."""
        from fittingroom.history import History

        config = self._load(recipe, sets)
        config = self._pinned(config, self._preflight(config))
        self._expire(config)
        folder = History(self.root).create(config, recipe, sets)
        return self._carry_out(folder, config)

    def resume(self, run_id: str | None = None) -> RunSummary:
        """Go on with a run that was stopped; without an id, with the newest unfinished one.

        A run that has ended is only shown, never done again: its release may have been rolled back since. It counts
        as found without an id when nothing is unfinished, for the kill may have come just after the end.
        """
        from fittingroom.history import ENDED, History
        from fittingroom.reporting import write_report

        history = History(self.root)
        folder = history.find(run_id) if run_id else history.unfinished() or history.find(None)
        if history.summary(folder).status not in ENDED:
            self._tell_changes(history, folder)
            return self._carry_out(folder, history.config(folder))
        if not all((folder / page).exists() for page in ("report.html", "report.zh.html")):
            write_report(self.root, history, folder)
        return history.summary(folder)

    def _tell_changes(self, history: History, folder: Path) -> None:
        """Say so when the recipe file is not what the run began with: the run goes on as it began."""
        recipe, sets = history.asked(folder)
        try:
            now = self._load(recipe, sets)
        except FittingroomError:
            return  # it is gone or unreadable by now, and the run does not need it
        changed = [path for path in history.config(folder).diff(now) if path != "model.revision"]
        if changed:
            names = ", ".join(changed)
            text = Text(
                en=f"{recipe} changed since run {folder.name} began ({names}): the run goes on as it began; "
                "`fittingroom run` starts one with the changes",
                zh=f"{recipe} 在运行 {folder.name} 开始后改过（{names}）：本次运行仍按原配方继续；"
                "用 `fittingroom run` 按新配方开始",
            )
            self._note(Note("recipe_changed", {"changed": changed}, text))
            Journal(folder / "events.jsonl").append("recipe_changed", changed=changed, text=text.model_dump())

    def runs(self) -> list[RunSummary]:
        """All runs, oldest first."""
        from fittingroom.history import History

        return History(self.root).summaries()

    def approve(self, run_id: str | None = None, *, by: str = "") -> RunSummary:
        """Allow the change that a waiting run asked for, and go on."""
        from fittingroom.history import History

        history = History(self.root)
        folder = history.find(run_id)
        journal = Journal(folder / "events.jsonl")
        asked = [event for event in journal.read() if event["kind"] == "asked"]
        if history.summary(folder).status != "waiting" or not asked:
            raise UserError("asks for nothing that could be approved", "没有待批准的改动", place=f"runs/{folder.name}")
        journal.append("approved", config=asked[-1]["config"], by=by)
        return self.resume(folder.name)

    def _carry_out(self, folder: Path, config: RunConfig) -> RunSummary:
        from fittingroom.history import History, exclusively
        from fittingroom.pipeline import adapt
        from fittingroom.reporting import write_report
        from fittingroom.text.redact import said

        run = self._run(folder)
        history = History(self.root)
        with exclusively(folder):
            run.journal.append("run_started", pid=os.getpid())
            try:
                outcome = adapt(config, run)
            except KeyboardInterrupt as error:
                run.journal.append("run_done", status="interrupted", message=_STOPPED.model_dump())
                raise Interrupted(_STOPPED.en, _STOPPED.zh, place=f"runs/{folder.name}") from error
            except FittingroomError as error:
                told = Text(en=said(error.text("en")), zh=said(error.text("zh")))
                # On a full disk not even this may find room; the run then counts as interrupted, and can be resumed.
                with contextlib.suppress(OSError):
                    run.journal.append("run_done", status="error", message=told.model_dump())
                raise
            except Exception as error:
                # The text of a foreign error may quote a customer's words: only its class is kept.
                told = Text(en=f"internal error: {type(error).__name__}", zh=f"内部错误：{type(error).__name__}")
                run.journal.append("run_done", status="error", message=told.model_dump())
                raise
            run.journal.append(
                "run_done", status=outcome.status, release=outcome.release, message=outcome.message.model_dump()
            )
            write_report(self.root, history, folder)
        return history.summary(folder)

    def search(self, recipe: str = RECIPE, sets: Sequence[str] = ()) -> Searched:
        """Search for values of `train` as the recipe's section `search` says, by short trainings judged on dev.

        A search that was stopped goes on where it was; with a larger budget it takes up again. The recipe stays as it
        is: the winner is proposed. The test part is not looked at.
        """
        from fittingroom.pipeline import data_road
        from fittingroom.searching import refuse, search_recipe

        config = self._load(recipe, sets)
        refuse(config)
        self._preflight(config)
        with alone(self.root / "locks" / f"search-{config.digest}"):
            folder = self.root / "checks" / f"search-{config.digest}"
            shutil.rmtree(folder, ignore_errors=True)
            run = self._run(folder)
            run.folder.mkdir(parents=True)
            return search_recipe(self.root, config, data_road(config, run), run, self._progress)

    # ------------------------------------------------------------------------------------------ looking

    def report(self, run_id: str | None = None, *, language: str = "en") -> Path:
        """Write a run's report again, in the language asked for; returns its path."""
        from fittingroom.history import History
        from fittingroom.reporting import write_report

        history = History(self.root)
        return write_report(self.root, history, history.find(run_id), languages=(language,))

    def report_markdown(self, run_id: str | None = None, *, language: str = "en") -> Path:
        """Write a run's report as Markdown for a pull request; returns its path."""
        from fittingroom.history import History
        from fittingroom.reporting import write_markdown

        history = History(self.root)
        return write_markdown(self.root, history, history.find(run_id), language)

    def report_summary(self, run_id: str | None = None, *, language: str = "en") -> ReportSummary:
        """Write a run's report, and return its figures with the path of the page."""
        from fittingroom.history import History
        from fittingroom.reporting import summarised

        history = History(self.root)
        folder = history.find(run_id)
        return summarised(self.root, history, folder, self.report(folder.name, language=language))

    def explain(self, pitfall: str, *, language: str = "en") -> Page:
        """A pitfall's page: what goes wrong, why it hurts, how it is detected, what the remedy does."""
        from fittingroom.pitfalls import catalog, page

        known = catalog()
        if pitfall not in known:
            raise UserError(
                f"no such pitfall; known are {', '.join(sorted(known))}",
                f"没有这个坑；已知的有 {', '.join(sorted(known))}",
                place=pitfall,
            )
        return page(known[pitfall], language)

    def pitfalls(self) -> list[PitfallRow]:
        """The catalogue, by stage."""
        from fittingroom.pitfalls import catalog, family, page

        return [
            PitfallRow(
                id=pitfall.id,
                family=family(pitfall),
                after=pitfall.after,
                title=Text(en=page(pitfall, "en").title, zh=page(pitfall, "zh").title),
            )
            for pitfall in sorted(catalog().values(), key=lambda pitfall: (pitfall.rank, pitfall.id))
        ]

    def models(self, recipe: str = "", sets: Sequence[str] = ()) -> ModelTable:
        """The catalogue of base models, the built-in one first; with a recipe, what of it fits on this machine."""
        from fittingroom.offering import ModelTable, catalogue, offered

        if recipe or (self.root / RECIPE).is_file():
            recipe = recipe or RECIPE
            return offered(self._load(recipe, sets), recipe, self.root)
        return ModelTable(models=catalogue())

    def verify(self, base: str, *, revision: str | None = None, steps: int = 8) -> Verified:
        """Try the whole road on a base model, in a temporary folder: recognise, render, train a few steps, merge,
        serve, compare. The base itself is only read.
        """
        from fittingroom.models.load import ModelConfig
        from fittingroom.verifying import verify

        return verify(ModelConfig(base=base, revision=revision), self.root, steps=steps, progress=self._progress)

    def review(self, run_id: str | None = None, *, out: Path, form: str = "") -> int:
        """Write the rows whose labels people should look at (all parts), what to relabel next first.

        `form`: csv, xlsx, jsonl or labelstudio; else the file's ending says it. Returns the number of rows.
        """
        from fittingroom.history import History
        from fittingroom.reviewing import write_review

        history = History(self.root)
        return write_review(self.root, history, history.find(run_id), out, form)

    def decide(self, file: Path, run_id: str | None = None, *, form: str = "", by: str = "") -> Decided:
        """Take a filled-in review file back: the next run goes by what people decided."""
        from fittingroom.history import History
        from fittingroom.reviewing import take_decisions

        history = History(self.root)
        return take_decisions(self.root, history, history.find(run_id), file, form, by)

    def review_pairs(
        self,
        run_id: str | None = None,
        *,
        out: Path,
        part: Literal["dev", "test"] = "dev",
        against: str = "",
        rows: int = 100,
    ) -> Handed:
        """Write pairs of answers for two people to judge, without whose they are: ours, and those of a baseline or, as
        `target`, of the data itself. Without `against` those that `gate.pairs` names, else the untuned model's.
        """
        from fittingroom.history import History
        from fittingroom.pairing import write_pairs

        history = History(self.root)
        folder = history.find(run_id)
        wanted = history.config(folder).gate.pairs
        other = against or (wanted.against if wanted else "untuned")
        return write_pairs(self.root, history, folder, out, part=part, against=other, rows=rows)

    def take_pairs(self, file: Path) -> Preferred:
        """Take filled-in pairs back: the gate goes by them, where it asks for them."""
        from fittingroom.pairing import take_pairs

        return take_pairs(self.root, file)

    def discover(
        self,
        recipe: str = RECIPE,
        sets: Sequence[str] = (),
        *,
        out: Path,
        clusters: int | None = None,
        every: bool = False,
        labelled: bool = False,
    ) -> Discovered:
        """Find what customers want in messages that nobody labelled, and write it for people to name.

        The first message of each conversation is clustered (`every`: all of them; `labelled`: also rows with a label),
        into `clusters` or as many as suit them. `out` ends with .yaml, .csv, .xlsx or .jsonl.
        """
        from fittingroom.discovering import discover
        from fittingroom.stages.prepare import prepare

        config = self._load(recipe, sets)
        folder = self.root / "checks" / f"discover-{config.digest}"
        shutil.rmtree(folder, ignore_errors=True)
        run = self._run(folder)
        run.folder.mkdir(parents=True)
        rows = run.step(prepare, config)
        return discover(
            self.root, rows, run.digest(rows), config, out, number=clusters, every=every, labelled=labelled,
            progress=lambda done, total: self._progress("discover", done, total),
        )  # fmt: skip

    def take_names(self, file: Path, recipe: str = RECIPE, sets: Sequence[str] = (), *, by: str = "") -> Decided:
        """Take the file of `discover` back, as people left it: names become labels by `discover:<person>`."""
        from fittingroom.discovering import take_names

        return take_names(self.root, file, self._load(recipe, sets).task, by)

    def export(self, run_id: str | None = None, *, out: Path, form: str = "messages", part: str = "train") -> Exported:
        """Write the redacted rows of a run (one part) into the folder `out`, for other fine-tuning tools.

        `form`: alpaca, sharegpt, messages, prompt-completion or llamafactory.
        """
        from fittingroom.exporting import write_export
        from fittingroom.history import History

        history = History(self.root)
        return write_export(self.root, history, history.find(run_id), out, form, part)

    # ------------------------------------------------------------------------------------------ privacy

    def forget(
        self, customer: str = "", *, expired: bool = False, recipe: str = RECIPE, sets: Sequence[str] = ()
    ) -> Forgotten:
        """Erase a customer (by the number in the sources), or with `expired` what is past the recipe's retention.

        From stored objects, review decisions and sheets, request records, journals and reports. The customer stays out
        of later runs, even if the sources still have them. The releases that were made with the rows are listed.
        """
        from fittingroom.forgetting import forget

        if not customer.strip() and not expired:
            raise UserError(
                "say who: --customer ID, or --expired", "请指明：--customer ID 或 --expired", place="forget"
            )
        if not expired:
            return forget(self.root, self._secret(), customer=customer)
        limits, before = _limits(self._load(recipe, sets))
        return forget(self.root, self._secret(), customer=customer, limits=limits, requests_before=before)

    # ------------------------------------------------------------------------------------------ releases

    def releases(self) -> list[Release]:
        """All releases, oldest first."""
        from fittingroom.stages.deploy import releases

        return releases(self.root)

    def deploy(self, version: int, *, alias: str = "champion") -> Release:
        """Move an alias to a release; its bundle must be whole."""
        from fittingroom.stages.deploy import move_alias, release_of

        self.bundle_folder(release_of(self.root, version))
        return move_alias(self.root, alias, version)

    def rollback(self, *, alias: str = "champion") -> Release:
        """Move an alias back to the release it pointed at before."""
        from fittingroom.stages.deploy import rollback

        return rollback(self.root, alias)

    def bundle_folder(self, release: Release) -> Path:
        """The folder of a release's bundle, checked against its manifest."""
        from fittingroom.store import Store

        store = Store(self.root)
        if not store.has(release.bundle):
            raise StoreError(
                "the bundle of this release is gone or not whole; run the recipe again",
                "该版本的模型包缺失或不完整；请重新运行配方",
                place=f"objects/{release.bundle}",
            )
        return store.objects / release.bundle / "folder"

    # ------------------------------------------------------------------------------------------ production

    def ask(self, text: str | Mapping[str, str], *, alias: str = "champion") -> Prediction | Written | Ranked:
        """Ask the deployed model for one message."""
        from fittingroom.serving.ask import ask

        return ask(self.root, text, alias=alias)

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        alias: str = "champion",
        expose: bool = False,
        announce: Callable[[str], None] = print,
    ) -> None:
        """Serve the deployed model until stopped; on loopback, with a token."""
        from fittingroom.serving.run import serve

        serve(self.root, host=host, port=port, alias=alias, expose=expose, announce=announce)

    def monitor(self, recipe: str = RECIPE, sets: Sequence[str] = (), *, alias: str = "champion") -> DriftReport:
        """Compare the recorded requests with what the deployed model was trained on, and say what to do next."""
        from fittingroom.monitoring import compare_traffic

        config = self._load(recipe, sets)
        return compare_traffic(self.root, config, alias=alias, secret=self._secret(), progress=self._progress)

    # ------------------------------------------------------------------------------------------ inside

    def _drafted(self, source: str) -> str:
        """The recipe to start with: for a source that is looked at, or for none."""
        if not source:
            from fittingroom.starter import RECIPE_TEXT

            return RECIPE_TEXT
        from fittingroom.drafting import draft
        from fittingroom.engine import Context
        from fittingroom.sources.survey import survey

        # A log's reader makes pseudonyms; nothing of this look is kept, so the key is one of the moment.
        passing = Context(root=self.root, scratch=self.root, secret=secrets.token_bytes(32), progress=self._progress)
        return draft(source, survey(source, passing))

    def _load(self, recipe: str, sets: Sequence[str]) -> RunConfig:
        from fittingroom.config import load

        # The workspace's own recipe comes first: one of the same name may lie where the command was typed.
        own = self.root / recipe
        return load(own if own.exists() or not Path(recipe).exists() else Path(recipe), sets)

    def _run(self, folder: Path) -> Run:
        from fittingroom.run import Run
        from fittingroom.store import Store

        secret = self._secret()
        return Run(folder, Store(self.root), root=self.root, secret=secret, progress=self._progress, note=self._note)

    @staticmethod
    def _pinned(config: RunConfig, base: BaseModelInfo) -> RunConfig:
        """With the revision that the hub gave now: a run stays with it, whatever comes out meanwhile."""
        if not base.revision or config.model.revision == base.revision:
            return config
        return config.patched({"model.revision": base.revision})

    def _preflight(self, config: RunConfig) -> BaseModelInfo:
        """What can be known to be wrong before a run is written down: unreadable sources and general data, an unusable
        base model, more frozen layers than it has.
        """
        from fittingroom.engine import Context
        from fittingroom.models.configuration import read_config
        from fittingroom.models.load import resolve
        from fittingroom.offering import refuse_unfit
        from fittingroom.pitfalls import check_settings
        from fittingroom.sources import check_source
        from fittingroom.training.freezing import plan_of
        from fittingroom.training.replay import check_replay

        context = Context(root=self.root, scratch=self.root, secret=self._secret())
        for source in config.sources:
            check_source(source, context)
        check_settings(config.pitfalls)
        base = resolve(config.model, self.root)
        refuse_unfit(config, base)
        check_replay(config.train.replay, context)
        layers = read_config(base.path, base.name).get("num_hidden_layers")
        if layers is not None:  # else the loaded model tells
            plan_of(config.train.freeze, layers=int(layers), steps=1, full=config.train.method == "full")
        return base

    def _expire(self, config: RunConfig) -> None:
        """Take what is past its retention out of the store before a run. Not while another run works, or a search: the
        next does."""
        from fittingroom.forgetting import forget, searching, under_way

        limits, before = _limits(config)
        if (limits or before) and not (under_way(self.root) or searching(self.root)):
            forget(self.root, self._secret(), limits=limits, requests_before=before)

    def _secret(self) -> bytes:
        """Key of pseudonyms: from the environment, or from the workspace's `.env`, which only its owner can read."""
        value = os.environ.get(KEY, "") or _kept_key(self.root / ".env")
        if len(value) < 16:
            raise RecipeError(
                f"set {KEY} in the environment (or in .env) to a secret of at least 16 characters; row ids and "
                "pseudonyms are made with it",
                f"请在环境变量（或 .env）里设置 {KEY}，至少 16 个字符；行号与化名由它生成",
                place=str(self.root),
            )
        return value.encode()


def _limits(config: RunConfig) -> tuple[dict[str, datetime], date | None]:
    """From when on rows of each source and recorded requests are kept, as the recipe says."""
    from fittingroom.sources import named
    from fittingroom.sources.forgotten import cutoff, days_ago

    limits = {name: limit for name, source in named(config.sources) if (limit := cutoff(source))}
    return limits, days_ago(config.monitor.retention).date() if config.monitor.retention else None


def _kept_key(env: Path) -> str:
    """The key in a `.env` file, or nothing."""
    if not env.is_file():
        return ""
    lines = [line.strip() for line in env.read_text(encoding="utf-8").splitlines()]
    return next((line.split("=", 1)[1].strip() for line in lines if line.startswith(f"{KEY}=")), "")


def _add_key(env: Path) -> None:
    """Put a new key into a `.env` file that has none; what else stands there stays."""
    if _kept_key(env):
        return
    from fittingroom.store import write_text

    old = env.read_text(encoding="utf-8") if env.is_file() else ""
    gap = "" if not old or old.endswith("\n") else "\n"
    text = f"{old}{gap}# Key of pseudonyms. Keep it secret and keep it.\n{KEY}={secrets.token_hex(32)}\n"
    write_text(env, text, mode=0o600)


_STOPPED = Text(
    en="stopped; `fittingroom resume` goes on where it was", zh="已停止；`fittingroom resume` 会从停下处继续"
)
