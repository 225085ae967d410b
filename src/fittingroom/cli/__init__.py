"""Command line: parse, call one verb of `Workspace`, show what it returned.

Results go to standard output, progress and errors to standard error. Exit codes: 0 good; 1 the gate or a blocking
finding says no; 2 wrong use or bad input; 3 inconclusive, or waiting for a person; 70 our own bug; 130 stopped.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from fittingroom.cli import catalogue, data, production, running
from fittingroom.cli.face import Face, language_here, refuse_strange
from fittingroom.errors import FittingroomError, UserError
from fittingroom.version import __version__

INTERNAL = 70
"""EX_SOFTWARE of sysexits.h: so that a bug is never taken for a gate that said no."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="fittingroom")
@click.option("-w", "--workspace", "root", type=click.Path(path_type=Path), default=Path(), help="Folder of the shop.")
@click.option("--lang", default=language_here, show_default="FITTINGROOM_LANG or LANG", help="Language: en or zh.")
@click.pass_context
def cli(context: click.Context, root: Path, lang: str) -> None:
    """Fit a DeepSeek model to a shop's own data, and stay out of the pits on the way.

    用商店自己的数据微调 DeepSeek 模型，并绕开路上的坑。
    """
    if context.get_parameter_source("lang") is ParameterSource.COMMANDLINE:
        refuse_strange(lang)
    os.environ["FITTINGROOM_LANG"] = lang  # errors that end the program are told in this language too
    context.obj = Face(root, lang)


for _verb in (
    data.init, data.check, data.review, data.discover, data.export, data.forget,
    running.run, running.search, running.resume, running.approve, running.runs, running.report,
    catalogue.explain, catalogue.pitfalls, catalogue.models, catalogue.verify,
    production.deploy, production.rollback, production.serve, production.ask, production.monitor,
):  # fmt: skip
    cli.add_command(_verb)


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
        click.echo("已停止" if language_here().startswith("zh") else "stopped", err=True)
        sys.exit(130)
    except FittingroomError as error:
        mark = "错误" if language_here().startswith("zh") else "error"
        from fittingroom.text.redact import said  # a file or a column may be called by a customer's number

        click.echo(f"{mark}: {said(error.text(language_here()))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if os.environ.get("FITTINGROOM_DEBUG"):
            raise
        _internal(error, language_here())


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
