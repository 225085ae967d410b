"""What the verbs share: the options before them, options that several have, and how results are shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fittingroom.errors import UserError

if TYPE_CHECKING:
    from fittingroom.workspace import Workspace


class Face:
    """What the options before the verb say."""

    def __init__(self, root: Path, language: str) -> None:
        self.root = root
        self.language = language
        self.as_json = False

    def workspace(self) -> Workspace:
        """The workspace whose verb is called. Raises UserError where there is no such folder."""
        from fittingroom.progress import ProgressLine, ProgressLines
        from fittingroom.workspace import Workspace

        if not self.root.is_dir():
            raise UserError(
                "there is no such folder; `fittingroom init` makes one",
                "没有这个文件夹；可用 `fittingroom init` 创建",
                place=str(self.root),
            )
        line = ProgressLines() if self.as_json else ProgressLine(self.language)
        return Workspace(self.root, progress=line, note=line.note)

    def say(self, en: str, zh: str) -> None:
        """Print a sentence in the language asked for."""
        click.echo(zh if self.language.startswith("zh") else en)

    def beyond_forget(self, out: Path) -> None:
        """Say on standard error when rows were written where `forget` does not look."""
        if not out.resolve().is_relative_to(self.root.resolve()):
            en = f"note: {out} lies outside the workspace, where `forget` does not reach; delete it yourself in time"
            zh = f"注意：{out} 在工作区之外，`forget` 够不到；请自行按时删除"
            click.echo(zh if self.language.startswith("zh") else en, err=True)

    def json(self, value: Any) -> None:
        """Print what a verb returned as JSON."""
        click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=1))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def language_here() -> str:
    """The language of this terminal, such as `zh_CN.UTF-8`; what `--lang` said goes first."""
    return os.environ.get("FITTINGROOM_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"


def _as_json(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    context.obj.as_json = value
    return value


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_as_json, help="Print the result as JSON (progress as JSON lines)."
)
sets_option = click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Replace one value of the recipe."
)
recipe_argument = click.argument("recipe", default="recipe.yaml")
run_id_argument = click.argument("run_id", required=False)
form_option = click.option(
    "--format", "form", default="", metavar="csv|xlsx|jsonl|labelstudio", help="Format; else the file's ending says it."
)


def refuse_strange(language: str) -> None:
    """Raise BadParameter for a language that somebody asked for and that nothing is written in."""
    if not language.startswith(("en", "zh")):
        raise click.BadParameter(f"{language!r} is not there: en or zh (语言只有 en 与 zh)", param_hint="--lang")


def _speak(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        refuse_strange(value)
        os.environ["FITTINGROOM_LANG"] = value
        context.obj.language = value


_lang = click.option("--lang", callback=_speak, expose_value=False, hidden=True, is_eager=True)


def with_face(function: Callable[..., None]) -> Callable[..., None]:
    """Hand a verb what the options before it say; `--lang` may also stand behind it."""
    return _lang(click.pass_obj(function))
