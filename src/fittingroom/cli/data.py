"""The verbs of rows: they come in, go to people or other tools, and are erased.

init check review discover export forget
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fittingroom.cli.face import (
    Face,
    form_option,
    json_option,
    recipe_argument,
    run_id_argument,
    sets_option,
    with_face,
)
from fittingroom.errors import UserError

if TYPE_CHECKING:
    from fittingroom.reviewing import Decided


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--sample", is_flag=True, help="Write a whole bilingual sample shop.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=7, show_default=True, help="Seed of the sample shop."
)
@click.option("--source", default="", metavar="URL_OR_FOLDER", help="Look at a database or files and draft for them.")
@with_face
def init(face: Face, folder: Path, sample: bool, seed: int, source: str) -> None:
    """Write a recipe into FOLDER: an empty one, one drafted for --source, or a whole sample shop."""
    from fittingroom.workspace import Workspace

    target = face.root / folder
    files = Workspace(target).init(sample=sample, seed=seed, source=source)
    if source:
        click.echo((target / "recipe.yaml").read_text("utf-8"))
    for path in files:
        click.echo(f"{path.name:<22} {path.stat().st_size:>10,} B")
    face.say(f"next: fittingroom -w {target} check", f"下一步：fittingroom -w {target} check")


@click.command()
@recipe_argument
@sets_option
@json_option
@with_face
def check(face: Face, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """Walk the data road and plan the training, without training."""
    checked = face.workspace().check(recipe, sets)
    if as_json:
        face.json(checked)
    else:
        from fittingroom.tell import tell_check

        click.echo(tell_check(checked, face.language))
    sys.exit(1 if checked.blocked else 0)


@click.command()
@run_id_argument
@click.option("--out", type=click.Path(path_type=Path), help="Write the queue here (review.csv when nothing is said).")
@click.option("--in", "back", type=click.Path(path_type=Path), help="Take the decisions of a filled-in file back.")
@form_option
@click.option("--by", default="", help="Who decided, where the file's column `annotator` is empty.")
@click.option("--pairs", is_flag=True, help="Pairs of answers for two people to judge blindly (.xlsx), or their words.")
@click.option("--against", default="", metavar="NAME", help="Pairs: a baseline, or target. [gate.pairs, else untuned]")
@click.option(
    "--part", type=click.Choice(["dev", "test"]), default="dev", show_default=True, help="Pairs: of which part."
)
@click.option("--rows", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Pairs: at most so many.")
@json_option
@with_face
def review(
    face: Face, run_id: str | None, out: Path | None, back: Path | None, form: str, by: str, pairs: bool,
    against: str, part: Literal["dev", "test"], rows: int, as_json: bool,
) -> None:  # fmt: skip
    """Write the rows whose labels people should look at, what to relabel next first; or take their decisions back."""
    if out and back:
        raise UserError("choose one of --out and --in", "--out 与 --in 只能选一个")
    if pairs:
        _review_pairs(face, run_id, out, back, against, part, rows, as_json)
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


def _review_pairs(
    face: Face, run_id: str | None, out: Path | None, back: Path | None, against: str, part: Literal["dev", "test"],
    rows: int, as_json: bool,
) -> None:  # fmt: skip
    if back:
        from fittingroom.tell_pairs import tell_preferred

        found = face.workspace().take_pairs(back)
        face.json(found) if as_json else click.echo(tell_preferred(found, face.language))
        return
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


@click.command()
@recipe_argument
@sets_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the clusters here (intents.yaml; .csv .xlsx .jsonl)."
)
@click.option("--in", "back", type=click.Path(path_type=Path), help="Take the names of an edited file back as labels.")
@click.option("--by", default="", help="Who named the clusters.")
@click.option("--clusters", type=click.IntRange(min=2), help="How many; else as many as suit the messages.")
@click.option("--every", is_flag=True, help="All messages, not only the first of each conversation.")
@click.option("--labelled", is_flag=True, help="Also messages that have a label.")
@json_option
@with_face
def discover(
    face: Face, recipe: str, sets: Sequence[str], out: Path | None, back: Path | None, by: str, clusters: int | None,
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


def _took(face: Face, decided: Decided, as_json: bool) -> None:
    if as_json:
        face.json(decided)
        return
    who = ", ".join(decided.annotators) or "-"
    face.say(
        f"{decided.rows} rows are filled in, {decided.new} decisions are new (by {who}); the next run goes by them",
        f"已填写 {decided.rows} 行，新增 {decided.new} 个决定（{who}）；下次运行将采用",
    )


@click.command()
@run_id_argument
@click.option(
    "--format",
    "form",
    default="messages",
    show_default=True,
    metavar="alpaca|sharegpt|messages|prompt-completion|llamafactory",
)
@click.option("--part", default="train", show_default=True, metavar="train|dev|calibration|test")
@click.option("--out", type=click.Path(path_type=Path), default=Path("export"), show_default=True, help="Folder.")
@json_option
@with_face
def export(face: Face, run_id: str | None, form: str, part: str, out: Path, as_json: bool) -> None:
    """Write the redacted rows of a run in a format that other fine-tuning tools read."""
    done = face.workspace().export(run_id, out=out, form=form, part=part)
    face.beyond_forget(out)
    if as_json:
        face.json(done)
        return
    files = ", ".join(str(out / name) for name in done.files)
    face.say(f"{done.rows} rows of {part} in {files}", f"{part} 共 {done.rows} 行，已写入 {files}")


@click.command()
@click.option("--customer", default="", metavar="ID", help="The customer's number, as the sources have it.")
@click.option("--expired", is_flag=True, help="Rows and requests past the retention that RECIPE sets.")
@recipe_argument
@sets_option
@json_option
@with_face
def forget(face: Face, customer: str, expired: bool, recipe: str, sets: Sequence[str], as_json: bool) -> None:
    """Erase a customer, or what is too old, from everything that is kept, and name the releases made with it."""
    from fittingroom.tell import tell_forgotten

    gone = face.workspace().forget(customer, expired=expired, recipe=recipe, sets=sets)
    face.json(gone) if as_json else click.echo(tell_forgotten(gone, bool(customer), face.language))
    if gone.silent and not gone.rows:
        sys.exit(1)  # nothing was found where nothing could be
