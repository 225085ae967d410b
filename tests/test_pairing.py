"""Pairs of answers go out blindly, come back cell by cell, and decide at the gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from openpyxl import load_workbook

from fittingroom import pairing
from fittingroom.errors import UserError
from fittingroom.evaluating import preferred
from fittingroom.evaluating.preferred import PairsGate, waits_for_people
from fittingroom.pairing import take_pairs, write_pairs
from fittingroom.sources import preferences
from fittingroom.sources.preferences import RATERS, Handed, answers_of, result
from fittingroom.statistics.agreement import cohen_kappa
from fittingroom.tables import Table
from fittingroom.tell_pairs import tell_preferred
from fittingroom.types import Check, EvalReport, GateDecision, Score, Splits, Text, Verdict, dropped_schema, row_schema

ROWS = 40
EQUAL = 4


def row_id(number: int) -> str:
    return f"{number:024x}"


def report(rows: int = ROWS, ours: str = "our answer") -> EvalReport:
    """A judged part: on the last rows both say the same."""
    said = [f"{ours} {n}" for n in range(rows)]
    others = [f"=SUM(A{n})" if n < rows - EQUAL else f"{ours}  {n}" for n in range(rows)]
    predictions = pa.table(
        {
            "id": [row_id(n) for n in range(rows)],
            "group": [f"g{n // 2}" for n in range(rows)],
            "target": [f"wanted {n}" for n in range(rows)],
            "predicted": said,
            "untuned": others,
            "rouge_l": [0.5] * rows,
        }
    )
    score = Score(name="model", metrics={})
    return EvalReport(
        part="dev", labels=[], model=score, baselines=[], confusion=[], predictions=Table.of(predictions), rows=rows
    )


def splits() -> Splits:
    schema = row_schema(["ask"], "answer")
    records = [
        {
            "id": row_id(n), "source": "s", "row_key": str(n), "group": None, "time": None,
            "input": {"ask": f"question {n}"},
            "target": {"answer": "x"}, "annotations": [], "cluster": None, "dup_count": 1, "edits": [],
        }
        for n in range(ROWS)
    ]  # fmt: skip
    empty = Table.records([], schema)
    return Splits(
        train=empty, dev=Table.records(records, schema), calibration=empty, test=empty,
        dropped=Table.records([], dropped_schema(schema)),
    )  # fmt: skip


@pytest.fixture
def hand_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Handed]:
    """Writes the sheets of a run whose outputs are those above."""
    outputs = {"evaluate.dev": report(), "balance": splits()}
    monkeypatch.setattr(pairing, "_output", lambda root, history, folder, stage, kind: outputs[stage])
    history: Any = SimpleNamespace(config=lambda folder: SimpleNamespace(seed=7))

    def write(out: Path, *, against: str = "untuned", rows: int = 100) -> Handed:
        return write_pairs(tmp_path, history, tmp_path / "runs" / "r1", out, part="dev", against=against, rows=rows)

    return write


def fill(path: Path, words: Callable[[str, str, int], str | None], raters: tuple[str, ...] = RATERS) -> None:
    """Both raters fill in: words(rater, side of ours, number of the row) -> what stands in `better`."""
    book = load_workbook(path)
    for rater in raters:
        for cells in book[rater].iter_rows(min_row=2):
            side = "left" if str(cells[3].value).startswith("our") else "right"
            cells[5].value = words(rater, side, int(str(cells[0].value), 16))
    book.save(path)


def other(side: str) -> str:
    return "right" if side == "left" else "left"


def test_the_sheets_are_blind_and_shuffled(hand_out: Callable[..., Handed], tmp_path: Path) -> None:
    handed = hand_out(tmp_path / "p.xlsx")
    assert (len(handed.pairs), handed.equal, handed.left_out) == (ROWS - EQUAL, EQUAL, 0)
    book = load_workbook(tmp_path / "p.xlsx")
    assert book.sheetnames == ["rater 1", "rater 2", "read me 说明"]
    sheets = [list(book[rater].iter_rows(min_row=2, values_only=True)) for rater in RATERS]
    assert [row[0] for row in sheets[0]] != [row[0] for row in sheets[1]], "each has an order of its own"
    assert sorted(row[0] for row in sheets[0]) == sorted(row[0] for row in sheets[1])
    ours_left = [str(row[3]).startswith("our") for row in sheets[0]]
    assert 8 < sum(ours_left) < ROWS - 8
    sides = {row[0]: str(row[3]).startswith("our") for row in sheets[1]}
    assert [sides[row[0]] for row in sheets[0]] != ours_left, "and sides of its own"
    text = json.dumps(sheets) + " ".join(str(cell.value) for row in book["read me 说明"] for cell in row)
    assert "untuned" not in text
    assert "model" not in text
    assert all(cell.data_type == "s" for row in book["rater 1"].iter_rows(min_row=2, max_col=5) for cell in row)
    assert str(book["rater 1"].data_validations.dataValidation[0].sqref) == f"F2:F{ROWS - EQUAL + 1}"
    assert hand_out(tmp_path / "q.xlsx").code == handed.code, "the same seed draws the same pairs"
    kept = (tmp_path / "pairs" / f"{handed.code}.json").read_text("utf-8")
    assert "our answer" not in kept
    assert "question" not in kept


def test_words_come_back_as_a_win_rate_and_a_kappa(hand_out: Callable[..., Handed], tmp_path: Path) -> None:
    handed = hand_out(tmp_path / "p.xlsx")

    def word(rater: str, side: str, number: int) -> str | None:
        if number >= 30:
            return None
        if number % 3 == 0:
            return "平"
        wins = number % 2 == 0 or (rater == "rater 2" and number == 1)
        return {"left": "左", "right": "Right"}[side if wins else other(side)]

    fill(tmp_path / "p.xlsx", word, ("rater 1",))
    first = take_pairs(tmp_path, tmp_path / "p.xlsx")
    assert (first.judged, first.by_both, first.kappa) == (30, 0, None)
    fill(tmp_path / "p.xlsx", word)
    found = take_pairs(tmp_path, tmp_path / "p.xlsx")
    assert take_pairs(tmp_path, tmp_path / "p.xlsx") == found, "handing in twice changes nothing"
    assert (found.pairs, found.judged, found.by_both, found.equal) == (36, 30, 30, EQUAL)
    assert (found.ties, found.ours, found.theirs) == (20, 21, 19)
    assert found.win_rate is not None
    assert found.win_rate.value == pytest.approx((10 * 0.5 + 10 + 0.5) / 30)
    assert 0.3 < found.win_rate.low < found.win_rate.value < found.win_rate.high < 0.75
    one = ["tie" if n % 3 == 0 else "ours" if n % 2 == 0 else "theirs" for n in range(30)]
    two = [*one]
    two[1] = "ours"
    wanted = cohen_kappa(one, two)
    assert wanted is not None
    assert found.kappa == pytest.approx(wanted, abs=1e-4)
    assert found.left is not None
    assert 0.2 < found.left < 0.8
    assert "0.517" in tell_preferred(found, "en")
    assert "胜率" in tell_preferred(found, "zh")
    assert result(tmp_path, handed) == found


@pytest.mark.parametrize(
    ("column", "value", "cell", "said"),
    [
        (6, "better", "F3", "must be left, right or tie"),
        (6, '=IF(1,"left","right")', "F3", "must be left, right or tie"),
        (1, "f" * 24, "A3", "none of the sheet's rows"),
        (2, "p0", "B3", "not the one of a sheet"),
        (4, "another text", "D3", "sorted alone"),
    ],
)
def test_what_is_wrong_is_named_by_sheet_and_cell(
    hand_out: Callable[..., Handed], tmp_path: Path, column: int, value: str, cell: str, said: str
) -> None:
    handed = hand_out(tmp_path / "p.xlsx")
    fill(tmp_path / "p.xlsx", lambda rater, side, number: "left")
    book = load_workbook(tmp_path / "p.xlsx")
    book["rater 2"].cell(3, column, value)
    book.save(tmp_path / "p.xlsx")
    with pytest.raises(UserError, match=said) as caught:
        take_pairs(tmp_path, tmp_path / "p.xlsx")
    assert caught.value.place.endswith(f"p.xlsx, sheet 'rater 2', cell {cell}")
    assert result(tmp_path, handed).judged == 0, "then nothing is kept"


def test_rows_judged_twice_empty_sheets_and_other_files(hand_out: Callable[..., Handed], tmp_path: Path) -> None:
    hand_out(tmp_path / "p.xlsx")
    with pytest.raises(UserError, match="nobody filled in"):
        take_pairs(tmp_path, tmp_path / "p.xlsx")
    fill(tmp_path / "p.xlsx", lambda rater, side, number: "tie" if rater == "rater 1" else None)
    book = load_workbook(tmp_path / "p.xlsx")
    sheet = book["rater 1"]
    sheet.append([cell.value for cell in sheet[2]])
    book.save(tmp_path / "p.xlsx")
    with pytest.raises(UserError, match="judged already, in cell A2"):
        take_pairs(tmp_path, tmp_path / "p.xlsx")
    (tmp_path / "no.xlsx").write_text("not a workbook")
    with pytest.raises(UserError, match="cannot be read"):
        take_pairs(tmp_path, tmp_path / "no.xlsx")
    with pytest.raises(UserError, match="no such file"):
        take_pairs(tmp_path, tmp_path / "none.xlsx")
    with pytest.raises(UserError, match="there are: target, untuned"):
        hand_out(tmp_path / "p.xlsx", against="gold")
    with pytest.raises(UserError, match=r"as \.xlsx"):
        hand_out(tmp_path / "p.csv")


def test_the_rows_of_a_customer_go_and_the_others_count(hand_out: Callable[..., Handed], tmp_path: Path) -> None:
    handed = hand_out(tmp_path / "p.xlsx")
    fill(tmp_path / "p.xlsx", lambda rater, side, number: side)
    take_pairs(tmp_path, tmp_path / "p.xlsx")
    assert preferences.forget(tmp_path, {row_id(0), row_id(1)}) == 4
    left = preferences.handed_out(tmp_path)[0]
    assert len(left.pairs) == len(handed.pairs) - 2
    assert result(tmp_path, left).judged == 34
    assert row_id(1) not in (tmp_path / "pairs" / f"{handed.code}.said.jsonl").read_text("utf-8")


# ---------------------------------------------------------------------------------------------- the gate


def verdict(root: Path, wanted: PairsGate, judged: EvalReport | None = None) -> Check:
    return preferred.check(judged or report(), wanted, "bound", root)


def test_the_gate_waits_for_people_and_goes_by_them(hand_out: Callable[..., Handed], tmp_path: Path) -> None:
    wanted = PairsGate(at_least=0.5)
    before = verdict(tmp_path, wanted)
    assert before.verdict is Verdict.INCONCLUSIVE
    assert "review --pairs --against untuned" in before.reason.en
    assert "review --pairs" in before.reason.zh
    assert preferred.said_so_far(wanted, tmp_path) == {}
    hand_out(tmp_path / "p.xlsx")
    fill(tmp_path / "p.xlsx", lambda rater, side, number: side if number % 5 else other(side))
    take_pairs(tmp_path, tmp_path / "p.xlsx")
    assert verdict(tmp_path, wanted).verdict is Verdict.PASS
    assert verdict(tmp_path, PairsGate(at_least=0.95)).verdict is Verdict.FAIL
    open_one = verdict(tmp_path, PairsGate(at_least=0.75))
    assert open_one.verdict is Verdict.INCONCLUSIVE
    assert "pairs would decide" in open_one.reason.en
    assert "对才能得出结论" in open_one.reason.zh
    assert preferred.said_so_far(wanted, tmp_path) != {}
    assert preferred.said_so_far(None, tmp_path) == {}


def test_people_who_do_not_agree_decide_nothing_and_their_word_is_of_these_answers(
    hand_out: Callable[..., Handed], tmp_path: Path
) -> None:
    hand_out(tmp_path / "p.xlsx")
    fill(tmp_path / "p.xlsx", lambda rater, side, number: side if rater == "rater 1" or number % 2 else other(side))
    take_pairs(tmp_path, tmp_path / "p.xlsx")
    torn = verdict(tmp_path, PairsGate())
    assert torn.verdict is Verdict.INCONCLUSIVE
    assert "hardly agree" in torn.reason.en
    assert verdict(tmp_path, PairsGate(kappa=-1)).verdict is not Verdict.INCONCLUSIVE
    newly = report(ours="another model's")
    assert answers_of(newly, "untuned") != answers_of(report(), "untuned")
    assert verdict(tmp_path, PairsGate(kappa=-1), newly).measured == {"judged": 0.0}
    assert answers_of(newly, "gold") == ""


def test_one_rater_alone_decides_nothing_where_agreement_is_asked_for(
    hand_out: Callable[..., Handed], tmp_path: Path
) -> None:
    hand_out(tmp_path / "p.xlsx")
    fill(tmp_path / "p.xlsx", lambda rater, side, number: side if rater == "rater 1" or number < 19 else None)
    take_pairs(tmp_path, tmp_path / "p.xlsx")
    alone = verdict(tmp_path, PairsGate())
    assert (alone.verdict, alone.measured["by_both"]) == (Verdict.INCONCLUSIVE, 19.0)
    assert "let the other one judge too, 1 more" in alone.reason.en
    assert "再评 1 对" in alone.reason.zh
    assert verdict(tmp_path, PairsGate(fewest=19)).verdict is Verdict.PASS, "who always says the same agrees"
    assert verdict(tmp_path, PairsGate(kappa=-1)).verdict is Verdict.PASS


def test_a_run_waits_only_where_people_are_all_that_is_missing(tmp_path: Path) -> None:
    open_one = verdict(tmp_path, PairsGate())
    passed = Check(name="macro_f1 at_least", verdict=Verdict.PASS, measured={}, limit=0, reason=Text(en="", zh=""))
    failed = passed.model_copy(update={"verdict": Verdict.FAIL})

    def decided(*checks: Check) -> GateDecision:
        return GateDecision(part="dev", verdict=Verdict.INCONCLUSIVE, checks=list(checks))

    assert waits_for_people(decided(passed, open_one)) == open_one.reason
    assert waits_for_people(decided(failed, open_one)) is None
    assert waits_for_people(decided(passed)) is None
    on_test = report().model_copy(update={"part": "test"})
    assert list(preferred.checks(on_test, PairsGate(), "bound", tmp_path)) == []
    assert list(preferred.checks(report(), None, "bound", tmp_path)) == []
