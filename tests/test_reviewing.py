"""Review: what to relabel next goes out, decisions come back, and the next run goes by them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fittingroom import Workspace, sheets
from fittingroom.config import load
from fittingroom.errors import StoreError, UserError
from fittingroom.history import History
from fittingroom.pipeline import data_road
from fittingroom.reviewing import COLUMNS
from fittingroom.run import Run
from fittingroom.sources import decisions
from fittingroom.sources.decisions import Decision
from fittingroom.store import Store
from fittingroom.types import Splits
from shop import messages, write_csv, write_shop

SECRET = b"test-key-test-key-test-key"
NEXT = {"refund": "delivery", "delivery": "praise", "praise": "refund"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop in which every twelfth message has a wrong label."""
    write_shop(tmp_path)
    rows = messages(240)
    for number in range(0, 240, 12):
        rows[number]["label"] = NEXT[rows[number]["label"]]
    write_csv(tmp_path / "messages.csv", rows)
    return tmp_path


def walk(shop: Path) -> tuple[Splits, dict[str, bool]]:
    """A run of the data road alone: the parts, and which stages were recalled."""
    config = load(shop / "recipe.yaml")
    run = Run(History(shop).create(config, "recipe.yaml"), Store(shop), root=shop, secret=SECRET)
    data_road(config, run)
    audited = run.outputs["audit"]
    assert isinstance(audited, Splits)
    return audited, {event["stage"]: event["recalled"] for event in run.journal.read() if event["kind"] == "stage_done"}


def truth(shop: Path) -> dict[str, str]:
    return {row["text"]: row["label"] for row in messages(240)}


def filled(shop: Path, name: str, write: Callable[[list[dict[str, str]]], None] | None = None) -> list[dict[str, str]]:
    """The queue as a file of that format, every label filled in by Li."""
    path = shop / name
    Workspace(shop).review(out=path)
    form = sheets.format_of(path)
    rows = [line.cells for line in sheets.read(path, form, COLUMNS)] if form != "labelstudio" else []
    right = truth(shop)
    if form == "labelstudio":
        tasks = json.loads(path.read_text("utf-8"))
        for task in tasks:
            choice = {"from_name": "label", "to_name": "text", "type": "choices"}
            said = {**choice, "value": {"choices": [right[task["data"]["text"]]]}}
            task["annotations"] = [
                {
                    "completed_by": {"email": "li@shop"},
                    "was_cancelled": False,
                    "result": [said],
                    "updated_at": "2026-01-02T03:04:05Z",
                },
                {"completed_by": 9, "was_cancelled": True, "result": []},
            ]
        path.write_text(json.dumps(tasks), "utf-8")
        return [task["data"] for task in tasks]
    for row in rows:
        row |= {"label": right[row["text"]], "annotator": "Li"}
    sheets.write(path, rows, COLUMNS, form, [])
    return rows


@pytest.mark.parametrize("name", ["q.csv", "q.xlsx", "q.jsonl", "q.json"])
def test_decisions_come_back_into_the_next_run_with_a_name(shop: Path, name: str) -> None:
    before, _ = walk(shop)
    assert before.review is not None
    rows = filled(shop, name)
    assert len(rows) == before.review.rows > 8
    decided = Workspace(shop).decide(shop / name)
    who = "li" if name == "q.json" else "Li"
    assert (decided.rows, decided.new, decided.annotators) == (len(rows), len(rows), [who])
    assert Workspace(shop).decide(shop / name).new == 0, "the same file again says nothing new"
    after, recalled = walk(shop)
    assert recalled["prepare"]
    assert not recalled["label"]
    found = {row["id"]: row for part in after.parts().values() for row in part.dicts()}
    right = truth(shop)
    for row in rows:
        now = found[row["id"]]
        assert now["target"]["label"] == right[row["text"]]
        assert {"annotator": f"review:{who}", "label": right[row["text"]]} in now["annotations"]
    assert after.review is not None
    assert not {row["id"] for row in rows} & {row["id"] for row in after.review.dicts()}
    newest = max((shop / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert Workspace(shop).review(newest.name, out=shop / "again.csv") == after.review.rows


def test_the_queue_has_everything_a_person_needs(shop: Path) -> None:
    walk(shop)
    out = shop / "q.csv"
    number = Workspace(shop).review(out=out)
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == number
    assert tuple(rows[0]) == COLUMNS
    values = [float(row["value"]) for row in rows]
    assert values == sorted(values, reverse=True)
    for row in rows:
        assert row["text"]
        assert row["given"] != row["suggested"]
        assert row["label"] == row["annotator"] == ""
        assert row["part"] in {"train", "dev", "calibration", "test"}


def bad(rows: list[dict[str, str]], **change: str) -> list[dict[str, str]]:
    return [rows[0], {**rows[1], **change}, *rows[2:]]


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"id": "f" * 24}, "row 3, id", "none of the run's rows"),
        (
            {"label": "refunds"},
            "row 3, label",
            r"is no label of the task \(did you mean 'refund'\?\); there are: delivery",
        ),
        ({"annotator": ""}, "row 3, annotator", "needs a name"),
        ({"annotator": "Li 13812345678"}, "row 3, annotator", "personal data"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_kept(shop: Path, change: dict[str, str], place: str, message: str) -> None:
    walk(shop)
    rows = filled(shop, "q.xlsx")
    sheets.write(shop / "q.xlsx", bad(rows, **change), COLUMNS, "xlsx", [])
    with pytest.raises(UserError, match=message) as caught:
        Workspace(shop).decide(shop / "q.xlsx")
    assert caught.value.place.endswith(f"q.xlsx, {place}")
    assert caught.value.exit_code == 2
    assert not (shop / "reviews").exists()


def test_the_unknown_label_itself_is_never_quoted(shop: Path) -> None:
    """A shifted column would put a customer's words into an error message."""
    walk(shop)
    rows = filled(shop, "q.csv")
    sheets.write(shop / "q.csv", bad(rows, label="call me 13812345678"), COLUMNS, "csv", [])
    with pytest.raises(UserError) as caught:
        Workspace(shop).decide(shop / "q.csv")
    assert "138" not in caught.value.en + caught.value.zh


def test_two_labels_by_one_person_for_one_row_are_refused(shop: Path) -> None:
    walk(shop)
    rows = filled(shop, "q.csv")
    again = {**rows[0], "label": NEXT[rows[0]["label"]]}
    sheets.write(shop / "q.csv", [*rows, again], COLUMNS, "csv", [])
    with pytest.raises(UserError, match=r"another label than at .*q.csv, line 2"):
        Workspace(shop).decide(shop / "q.csv")
    assert not (shop / "reviews").exists()


def test_by_names_those_who_left_the_column_empty(shop: Path) -> None:
    walk(shop)
    rows = filled(shop, "q.jsonl")
    sheets.write(shop / "q.jsonl", [{**row, "annotator": ""} for row in rows], COLUMNS, "jsonl", [])
    assert Workspace(shop).decide(shop / "q.jsonl", by="Wang").annotators == ["Wang"]


def test_the_last_word_counts_and_several_people_vote(tmp_path: Path) -> None:
    def said(who: str, label: str, day: int) -> Decision:
        return Decision(id="a", label=label, annotator=who, at=f"2026-01-{day:02d}T00:00:00.000000+00:00")

    assert decisions.add(tmp_path, [said("Li", "x", 1)]) == 1
    assert decisions.add(tmp_path, [said("Li", "x", 2)]) == 0
    assert decisions.add(tmp_path, [said("Li", "y", 3), said("Wang", "x", 4)]) == 2
    assert [(one.annotator, one.label) for one in decisions.read(tmp_path)] == [("Li", "y"), ("Wang", "x")]
    files = sorted((tmp_path / "reviews").iterdir())
    assert len(files) == 2
    assert files[0].stat().st_mode & 0o077 == 0
    assert decisions.forget(tmp_path, {"a"}) == 3
    assert decisions.read(tmp_path) == []


def test_a_damaged_decision_file_is_told_not_skipped(tmp_path: Path) -> None:
    decisions.add(tmp_path, [Decision(id="a", label="x", annotator="Li", at="2026-01-01")])
    path = next((tmp_path / "reviews").iterdir())
    path.write_text(path.read_text("utf-8")[:-9], "utf-8")
    with pytest.raises(StoreError, match=r"reviews/.*line 1"):
        decisions.read(tmp_path)


def test_before_any_run_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run yet"):
        Workspace(tmp_path).review(out=tmp_path / "q.csv")


def test_an_ending_that_says_nothing_is_refused(shop: Path) -> None:
    walk(shop)
    with pytest.raises(UserError, match="--format"):
        Workspace(shop).review(out=shop / "q.txt")
    assert Workspace(shop).review(out=shop / "q.txt", form="jsonl") > 0


CELLS: list[dict[str, Any]] = [
    {"id": "=1+1", "text": '+86 多谢\n第二行,"引号"', "label": "@x"},
    {"id": "123456789012345678901234", "text": "'quoted'", "label": "00123"},
    {"id": "12e456", "text": "-", "label": ""},
]


@pytest.mark.parametrize("form", ["csv", "xlsx", "jsonl"])
def test_cells_survive_and_cannot_become_formulas_or_numbers(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"t.{form}"
    sheets.write(path, CELLS, ("id", "text", "label"), form, [])
    assert [line.cells for line in sheets.read(path, form, ("id",))] == CELLS
    if form == "xlsx":
        from openpyxl import load_workbook

        cells = [cell for row in load_workbook(path).worksheets[0].iter_rows() for cell in row if cell.value]
        assert {cell.data_type for cell in cells} == {"s"}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_save_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(delimiter.join(["id", "label"]) + "\r\n" + delimiter.join(["a1", "要退款"]) + "\r\n", encoding)
    assert [line.cells for line in sheets.read(path, "csv", ("id",))] == [{"id": "a1", "label": "要退款"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "id,text\n1,x\n", "column 'label' is missing; there are: id, text"),
        ("t.csv", 'id,label\n1,"x\n', "torn"),
        ("t.xlsx", "no sheet", "Excel"),
        ("t.jsonl", '{"id": "1"}\n[1]\n', "line 2: is no JSON object"),
        ("t.json", '{"id": "1"}', "Label Studio"),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(UserError, match=message):
        list(sheets.read(path, sheets.format_of(path), ("id", "label")))


@pytest.fixture
def ruled(tmp_path: Path) -> Path:
    """A shop with unlabelled rows under rules that contradict each other, and people who do."""
    write_shop(tmp_path)
    rows = messages(240)
    for number in range(60):
        rows[number]["label"] = ""
    rows += [
        {"id": "900", "customer": "z", "text": "退款,这个 lamp 的包裹到哪了", "label": ""},
        {"id": "901", "customer": "z1", "text": "颜色和图片上看到的完全一样呢", "label": "praise"},
        {"id": "902", "customer": "z2", "text": "颜色和图片上看到的完全一样呢!", "label": "refund"},
        {"id": "903", "customer": "z3", "text": "不知道该说什么的一条消息", "label": ""},
    ]
    write_csv(tmp_path / "messages.csv", rows)
    people = [{"id": "903", "annotator": "a", "label": "praise"}, {"id": "903", "annotator": "b", "label": "refund"}]
    write_csv(tmp_path / "people.csv", people)
    recipe = (tmp_path / "recipe.yaml").read_text("utf-8")
    recipe = recipe.replace(
        "group: customer}",
        "group: customer}\n  - {kind: csv, role: annotations, path: people.csv, key: id, of: csv-1}\n"
        "label:\n  rules:\n    - {label: refund, keywords: [退款, 退钱, refund, money back]}\n"
        "    - {label: delivery, keywords: [包裹, 快递, 发货, 物流, parcel, courier, ship]}",
    )
    (tmp_path / "recipe.yaml").write_text(recipe, "utf-8")
    return tmp_path


def test_what_label_could_not_settle_stands_in_the_queue(ruled: Path) -> None:
    walk(ruled)
    Workspace(ruled).review(out=ruled / "q.jsonl")
    rows = {line.cells["text"]: line.cells for line in sheets.read(ruled / "q.jsonl", "jsonl", COLUMNS)}
    torn = rows["退款,这个 lamp 的包裹到哪了"]
    assert (torn["part"], torn["reason"], torn["given"]) == ("dropped", "rules disagree", "")
    assert torn["suggested"] in {"refund", "delivery"}
    assert float(torn["confidence"]) == 0.5
    apart = rows["不知道该说什么的一条消息"]
    assert (apart["reason"], apart["suggested"], apart["confidence"]) == ("annotators disagree", "praise", "0.5")
    one, other = rows["颜色和图片上看到的完全一样呢"], rows["颜色和图片上看到的完全一样呢!"]
    assert (one["given"], one["suggested"]) == (other["suggested"], other["given"]) == ("praise", "refund")
    for row in (torn, apart, one):
        row |= {"label": "praise", "annotator": "Li"}
    sheets.write(ruled / "q.jsonl", [torn, apart, one], COLUMNS, "jsonl", [])
    assert Workspace(ruled).decide(ruled / "q.jsonl").new == 3
    after, _ = walk(ruled)
    found = {row["input"]["text"]: row for part in after.parts().values() for row in part.dicts()}
    for row in (torn, apart, one):
        assert found[row["text"]]["target"]["label"] == "praise"
    assert other["text"] not in found, "the equal text with another label goes"


def test_check_shows_what_rules_reach(
    ruled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fittingroom.tell import tell_check

    monkeypatch.setenv("FITTINGROOM_KEY", SECRET.decode())
    checked = Workspace(ruled).check()
    facts = checked.facts["label"]["rules"]
    assert facts["labelled"] > 10
    assert facts["by_rule"][0]["checked"] > 20
    assert f"rules: coverage {facts['coverage']:.1%}" in tell_check(checked, "en")
    assert f"弱标签 {facts['labelled']}" in tell_check(checked, "zh")


def test_the_most_valuable_row_comes_first() -> None:
    """Surer suggestions, contradicted labels and rare classes first; a label that was replaced already comes late."""
    from fittingroom.reviewing import _Doubt, value_of

    classes = {"common": 900, "middle": 90, "rare": 10}

    def doubt(given: str, confidence: float, reason: str = "probably wrong", votes: tuple[str, ...] = ()) -> _Doubt:
        row = {"id": "a", "input": {}, "annotations": [{"annotator": "a", "label": vote} for vote in votes]}
        return _Doubt(row, "train", given, "common", confidence, reason)

    def value(*arguments: Any, **named: Any) -> float:
        return value_of(doubt(*arguments, **named), classes)

    assert value("middle", 0.9) > value("middle", 0.6)
    assert value("rare", 0.6) > value("middle", 0.6)
    assert value("rare", 0.9) == pytest.approx(0.9 * 3)
    assert value("middle", 0.6, votes=("common", "middle")) == pytest.approx(1.5 * value("middle", 0.6))
    assert value("middle", 0.95, "relabelled") < value("middle", 0.6)
    assert value("middle", 0.9) == pytest.approx(0.9 * (1000 / 3 / 90) ** 0.5)
