"""`review --pairs`: people say which of two answers is better, without knowing whose they are.

A workbook goes out with one sheet for each of two raters; each has the same pairs in an order and with sides of its
own, shuffled by the seed, so that neither place nor order favours anybody. What comes back is checked cell by cell,
and kept without texts (`sources.preferences`). The gate can ask for it (`gate.pairs`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zipfile import BadZipFile

from fittingroom import sheets
from fittingroom.errors import StoreError, UserError
from fittingroom.history import History
from fittingroom.sources import preferences
from fittingroom.sources.preferences import RATERS, Handed, HandedPair, Preferred, Word
from fittingroom.statistics.folds import keyed_order
from fittingroom.store import Store, digest_of
from fittingroom.types import EvalReport, Splits

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

COLUMNS = ("id", "code", "question", "left", "right", "better")
_WIDTHS = (26, 14, 60, 60, 60, 12)
_CHOICES = {
    **dict.fromkeys(("left", "l", "左", "左边"), "left"),
    **dict.fromkeys(("right", "r", "右", "右边"), "right"),
    **dict.fromkeys(("tie", "equal", "平", "平手", "一样", "相当"), "tie"),
}
_GUIDE = (
    "Two people judge, each in a sheet of their own (rater 1, rater 2), without talking about it.",
    "For every row read the question and both answers, and put into `better`: left, right or tie.",
    "Better means: right and supported, answers what was asked, clear. Length alone is no merit.",
    "Leave `better` empty where you cannot say. Sort whole rows only. Do not change the other columns.",
    "",
    "由两个人分别在各自的工作表（rater 1、rater 2）中独立评判，期间不要讨论。",
    "每一行请先读问题和两个回答，再在 better 列填写：左、右 或 平（也可写 left、right、tie）。",
    "更好是指：正确且有依据、回答了所问、表达清楚；篇幅长不是优点。",
    "无法判断的行请留空。排序时请选中整行；不要改动其他列。",
)


def write_pairs(
    root: Path,
    history: History,
    folder: Path,
    out: Path,
    *,
    part: Literal["dev", "test"],
    against: str,
    rows: int,
) -> Handed:
    """Write the sheets of a run's judged part, and remember which side is whose; at most `rows` pairs, drawn by the
    recipe's seed from those on which the two said different things.

    Raises UserError when the other contestant gave no answers, or there is nothing to compare.
    """
    if out.suffix.lower() != ".xlsx":
        raise UserError("pairs are written as .xlsx", "成对比较只写成 .xlsx 文件", place=str(out))
    report = _output(root, history, folder, f"evaluate.{part}", EvalReport)
    seed = history.config(folder).seed
    found = _answers(report, against)
    questions = _questions(_output(root, history, folder, "balance", Splits), part)
    differing = [one for one in found if "".join(one["predicted"].split()) != "".join(one[against].split())]
    fitting = [one for one in differing if all(sheets.fits(text) for text in _texts(one, questions, against))]
    chosen = sorted(fitting, key=lambda one: keyed_order(seed, one["id"]))[:rows]
    if not chosen:
        raise UserError(
            f"there is no pair to compare: {len(found)} rows have both answers, {len(found) - len(differing)} of them "
            "the same",
            f"没有可比较的回答：{len(found)} 行有两份回答，其中 {len(found) - len(differing)} 行相同",
            place=f"runs/{folder.name}, evaluate.{part}",
        )
    answers = preferences.answers_of(report, against)
    code = f"p{digest_of([answers, seed, [one['id'] for one in chosen]])[:11]}"
    handed = Handed(
        code=code,
        run=folder.name,
        part=part,
        against=against,
        answers=answers,
        pairs=[_pair(one, against, seed) for one in chosen],
        equal=len(found) - len(differing),
        left_out=len(differing) - len(fitting),
    )
    sheets.keep(out, _book(handed, {one["id"]: one for one in chosen}, questions, seed))
    preferences.keep(root, handed)
    return handed


def take_pairs(root: Path, file: Path) -> Preferred:
    """Read filled-in sheets and keep what the raters said; a workbook with one of the two sheets is enough.

    Raises UserError that names sheet and cell for an unknown row or word, a row judged twice, or answers that are not
    those that were handed out; then nothing is kept.
    """
    known = {one.code: one for one in preferences.handed_out(root)}
    words: dict[tuple[str, str], Word] = {}
    met: dict[tuple[str, str], str] = {}
    used: Handed | None = None
    for rater, cells, place in _filled(file):
        handed = known.get(cells["code"])
        if handed is None or (used is not None and handed.code != used.code):
            raise UserError(
                "this code is not the one of a sheet that this workspace handed out, or the file mixes two of them",
                "该编号不属于本工作区发出的表，或文件混入了两份表",
                place=place("code"),
            )
        used = handed
        row, word = _word(rater, cells, handed, place)
        if (rater, row) in met:
            raise UserError(
                f"this row was judged already, in {met[rater, row]}: leave one of them",
                f"该行已在 {met[rater, row]} 评判过：请只保留一个",
                place=place("id"),
            )
        met[rater, row], words[rater, row] = place("id").rpartition(", ")[2], word
    if used is None:
        raise UserError(
            "nobody filled in `better` in a sheet called rater 1 or rater 2",
            "名为 rater 1 或 rater 2 的工作表中没有填写 better 列",
            place=str(file),
        )
    preferences.say(root, used, words)
    return preferences.result(root, used)


# ---------------------------------------------------------------------------------------------- out


def _answers(report: EvalReport, against: str) -> list[dict[str, str]]:
    """Rows with both answers: id, group, predicted, and the other's under its name."""
    frame = report.predictions.frame()
    texts = [name for name, kind in frame.schema.items() if str(kind) == "String" and name not in ("id", "group")]
    others = [name for name in texts if name != "predicted"]
    if against not in others:
        raise UserError(
            f"has no answers of {against!r}; there are: {', '.join(others) or '-'}",
            f"没有 {against!r} 的回答；现有：{'、'.join(others) or '-'}",
            place="--against",
        )
    frame = frame.filter(frame["predicted"].is_not_null() & frame[against].is_not_null())
    return frame.select("id", "group", "predicted", against).to_dicts()


def _questions(splits: Splits, part: str) -> dict[str, str]:
    """Row -> what was asked."""
    found = {}
    for batch in splits.parts()[part].batches():
        for name, fields in zip(batch.column("id").to_pylist(), batch.column("input").to_pylist(), strict=True):
            filled = {key: text for key, text in fields.items() if text}
            many = len(filled) > 1
            found[name] = "\n".join(f"{key}: {text}" if many else text for key, text in filled.items())
    return found


def _texts(one: Mapping[str, str], questions: Mapping[str, str], against: str) -> list[str]:
    return [questions.get(one["id"], ""), one["predicted"], one[against]]


def _pair(one: Mapping[str, str], against: str, seed: int) -> HandedPair:
    """Which side is ours is drawn for every rater and row."""
    left = {rater: int(keyed_order(seed, f"{rater}:{one['id']}:side"), 16) % 2 == 0 for rater in RATERS}
    texts = {rater: preferences.texts_digest(*_sides(one, against, left[rater])) for rater in RATERS}
    return HandedPair(id=one["id"], group=one["group"] or one["id"], ours_left=left, texts=texts)


def _sides(one: Mapping[str, str], against: str, ours_left: bool) -> tuple[str, str]:
    ours, theirs = sheets.shown(one["predicted"]), sheets.shown(one[against])
    return (ours, theirs) if ours_left else (theirs, ours)


def _book(handed: Handed, chosen: Mapping[str, Mapping[str, str]], questions: Mapping[str, str], seed: int) -> bytes:
    """The workbook: a sheet for each rater, and how to fill it in."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment
    from openpyxl.worksheet.datavalidation import DataValidation

    book: Workbook = Workbook()
    book.remove(book.worksheets[0])
    for rater in RATERS:
        sheet = book.create_sheet(rater)
        sheet.append(list(COLUMNS))
        sheet.freeze_panes = "A2"
        for letter, width in zip("ABCDEF", _WIDTHS, strict=True):
            sheet.column_dimensions[letter].width = width
        choice = DataValidation(type="list", formula1='"left,right,tie,左,右,平"', allow_blank=True)
        sheet.add_data_validation(choice)
        choice.add(f"F2:F{len(handed.pairs) + 1}")
        ordered = sorted(handed.pairs, key=lambda pair: keyed_order(seed, f"{rater}:{pair.id}:order"))
        for number, pair in enumerate(ordered, 2):
            one = chosen[pair.id]
            left, right = _sides(one, handed.against, pair.ours_left[rater])
            for column, text in enumerate((pair.id, handed.code, sheets.shown(questions[pair.id]), left, right), 1):
                cell = sheet.cell(number, column, text)
                cell.data_type = "s"  # never a formula
                cell.alignment = Alignment(wrap_text=True, vertical="top")
    guide = book.create_sheet("read me 说明")
    guide.column_dimensions["A"].width = 110
    for line in _GUIDE:
        guide.append([line])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


# ---------------------------------------------------------------------------------------------- in


class _Place:
    """Where a cell of a row stands, for people."""

    def __init__(self, file: Path, sheet: str, number: int, columns: Sequence[str]) -> None:
        self._head, self._number, self._columns = f"{file}, sheet {sheet!r}", number, columns

    def __call__(self, column: str) -> str:
        from openpyxl.utils import get_column_letter

        return f"{self._head}, cell {get_column_letter(self._columns.index(column) + 1)}{self._number}"


def _filled(file: Path) -> Iterator[tuple[str, dict[str, str], _Place]]:
    """(rater, cells, place) of every row with a word in `better`."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    if not file.is_file():
        raise UserError("there is no such file", "没有这个文件", place=str(file))
    try:
        book = load_workbook(file)  # formulas as they are: a word must be a word
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise UserError(
            "cannot be read as an Excel file (.xlsx)", "无法作为 Excel 文件（.xlsx）读取", place=str(file)
        ) from None
    for sheet in book.worksheets:
        rater = sheet.title.strip().lower()
        if rater not in RATERS:
            continue
        lines = sheet.iter_rows(values_only=True)
        columns = [str(value or "").strip() for value in next(lines, ())]
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise UserError(
                f"the column {missing[0]!r} is missing", f"缺少列 {missing[0]!r}", place=f"{file}, sheet {rater!r}"
            )
        for number, values in enumerate(lines, 2):
            cells = {name: _cell(value) for name, value in zip(columns, values, strict=False)}
            if cells["better"]:
                yield rater, cells, _Place(file, sheet.title, number, columns)


def _cell(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _word(rater: str, cells: Mapping[str, str], handed: Handed, place: _Place) -> tuple[str, Word]:
    """Which answer a rater's word means."""
    pair = next((one for one in handed.pairs if one.id == cells["id"]), None)
    if pair is None:
        raise UserError("this id is none of the sheet's rows", "该 id 不是这份表中的行", place=place("id"))
    if preferences.texts_digest(cells["left"], cells["right"]) != pair.texts[rater]:
        raise UserError(
            "the answers of this row are not those that were handed out: was a column sorted alone, or a text changed? "
            "Take the sheet from a copy",
            "该行的回答与发出时不同：是否单独排序了某一列，或改动了文字？请用备份恢复该表",
            place=place("left"),
        )
    said = _CHOICES.get(cells["better"].casefold())
    if said is None:
        raise UserError("must be left, right or tie", "只能填 左、右 或 平（left、right、tie）", place=place("better"))
    if said == "tie":
        return pair.id, "tie"
    return pair.id, "ours" if (said == "left") == pair.ours_left[rater] else "theirs"


def _output(root: Path, history: History, folder: Path, stage: str, kind: Any) -> Any:
    """What a stage of this run put out, if it is still there."""
    digest, store = history.summary(folder).digests.get(stage), Store(root)
    if not digest or not store.has(digest):
        raise StoreError(
            f"this run has no output of `{stage}` (any more); run its recipe again",
            f"该运行没有（或不再有）`{stage}` 的结果；请重新运行其配方",
            place=f"runs/{folder.name}",
        )
    return store.load(digest, kind)
