"""Workspace: the verbs. Command line, Python and the web faces call these and show what they return."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fittingroom.engine import NoteSink, ProgressSink, silent, unheard
from fittingroom.errors import UserError
from fittingroom.journal import alone
from fittingroom.types import Page, Release, RunSummary

if TYPE_CHECKING:
    from fittingroom.checking import Checked
    from fittingroom.config import RunConfig
    from fittingroom.discovering import Discovered
    from fittingroom.explaining import PitfallRow
    from fittingroom.exporting import Exported
    from fittingroom.forgetting import Forgotten
    from fittingroom.history import History
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

RECIPE = "recipe.yaml"


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
        from fittingroom.starting import start

        return start(self.root, RECIPE, sample=sample, seed=seed, source=source, progress=self._progress)

    def check(self, recipe: str = RECIPE, sets: Sequence[str] = ()) -> Checked:
        """Walk the data road and plan the training, without training: rows per stage, redacted examples, findings,
        minutes, memory and money. No endpoint is asked.
        """
        from fittingroom.beforehand import preflight
        from fittingroom.checking import check

        config = self._load(recipe, sets)
        preflight(self.root, config, self._secret())
        with alone(self.root / "locks" / f"check-{config.digest}"):
            return check(config, recipe, self._aside(config.digest))

    # ------------------------------------------------------------------------------------------ runs

    def run(self, recipe: str = RECIPE, sets: Sequence[str] = ()) -> RunSummary:
        """Run a recipe to its end: attempts until the gate passes, the bounds are reached or nothing new is left."""
        from fittingroom.beforehand import expire, pinned, preflight
        from fittingroom.history import History

        config = self._load(recipe, sets)
        config = pinned(config, preflight(self.root, config, self._secret()))
        expire(self.root, config, self._secret())
        folder = History(self.root).create(config, recipe, sets)
        return self._carry_out(folder, config)

    def resume(self, run_id: str | None = None) -> RunSummary:
        """Go on with a run that was stopped; without an id, with the newest unfinished one.

        A run that has ended is only shown, never done again: its release may have been rolled back since. It counts
        as found without an id when nothing is unfinished, for the kill may have come just after the end.
        """
        from fittingroom.history import ENDED, History
        from fittingroom.reporting import write_report
        from fittingroom.runs import tell_changes

        history = History(self.root)
        folder = history.find(run_id) if run_id else history.unfinished() or history.find(None)
        if history.summary(folder).status not in ENDED:
            tell_changes(self.root, folder, self._note)
            return self._carry_out(folder, history.config(folder))
        if not all((folder / page).exists() for page in ("report.html", "report.zh.html")):
            write_report(self.root, history, folder)
        return history.summary(folder)

    def runs(self) -> list[RunSummary]:
        """All runs, oldest first."""
        from fittingroom.history import History

        return History(self.root).summaries()

    def approve(self, run_id: str | None = None, *, by: str = "") -> RunSummary:
        """Allow the change that a waiting run asks for, and go on."""
        from fittingroom.runs import approve

        return self.resume(approve(self.root, run_id, by))

    def search(self, recipe: str = RECIPE, sets: Sequence[str] = ()) -> Searched:
        """Search for values of `train` as the recipe's section `search` says, by short trainings judged on dev.

        A search that was stopped goes on where it was; with a larger budget it takes up again. The recipe stays as it
        is: the winner is proposed. The test part is not looked at.
        """
        from fittingroom.beforehand import preflight
        from fittingroom.pipeline import data_road
        from fittingroom.searching import refuse, search_recipe

        config = self._load(recipe, sets)
        refuse(config)
        preflight(self.root, config, self._secret())
        with alone(self.root / "locks" / f"search-{config.digest}"):
            run = self._aside(f"search-{config.digest}")
            return search_recipe(self.root, config, data_road(config, run), run, self._progress)

    # ------------------------------------------------------------------------------------------ looking

    def report(self, run_id: str | None = None, *, language: str = "en") -> Path:
        """Write a run's report again, in the language asked for; returns its path."""
        from fittingroom.reporting import write_report

        return write_report(self.root, *self._found(run_id), languages=(language,))

    def report_markdown(self, run_id: str | None = None, *, language: str = "en") -> Path:
        """Write a run's report as Markdown for a pull request; returns its path."""
        from fittingroom.reporting import write_markdown

        return write_markdown(self.root, *self._found(run_id), language)

    def report_summary(self, run_id: str | None = None, *, language: str = "en") -> ReportSummary:
        """Write a run's report, and return its figures with the path of the page."""
        from fittingroom.reporting import summarised

        history, folder = self._found(run_id)
        return summarised(self.root, history, folder, self.report(folder.name, language=language))

    def explain(self, pitfall: str, *, language: str = "en") -> Page:
        """A pitfall's page: what goes wrong, why it hurts, how it is detected, what the remedy does."""
        from fittingroom.explaining import explain

        return explain(pitfall, language)

    def pitfalls(self) -> list[PitfallRow]:
        """The catalogue, by stage."""
        from fittingroom.explaining import rows

        return rows()

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
        from fittingroom.reviewing import write_review

        return write_review(self.root, *self._found(run_id), out, form)

    def decide(self, file: Path, run_id: str | None = None, *, form: str = "", by: str = "") -> Decided:
        """Take a filled-in review file back: the next run goes by what people decided."""
        from fittingroom.reviewing import take_decisions

        return take_decisions(self.root, *self._found(run_id), file, form, by)

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
        from fittingroom.pairing import write_pairs

        history, folder = self._found(run_id)
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
        run = self._aside(f"discover-{config.digest}")
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

        return write_export(self.root, *self._found(run_id), out, form, part)

    # ------------------------------------------------------------------------------------------ privacy

    def forget(
        self, customer: str = "", *, expired: bool = False, recipe: str = RECIPE, sets: Sequence[str] = ()
    ) -> Forgotten:
        """Erase a customer (by the number in the sources), or with `expired` what is past the recipe's retention.

        From stored objects, review decisions and sheets, request records, journals and reports. The customer stays out
        of later runs, even if the sources still have them. The releases that were made with the rows are listed.
        """
        from fittingroom.beforehand import limits_of
        from fittingroom.forgetting import forget

        if not customer.strip() and not expired:
            raise UserError(
                "say who: --customer ID, or --expired", "请指明：--customer ID 或 --expired", place="forget"
            )
        if not expired:
            return forget(self.root, self._secret(), customer=customer)
        limits, before = limits_of(self._load(recipe, sets))
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
        from fittingroom.serving.load import bundle_folder

        return bundle_folder(self.root, release)

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

    def _load(self, recipe: str, sets: Sequence[str]) -> RunConfig:
        from fittingroom.beforehand import load_recipe

        return load_recipe(self.root, recipe, sets)

    def _found(self, run_id: str | None) -> tuple[History, Path]:
        """All runs, and the folder of the one that is meant: without an id, the newest."""
        from fittingroom.history import History

        history = History(self.root)
        return history, history.find(run_id)

    def _run(self, folder: Path) -> Run:
        from fittingroom.run import Run
        from fittingroom.store import Store

        secret = self._secret()
        return Run(folder, Store(self.root), root=self.root, secret=secret, progress=self._progress, note=self._note)

    def _aside(self, name: str) -> Run:
        """A run that is no run of a recipe, begun afresh: it only walks a part of the road."""
        folder = self.root / "checks" / name
        shutil.rmtree(folder, ignore_errors=True)
        run = self._run(folder)
        run.folder.mkdir(parents=True)
        return run

    def _carry_out(self, folder: Path, config: RunConfig) -> RunSummary:
        from fittingroom.runs import carry_out

        return carry_out(self.root, config, self._run(folder))

    def _secret(self) -> bytes:
        from fittingroom.key import secret_of

        return secret_of(self.root)
