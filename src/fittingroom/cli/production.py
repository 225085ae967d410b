"""The verbs of what is served: deploy rollback serve ask monitor."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from fittingroom.cli.face import Face, json_option, recipe_argument, sets_option, with_face


@click.command()
@click.argument("version", type=int)
@click.option("--alias", default="champion", show_default=True)
@json_option
@with_face
def deploy(face: Face, version: int, alias: str, as_json: bool) -> None:
    """Move ALIAS to release VERSION."""
    release = face.workspace().deploy(version, alias=alias)
    face.json(release) if as_json else face.say(
        f"{alias} is release {release.version}", f"{alias} 现为第 {release.version} 版"
    )


@click.command()
@click.option("--alias", default="champion", show_default=True)
@json_option
@with_face
def rollback(face: Face, alias: str, as_json: bool) -> None:
    """Move ALIAS back to the release before."""
    release = face.workspace().rollback(alias=alias)
    face.json(release) if as_json else face.say(
        f"{alias} is release {release.version} again", f"{alias} 已回到第 {release.version} 版"
    )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--alias", default="champion", show_default=True)
@click.option("--expose", is_flag=True, help="Allow an address that other machines can reach; needs FITTINGROOM_TOKEN.")
@with_face
def serve(face: Face, host: str, port: int, alias: str, expose: bool) -> None:
    """Serve the deployed model on loopback, with a token."""

    def announce(line: str) -> None:
        click.echo(line, err=True)

    face.workspace().serve(host=host, port=port, alias=alias, expose=expose, announce=announce)


@click.command()
@click.argument("text")
@click.option("--alias", default="champion", show_default=True)
@json_option
@with_face
def ask(face: Face, text: str, alias: str, as_json: bool) -> None:
    """Ask the deployed model for one message. Where the task has several fields, TEXT is a JSON object of them."""
    from fittingroom.serving.ranking import Ranked
    from fittingroom.serving.writing import Written

    answer = face.workspace().ask(_fields(text), alias=alias)
    if as_json:
        face.json(answer)
        return
    if isinstance(answer, Written):
        click.echo(answer.text)
        return
    if isinstance(answer, Ranked):
        click.echo("\n".join(f"{place}. {title}" for place, title in enumerate(answer.titles, start=1)))
        return
    click.echo(f"{answer.label}  {answer.confidence:.1%}")
    if answer.abstained:
        face.say("not sure enough: for a person to answer", "把握不足：请人工处理")
    best = sorted(answer.probabilities.items(), key=lambda item: -item[1])[1:4]
    click.echo("   ".join(f"{label} {share:.1%}" for label, share in best))


def _fields(text: str) -> str | dict[str, str]:
    """A JSON object of texts as fields; anything else is the message itself."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    whole = isinstance(found, dict) and bool(found) and all(isinstance(value, str) for value in found.values())
    return found if whole else text


@click.command()
@recipe_argument
@sets_option
@click.option("--alias", default="champion", show_default=True)
@json_option
@with_face
def monitor(face: Face, recipe: str, sets: Sequence[str], alias: str, as_json: bool) -> None:
    """Compare recorded requests with the training reference, and say what to do next."""
    from fittingroom.tell import tell_drift

    drift = face.workspace().monitor(recipe, sets, alias=alias)
    face.json(drift) if as_json else click.echo(tell_drift(drift, face.language))
