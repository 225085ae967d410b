"""The verbs that look things up and try them: explain pitfalls models verify."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from fittingroom.cli.face import Face, json_option, sets_option, with_face


@click.command()
@click.argument("pitfall")
@json_option
@with_face
def explain(face: Face, pitfall: str, as_json: bool) -> None:
    """Explain a pitfall: what goes wrong, how it is seen, what helps."""
    from fittingroom.tell import tell_page

    page = face.workspace().explain(pitfall, language=face.language)
    face.json(page) if as_json else click.echo(tell_page(page, face.language))


@click.command()
@json_option
@with_face
def pitfalls(face: Face, as_json: bool) -> None:
    """List the pitfalls that are watched for."""
    rows = face.workspace().pitfalls()
    if as_json:
        face.json(rows)
        return
    for row in rows:
        click.echo(f"{row.id:<26} {row.family:<16} {row.after:<10} {row.title.say(face.language)}")


@click.command()
@click.option(
    "--recipe", default="", metavar="FILE", help="Say what fits on this machine (the workspace's own recipe)."
)
@sets_option
@json_option
@with_face
def models(face: Face, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """List the base models: format, thinking, licence, memory; and for a recipe, what fits on this machine."""
    from fittingroom.tell_models import tell_models

    table = face.workspace().models(recipe, sets)
    face.json(table) if as_json else click.echo(tell_models(table, face.language))


@click.command()
@click.option("--base", required=True, metavar="PATH_OR_ID", help="Folder, hub id or modelscope:org/name.")
@click.option("--revision", help="Commit, branch or tag of a hub id.")
@click.option("--steps", type=click.IntRange(1, 200), default=8, show_default=True, help="Training steps.")
@json_option
@with_face
def verify(face: Face, base: str, revision: str | None, steps: int, as_json: bool) -> None:
    """Try the whole road on real weights: recognise, render, train a few steps, merge, serve, compare."""
    from fittingroom.tell_models import tell_verified

    done = face.workspace().verify(base, revision=revision, steps=steps)
    face.json(done) if as_json else click.echo(tell_verified(done, face.language))
    sys.exit(0 if done.ok else 1)
