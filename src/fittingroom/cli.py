"""Command line: parse, call one verb of `Workspace`, show what it returned.

Results go to standard output, progress and errors to standard error. Exit codes: 0 good; 1 the gate or a blocking
finding says no; 2 wrong use or bad input; 3 inconclusive, or waiting for a person; 70 our own bug; 130 stopped.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from fittingroom.errors import FittingroomError, UserError
from fittingroom.version import __version__

if TYPE_CHECKING:
    from fittingroom.reviewing import Decided
    from fittingroom.types import RunSummary
    from fittingroom.workspace import Workspace

INTERNAL = 70
"""EX_SOFTWARE of sysexits.h: so that a bug is never taken for a gate that said no."""
_STATUS_EXIT = {"passed": 0, "failed": 1, "error": 2, "inconclusive": 3, "waiting": 3, "interrupted": 130}


class _Face:
    """What the options before the verb say."""

    def __init__(self, root: Path, language: str) -> None:
        self.root = root
        self.language = language
        self.as_json = False

    def workspace(self) -> Workspace:
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
        click.echo(zh if self.language.startswith("zh") else en)

    def beyond_forget(self, out: Path) -> None:
        """Say on standard error when rows were written where `forget` does not look."""
        if not out.resolve().is_relative_to(self.root.resolve()):
            en = f"note: {out} lies outside the workspace, where `forget` does not reach; delete it yourself in time"
            zh = f"注意：{out} 在工作区之外，`forget` 够不到；请自行按时删除"
            click.echo(zh if self.language.startswith("zh") else en, err=True)

    def json(self, value: Any) -> None:
        click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=1))


def _language() -> str:
    return os.environ.get("FITTINGROOM_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="fittingroom")
@click.option("-w", "--workspace", "root", type=click.Path(path_type=Path), default=Path(), help="Folder of the shop.")
@click.option("--lang", default=_language, show_default="FITTINGROOM_LANG or LANG", help="Language: en or zh.")
@click.pass_context
def cli(context: click.Context, root: Path, lang: str) -> None:
    """Fit a DeepSeek model to a shop's own data, and stay out of the pits on the way.

    用商店自己的数据微调 DeepSeek 模型，并绕开路上的坑。
    """
    os.environ["FITTINGROOM_LANG"] = lang  # errors that end the program are told in this language too
    context.obj = _Face(root, lang)


def _as_json(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    context.obj.as_json = value
    return value


_json = click.option(
    "--json", "as_json", is_flag=True, callback=_as_json, help="Print the result as JSON (progress as JSON lines)."
)
_sets = click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Replace one value of the recipe.")
_recipe = click.argument("recipe", default="recipe.yaml")
_run_id = click.argument("run_id", required=False)
_form = click.option(
    "--format", "form", default="", metavar="csv|xlsx|jsonl|labelstudio", help="Format; else the file's ending says it."
)


def _speak(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        os.environ["FITTINGROOM_LANG"] = value
        context.obj.language = value


_lang = click.option("--lang", callback=_speak, expose_value=False, hidden=True, is_eager=True)


def _face(function: Callable[..., None]) -> Callable[..., None]:
    """Hand a verb what the options before it say; `--lang` may also stand behind it."""
    return _lang(click.pass_obj(function))


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--sample", is_flag=True, help="Write a whole bilingual sample shop.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=7, show_default=True, help="Seed of the sample shop."
)
@click.option("--source", default="", metavar="URL_OR_FOLDER", help="Look at a database or files and draft for them.")
@_face
def init(face: _Face, folder: Path, sample: bool, seed: int, source: str) -> None:
    """Write a recipe into FOLDER: an empty one, one drafted for --source, or a whole sample shop."""
    from fittingroom.workspace import Workspace

    target = face.root / folder
    files = Workspace(target).init(sample=sample, seed=seed, source=source)
    if source:
        click.echo((target / "recipe.yaml").read_text("utf-8"))
    for path in files:
        click.echo(f"{path.name:<22} {path.stat().st_size:>10,} B")
    face.say(f"next: fittingroom -w {target} check", f"下一步：fittingroom -w {target} check")


@cli.command()
@_recipe
@_sets
@_json
@_face
def check(face: _Face, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """Walk the data road and plan the training, without training."""
    checked = face.workspace().check(recipe, sets)
    if as_json:
        face.json(checked)
    else:
        from fittingroom.tell import tell_check

        click.echo(tell_check(checked, face.language))
    sys.exit(1 if checked.blocked else 0)


@cli.command()
@_recipe
@_sets
@_json
@_face
def run(face: _Face, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """Run RECIPE: prepare, train, judge, and try again with a named cause until it passes or the bounds are reached."""
    _finish(face, face.workspace().run(recipe, sets), as_json)


@cli.command()
@_recipe
@_sets
@_json
@_face
def search(face: _Face, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """Search for values of `train` by short trainings on a budget, judged on dev; called again, it goes on."""
    from fittingroom.tell import tell_search

    found = face.workspace().search(recipe, sets)
    face.json(found) if as_json else click.echo(tell_search(found, face.language))
    if found.best is None:
        sys.exit(3)  # no training came to its end: nothing can be said


@cli.command()
@_run_id
@_json
@_face
def resume(face: _Face, run_id: str | None, as_json: bool) -> None:
    """Go on with a run that was stopped (the newest unfinished one)."""
    _finish(face, face.workspace().resume(run_id), as_json)


@cli.command()
@_run_id
@click.option("--by", default="", help="Who approves.")
@_json
@_face
def approve(face: _Face, run_id: str | None, by: str, as_json: bool) -> None:
    """Allow the change that a waiting run asks for, and go on."""
    _finish(face, face.workspace().approve(run_id, by=by), as_json)


@cli.command()
@_json
@_face
def runs(face: _Face, as_json: bool) -> None:
    """List the runs, oldest first."""
    from fittingroom.tell import score_of

    found = face.workspace().runs()
    if as_json:
        face.json(found)
        return
    for summary in found:
        shown = score_of(summary.metrics) or "-"
        release = f"v{summary.release}" if summary.release else "-"
        click.echo(f"{summary.id}  {summary.status:<12} {summary.name:<16} {shown:<15} {release}")


@cli.command()
@_run_id
@click.option("--out", type=click.Path(path_type=Path), help="Write the queue here (review.csv when nothing is said).")
@click.option("--in", "back", type=click.Path(path_type=Path), help="Take the decisions of a filled-in file back.")
@_form
@click.option("--by", default="", help="Who decided, where the file's column `annotator` is empty.")
@click.option("--pairs", is_flag=True, help="Pairs of answers for two people to judge blindly (.xlsx), or their words.")
@click.option("--against", default="", metavar="NAME", help="Pairs: a baseline, or target. [gate.pairs, else untuned]")
@click.option(
    "--part", type=click.Choice(["dev", "test"]), default="dev", show_default=True, help="Pairs: of which part."
)
@click.option("--rows", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Pairs: at most so many.")
@_json
@_face
def review(
    face: _Face, run_id: str | None, out: Path | None, back: Path | None, form: str, by: str, pairs: bool,
    against: str, part: Literal["dev", "test"], rows: int, as_json: bool,
) -> None:  # fmt: skip
    """Write the rows whose labels people should look at, what to relabel next first; or take their decisions back."""
    if out and back:
        raise UserError("choose one of --out and --in", "--out 与 --in 只能选一个")
    if pairs and back:
        from fittingroom.tell_pairs import tell_preferred

        found = face.workspace().take_pairs(back)
        face.json(found) if as_json else click.echo(tell_preferred(found, face.language))
        return
    if pairs:
        out = out or Path("pairs.xlsx")
        handed = face.workspace().review_pairs(run_id, out=out, part=part, against=against, rows=rows)
        face.beyond_forget(out)
        told = handed.model_dump(include={"code", "run", "part", "equal", "left_out"}) | {"pairs": len(handed.pairs)}
        face.json(told | {"file": str(out)}) if as_json else face.say(
            f"{len(handed.pairs)} pairs for two raters in {out}; on {handed.equal} rows both said the same. "
            f"Hand it back with: review --pairs --in {out}",
            f"{len(handed.pairs)} 对回答供两人评判，已写入 {out}；另有 {handed.equal} 行两者相同。评完后："
            f"review --pairs --in {out}",
        )
        return
    if back:
        _took(face, face.workspace().decide(back, run_id, form=form, by=by), as_json)
        return
    out = out or Path("review.csv")
    number = face.workspace().review(run_id, out=out, form=form)
    face.beyond_forget(out)
    if as_json:
        face.json({"rows": number, "file": str(out)})
        return
    face.say(f"{number} rows to look at in {out}", f"{number} 行待人工查看，已写入 {out}")


@cli.command()
@_recipe
@_sets
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the clusters here (intents.yaml; .csv .xlsx .jsonl)."
)
@click.option("--in", "back", type=click.Path(path_type=Path), help="Take the names of an edited file back as labels.")
@click.option("--by", default="", help="Who named the clusters.")
@click.option("--clusters", type=click.IntRange(min=2), help="How many; else as many as suit the messages.")
@click.option("--every", is_flag=True, help="All messages, not only the first of each conversation.")
@click.option("--labelled", is_flag=True, help="Also messages that have a label.")
@_json
@_face
def discover(
    face: _Face, recipe: str, sets: Sequence[str], out: Path | None, back: Path | None, by: str, clusters: int | None,
    every: bool, labelled: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find what customers want in messages that nobody labelled; people name it, and the names become labels."""
    if out and back:
        raise UserError("choose one of --out and --in", "--out 与 --in 只能选一个")
    if back:
        _took(face, face.workspace().take_names(back, recipe, sets, by=by), as_json)
        return
    out = out or Path("intents.yaml")
    found = face.workspace().discover(recipe, sets, out=out, clusters=clusters, every=every, labelled=labelled)
    face.beyond_forget(out)
    if as_json:
        face.json(found)
        return
    for one in found.clusters:
        click.echo(f"{one.cluster:<5} {one.rows:>7,}  {one.name}")
    face.say(
        f"{found.rows} messages in {len(found.clusters)} clusters; name them in {found.file}, then --in",
        f"{found.rows} 条消息分为 {len(found.clusters)} 簇；请在 {found.file} 中命名，再用 --in 交回",
    )


@cli.command()
@_run_id
@click.option(
    "--format",
    "form",
    default="messages",
    show_default=True,
    metavar="alpaca|sharegpt|messages|prompt-completion|llamafactory",
)
@click.option("--part", default="train", show_default=True, metavar="train|dev|calibration|test")
@click.option("--out", type=click.Path(path_type=Path), default=Path("export"), show_default=True, help="Folder.")
@_json
@_face
def export(face: _Face, run_id: str | None, form: str, part: str, out: Path, as_json: bool) -> None:
    """Write the redacted rows of a run in a format that other fine-tuning tools read."""
    done = face.workspace().export(run_id, out=out, form=form, part=part)
    face.beyond_forget(out)
    if as_json:
        face.json(done)
        return
    files = ", ".join(str(out / name) for name in done.files)
    face.say(f"{done.rows} rows of {part} in {files}", f"{part} 共 {done.rows} 行，已写入 {files}")


@cli.command()
@_run_id
@click.option("--markdown", is_flag=True, help="In short, as Markdown for a pull request.")
@_json
@_face
def report(face: _Face, run_id: str | None, markdown: bool, as_json: bool) -> None:
    """Write the HTML report of a run, and print its path; with --json its figures."""
    workspace = face.workspace()
    if as_json:
        face.json(workspace.report_summary(run_id, language=face.language))
    elif markdown:
        click.echo(str(workspace.report_markdown(run_id, language=face.language)))
    else:
        click.echo(str(workspace.report(run_id, language=face.language)))


@cli.command()
@click.argument("pitfall")
@_json
@_face
def explain(face: _Face, pitfall: str, as_json: bool) -> None:
    """Explain a pitfall: what goes wrong, how it is seen, what helps."""
    from fittingroom.tell import tell_page

    page = face.workspace().explain(pitfall, language=face.language)
    face.json(page) if as_json else click.echo(tell_page(page, face.language))


@cli.command()
@_json
@_face
def pitfalls(face: _Face, as_json: bool) -> None:
    """List the pitfalls that are watched for."""
    rows = face.workspace().pitfalls()
    if as_json:
        face.json(rows)
        return
    for row in rows:
        click.echo(f"{row.id:<26} {row.family:<16} {row.after:<10} {row.title.say(face.language)}")


@cli.command()
@click.option(
    "--recipe", default="", metavar="FILE", help="Say what fits on this machine (the workspace's own recipe)."
)
@_sets
@_json
@_face
def models(face: _Face, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """List the base models: format, thinking, licence, memory; and for a recipe, what fits on this machine."""
    from fittingroom.tell_models import tell_models

    table = face.workspace().models(recipe, sets)
    face.json(table) if as_json else click.echo(tell_models(table, face.language))


@cli.command()
@click.option("--base", required=True, metavar="PATH_OR_ID", help="Folder, hub id or modelscope:org/name.")
@click.option("--revision", help="Commit, branch or tag of a hub id.")
@click.option("--steps", type=click.IntRange(1, 200), default=8, show_default=True, help="Training steps.")
@_json
@_face
def verify(face: _Face, base: str, revision: str | None, steps: int, as_json: bool) -> None:
    """Try the whole road on real weights: recognise, render, train a few steps, merge, serve, compare."""
    from fittingroom.tell_models import tell_verified

    done = face.workspace().verify(base, revision=revision, steps=steps)
    face.json(done) if as_json else click.echo(tell_verified(done, face.language))
    sys.exit(0 if done.ok else 1)


@cli.command()
@click.argument("version", type=int)
@click.option("--alias", default="champion", show_default=True)
@_json
@_face
def deploy(face: _Face, version: int, alias: str, as_json: bool) -> None:
    """Move ALIAS to release VERSION."""
    release = face.workspace().deploy(version, alias=alias)
    face.json(release) if as_json else face.say(
        f"{alias} is release {release.version}", f"{alias} 现为第 {release.version} 版"
    )


@cli.command()
@click.option("--alias", default="champion", show_default=True)
@_json
@_face
def rollback(face: _Face, alias: str, as_json: bool) -> None:
    """Move ALIAS back to the release before."""
    release = face.workspace().rollback(alias=alias)
    face.json(release) if as_json else face.say(
        f"{alias} is release {release.version} again", f"{alias} 已回到第 {release.version} 版"
    )


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--alias", default="champion", show_default=True)
@click.option("--expose", is_flag=True, help="Allow an address that other machines can reach; needs FITTINGROOM_TOKEN.")
@_face
def serve(face: _Face, host: str, port: int, alias: str, expose: bool) -> None:
    """Serve the deployed model on loopback, with a token."""

    def announce(line: str) -> None:
        click.echo(line, err=True)

    face.workspace().serve(host=host, port=port, alias=alias, expose=expose, announce=announce)


def _fields(text: str) -> str | dict[str, str]:
    """A JSON object of texts as fields; anything else is the message itself."""
    import json

    try:
        found = json.loads(text)
    except ValueError:
        return text
    whole = isinstance(found, dict) and bool(found) and all(isinstance(value, str) for value in found.values())
    return found if whole else text


@cli.command()
@click.argument("text")
@click.option("--alias", default="champion", show_default=True)
@_json
@_face
def ask(face: _Face, text: str, alias: str, as_json: bool) -> None:
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


@cli.command()
@_recipe
@_sets
@click.option("--alias", default="champion", show_default=True)
@_json
@_face
def monitor(face: _Face, recipe: str, sets: Sequence[str], alias: str, as_json: bool) -> None:
    """Compare recorded requests with the training reference, and say what to do next."""
    from fittingroom.tell import tell_drift

    drift = face.workspace().monitor(recipe, sets, alias=alias)
    face.json(drift) if as_json else click.echo(tell_drift(drift, face.language))


@cli.command()
@click.option("--customer", default="", metavar="ID", help="The customer's number, as the sources have it.")
@click.option("--expired", is_flag=True, help="Rows and requests past the retention that RECIPE sets.")
@_recipe
@_sets
@_json
@_face
def forget(face: _Face, customer: str, expired: bool, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """Erase a customer, or what is too old, from everything that is kept, and name the releases made with it."""
    from fittingroom.tell import tell_forgotten

    gone = face.workspace().forget(customer, expired=expired, recipe=recipe, sets=sets)
    face.json(gone) if as_json else click.echo(tell_forgotten(gone, bool(customer), face.language))
    if gone.silent and not gone.rows:
        sys.exit(1)  # nothing was found where nothing could be


def _took(face: _Face, decided: Decided, as_json: bool) -> None:
    if as_json:
        face.json(decided)
        return
    who = ", ".join(decided.annotators) or "-"
    face.say(
        f"{decided.rows} rows are filled in, {decided.new} decisions are new (by {who}); the next run goes by them",
        f"已填写 {decided.rows} 行，新增 {decided.new} 个决定（{who}）；下次运行将采用",
    )


def _finish(face: _Face, summary: RunSummary, as_json: bool) -> None:
    if as_json:
        face.json(summary)
    else:
        from fittingroom.tell import tell_run

        click.echo(tell_run(summary, face.root, face.language))
    sys.exit(_STATUS_EXIT.get(summary.status, 1))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _stop(number: int, frame: object) -> None:
    """SIGTERM ends a run as Ctrl-C does: recorded as interrupted, ready to be resumed."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: errors that a user can act on become one line, never a traceback."""
    signal.signal(signal.SIGTERM, _stop)
    os.umask(0o077)  # what is written holds customers' words, though redacted: it is for its owner alone
    try:
        cli.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("已停止" if _language().startswith("zh") else "stopped", err=True)
        sys.exit(130)
    except FittingroomError as error:
        mark = "错误" if _language().startswith("zh") else "error"
        from fittingroom.text.redact import said  # a file or a column may be called by a customer's number

        click.echo(f"{mark}: {said(error.text(_language()))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if os.environ.get("FITTINGROOM_DEBUG"):
            raise
        _internal(error, _language())


def _internal(error: Exception, language: str) -> None:
    """Our own bug: the place and the class, but not the text, which may quote a customer's words."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    unknown = UserError(
        f"internal error {type(error).__name__} at {place}; FITTINGROOM_DEBUG=1 shows all of it",
        f"内部错误 {type(error).__name__}，位于 {place}；设置 FITTINGROOM_DEBUG=1 可看到全部",
    )
    click.echo(unknown.text(language), err=True)
    sys.exit(INTERNAL)
