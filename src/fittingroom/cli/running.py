"""The verbs of runs: run search resume approve runs report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fittingroom.cli.face import Face, json_option, recipe_argument, run_id_argument, sets_option, with_face

if TYPE_CHECKING:
    from fittingroom.types import RunSummary

_STATUS_EXIT = {"passed": 0, "failed": 1, "error": 2, "inconclusive": 3, "waiting": 3, "interrupted": 130}


@click.command()
@recipe_argument
@sets_option
@json_option
@with_face
def run(face: Face, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """Run RECIPE: prepare, train, judge, and try again with a named cause until it passes or the bounds are reached."""
    _finish(face, face.workspace().run(recipe, sets), as_json)


@click.command()
@recipe_argument
@sets_option
@json_option
@with_face
def search(face: Face, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """Search for values of `train` by short trainings on a budget, judged on dev; called again, it goes on."""
    from fittingroom.tell import tell_search

    found = face.workspace().search(recipe, sets)
    face.json(found) if as_json else click.echo(tell_search(found, face.language))
    if found.best is None:
        sys.exit(3)  # no training came to its end: nothing can be said


@click.command()
@run_id_argument
@json_option
@with_face
def resume(face: Face, run_id: str | None, as_json: bool) -> None:
    """Go on with a run that was stopped (the newest unfinished one)."""
    _finish(face, face.workspace().resume(run_id), as_json)


@click.command()
@run_id_argument
@click.option("--by", default="", help="Who approves.")
@json_option
@with_face
def approve(face: Face, run_id: str | None, by: str, as_json: bool) -> None:
    """Allow the change that a waiting run asks for, and go on."""
    _finish(face, face.workspace().approve(run_id, by=by), as_json)


@click.command()
@json_option
@with_face
def runs(face: Face, as_json: bool) -> None:
    """List the runs, oldest first."""
    from fittingroom.tell import score_of

    found = face.workspace().runs()
    if as_json:
        face.json(found)
        return
    for summary in found:
        shown = score_of(summary.metrics, summary.judged_by) or "-"
        release = f"v{summary.release}" if summary.release else "-"
        click.echo(f"{summary.id}  {summary.status:<12} {summary.name:<16} {shown:<15} {release}")


@click.command()
@run_id_argument
@click.option("--markdown", is_flag=True, help="In short, as Markdown for a pull request.")
@json_option
@with_face
def report(face: Face, run_id: str | None, markdown: bool, as_json: bool) -> None:
    """Write the HTML report of a run, and print its path; with --json its figures."""
    workspace = face.workspace()
    if as_json:
        face.json(workspace.report_summary(run_id, language=face.language))
    elif markdown:
        click.echo(str(workspace.report_markdown(run_id, language=face.language)))
    else:
        click.echo(str(workspace.report(run_id, language=face.language)))


def _finish(face: Face, summary: RunSummary, as_json: bool) -> None:
    if as_json:
        face.json(summary)
    else:
        from fittingroom.tell import tell_run

        click.echo(tell_run(summary, face.root, face.language))
    sys.exit(_STATUS_EXIT.get(summary.status, 1))
