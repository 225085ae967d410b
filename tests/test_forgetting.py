"""`forget` leaves nothing of a customer behind, also when it is killed, and keeps the customer out."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fittingroom import forgetting, sheets
from fittingroom.cli import main
from fittingroom.config import load
from fittingroom.errors import StoreError, UserError
from fittingroom.forgetting import Forgotten
from fittingroom.history import History, exclusively
from fittingroom.journal import Journal, alone
from fittingroom.pipeline import data_road
from fittingroom.reporting import write_report
from fittingroom.run import Run
from fittingroom.serving.recorder import Record, Recorder, read_traffic
from fittingroom.serving.registry import register
from fittingroom.sources import decisions, forgotten, preferences
from fittingroom.sources.decisions import Decision
from fittingroom.sources.preferences import Handed, HandedPair
from fittingroom.store import Store
from fittingroom.tables import Table
from fittingroom.text.redact import pseudonym
from fittingroom.types import EvalReport, Finding, Interval, Rows, Score, Severity, Splits, Text
from fittingroom.workspace import Workspace
from shop import messages, write_csv, write_shop

KEY = "k" * 32
GOES = "c7"
"""The customer who is forgotten: rows 14 and 15 of the shop."""
GROUP = pseudonym(KEY.encode(), "group", GOES)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one run on the data road, its report and a release."""
    return build(tmp_path_factory.mktemp("built") / "shop")


@pytest.fixture
def shop(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    monkeypatch.setenv("FITTINGROOM_KEY", KEY)
    monkeypatch.setenv("FITTINGROOM_LANG", "en")
    return shutil.copytree(built, tmp_path / "shop")


def build(folder: Path) -> Path:
    write_shop(folder)
    write_csv(
        folder / "orders.csv",
        [{"order_id": f"2026{n:06d}", "user_id": f"c{n}", "at": "2026-01-02", "note": "x"} for n in range(20)],
    )
    recipe = (folder / "recipe.yaml").read_text("utf-8")
    recipe = recipe.replace("split:", "  - {kind: csv, role: events, path: orders.csv, key: order_id}\nsplit:", 1)
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    rows = [*messages(), {"id": "14", "customer": GOES, "text": "twice, my parcel again", "label": "delivery"}]
    write_csv(folder / "messages.csv", rows)
    walk(folder)
    return folder


def walk(folder: Path) -> Path:
    """One run as far as the data go, with a judged part, a finding with examples and a release; no model."""
    config = load(folder / "recipe.yaml", [])
    history, store = History(folder), Store(folder)
    place = history.create(config, "recipe.yaml")
    run = Run(place, store, root=folder, secret=KEY.encode())
    run.journal.append("run_started", pid=1)
    from fittingroom.types import Attempt

    this = Attempt(number=1, config_digest=config.digest)
    run.begin(this)
    splits = data_road(config, run)
    mine = ids_of(run.outputs["prepare"], GOES)
    digest = store.publish(judged(splits, mine))
    finding = Finding(
        pitfall="odd-rows",
        stage="audit",
        severity=Severity.WARN,
        summary=Text(en="odd", zh="怪"),
        examples=(*mine, "0" * 24),
    )
    run.journal.append(
        "stage_done", stage="evaluate.test", key="k", digest=digest, recalled=False, seconds=1, ledger={"rows": 3},
        metrics={}, verdict=None, findings=[finding.model_dump(mode="json")],
    )  # fmt: skip
    store.remember("detect-x", {"findings": [finding.model_dump(mode="json")]})
    run.findings = [finding]
    run.end(this.model_copy(update={"findings": [finding]}))
    run.journal.append("run_done", status="passed", release=1, message=None)
    write_report(folder, history, place)
    register(folder, bundle="b", run=place.name, name="tiny", base="nano", metrics={})
    return place


def ids_of(rows: Any, customer: str) -> list[str]:
    group = pseudonym(KEY.encode(), "group", customer)
    return sorted(row["id"] for row in rows.kept.dicts() if row["group"] == group)


def judged(splits: Splits, extra: list[str]) -> EvalReport:
    groups = {row["id"]: row["group"] for part in splits.parts().values() for row in part.dicts()}
    names = [*extra, *sorted(groups)[:5]]
    table = Table.records(
        [
            {"id": name, "group": groups.get(name), "target": "refund", "predicted": "refund", "confidence": 0.5}
            for name in names
        ],
        _predictions(),
    )
    score = Score(name="model", metrics={"accuracy": Interval(value=1, low=1, high=1)})
    return EvalReport(
        part="test", labels=["refund"], model=score, baselines=[], confusion=[[1]], predictions=table, rows=len(names)
    )  # fmt: skip


def _predictions() -> Any:
    import pyarrow as pa

    text = ["id", "group", "target", "predicted"]
    return pa.schema([*((name, pa.string()) for name in text), ("confidence", pa.float64())])


def handed_out(folder: Path) -> tuple[list[str], set[str]]:
    """Everything beside the store that can hold a row; returns the customer's ids and texts."""
    history = History(folder)
    store, digests = Store(folder), history.summary(history.find(None)).digests
    rows = store.load(digests["prepare"], Rows)
    mine = ids_of(rows, GOES)
    texts = {row["id"]: row["input"]["text"] for row in rows.kept.dicts()}
    other = next(name for name in texts if name not in mine)
    columns = ("id", "text", "label", "annotator")
    table = [{"id": name, "text": texts[name], "label": "refund", "annotator": "anna"} for name in [*mine, other]]
    for form, name in (
        ("csv", "review.csv"),
        ("xlsx", "sub/review.xlsx"),
        ("jsonl", "r.jsonl"),
        ("labelstudio", "ls.json"),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        sheets.write(folder / name, table, columns, form, ["refund"])
    shown = [texts[mine[0]], texts[other], f"{texts[mine[1]][:9]}…"]
    (folder / "intents.yaml").write_text(
        "# name them\n"
        + json.dumps({"discovery": "d", "clusters": [{"cluster": "1", "examples": shown}]}, ensure_ascii=False)
    )
    (folder / "discoveries").mkdir(exist_ok=True)
    (folder / "discoveries" / "d.json").write_text(json.dumps({"prepare": "p", "clusters": {"1": [*mine, other]}}))
    at = decisions.now()
    decisions.add(folder, [Decision(id=name, label="refund", annotator="anna", at=at) for name in [*mine, other]])
    sink = Recorder(folder / "requests")
    sink.write(
        [
            Record(
                datetime(2026, 1, day, tzinfo=UTC),
                "classify",
                "champion",
                1,
                {"text": f"asked by {who}"},
                "refund",
                0.5,
                0.1,
                who,
            )
            for day, who in ((1, GROUP), (1, "other"), (2, None), (2, GROUP))
        ]
    )
    sink.close()
    return mine, {texts[name] for name in mine}


def everything(folder: Path) -> str:
    """All that a workspace holds, tables and sheets read, without the sources and the list itself."""
    import pyarrow.parquet as pq

    held = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in ("messages.csv", "orders.csv") or "forgotten" in path.parts:
            continue
        if path.suffix == ".parquet":
            held.append(json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False, default=str))
        elif path.suffix == ".xlsx":
            held += [json.dumps(line.cells, ensure_ascii=False) for line in sheets.read(path, "xlsx", ())]
        else:
            held.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(held)


def assert_gone(folder: Path, mine: list[str], texts: set[str]) -> None:
    held = everything(folder)
    assert [one for one in [*mine, *texts, GROUP, "twice, my parcel again", "2026000007"] if one in held] == []
    store = Store(folder)
    for path in (folder / "objects").iterdir():
        assert store.has(path.name)
        assert store.verify(path.name) == [], path.name
    assert not (folder / "forgotten" / "rows.json").exists()


def test_nothing_of_a_customer_stays(shop: Path) -> None:
    mine, texts = handed_out(shop)
    (shop / "endpoints").mkdir()
    one = {"kind": "answer", "at": 1, "key": "k", "row": mine[0], "cost": 0.5, "currency": "USD", "purpose": "label"}
    said = [json.dumps(one), json.dumps(one | {"key": "l", "row": "another"})]
    (shop / "endpoints" / "cloud.jsonl").write_text("\n".join(said) + "\n")
    assert all(one in everything(shop) for one in [*mine, *texts, GROUP])
    before = {path.name for path in (shop / "objects").iterdir()}
    gone = Workspace(shop).forget(GOES)
    assert (gone.rows, gone.decisions, gone.requests, gone.releases, gone.unsure) == (3, 2, 2, [1], [])
    assert gone.sheets == ["discoveries/d.json", "intents.yaml", "ls.json", "r.jsonl", "review.csv", "sub/review.xlsx"]
    assert len(gone.runs) == 1
    assert_gone(shop, mine, texts)
    left = [json.loads(line) for line in (shop / "endpoints" / "cloud.jsonl").read_text().splitlines()]
    assert [(line["kind"], line.get("row"), line["cost"]) for line in left] == [
        ("answer", "another", 0.5),
        ("paid", None, 0.5),
    ]
    assert {path.name for path in (shop / "objects").iterdir()} == before, "objects keep their place"
    # what is not the customer's is still there
    assert len(decisions.read(shop)) == 1
    assert [row["input"] for row in read_traffic(shop / "requests").table.dicts()] == [
        "asked by other",
        "asked by None",
    ]
    assert read_traffic(shop / "requests").torn == 0
    assert [line.cells["label"] for line in sheets.read(shop / "review.csv", "csv", ("id",))] == ["refund"]
    assert (shop / "intents.yaml").read_text().startswith("# name them\n")
    assert "odd" in (shop / "runs" / gone.runs[0] / "report.html").read_text("utf-8")
    assert [event["kind"] for event in Journal(shop / "runs" / gone.runs[0] / "events.jsonl").read()][-1] == "run_done"


def test_what_lies_beside_the_store_goes_too(shop: Path) -> None:
    """Trials of a stopped search, copies of predictions, answers and pairs of rows that are long out of the store."""
    import pyarrow.parquet as pq
    from openpyxl import Workbook

    history = History(shop)
    run = history.find(None)
    mine = ids_of(Store(shop).load(history.summary(run).digests["prepare"], Rows), GOES)
    trial = shop / "searches" / "s1" / "trials" / "t1"
    trial.mkdir(parents=True)
    (trial / "rows.json").write_text(json.dumps(mine))
    (shop / "searches" / "s1" / "search.html").write_text("<p>scores</p>")
    rows = [{"id": name, "group": group, "target": "refund", "predicted": "refund", "confidence": 0.5}
            for name, group in ((mine[0], None), ("4" * 24, GROUP), ("1" * 24, "other"))]  # fmt: skip
    pq.write_table(Table.records(rows, _predictions()).arrow(), run / "predictions-1-dev.parquet")
    old = "2" * 24
    (shop / "endpoints").mkdir()
    asked = {"kind": "answer", "at": 1, "key": "k", "row": old, "group": GROUP, "cost": 0.5, "currency": "USD",
             "purpose": "judge"}  # fmt: skip
    (shop / "endpoints" / "cloud.jsonl").write_text(json.dumps(asked) + "\n")
    pairs = [
        HandedPair(id=name, group=group, ours_left={}, texts={}) for name, group in ((old, GROUP), ("3" * 24, "x"))
    ]
    handed = Handed(code="p1", run="r", part="dev", against="retrieval", answers="d", pairs=pairs)
    preferences.keep(shop, handed)
    preferences.say(shop, handed, {("rater 1", old): "ours", ("rater 1", "3" * 24): "tie"})
    book = Workbook()
    for line in (("id", "code", "better"), (mine[0], "p1", "left"), ("3" * 24, "p1", "right")):
        book.active.append(line)
    book.save(shop / "pairs.xlsx")

    gone = Workspace(shop).forget(GOES)

    assert gone.sheets == ["pairs.xlsx"]
    held = everything(shop)
    assert [one for one in (*mine, GROUP, old, "4" * 24) if one in held] == []
    assert pq.read_table(run / "predictions-1-dev.parquet")["id"].to_pylist() == ["1" * 24]
    assert (sorted(path.name for path in trial.parents[1].iterdir()), held.count("3" * 24)) == (["search.html"], 3)
    (left,) = preferences.handed_out(shop)
    assert (preferences.result(shop, left).pairs, preferences.result(shop, left).ties) == (1, 1)


def test_not_while_a_search_works(shop: Path) -> None:
    with alone(shop / "locks" / "search-x"), pytest.raises(UserError, match="a search is under way"):
        Workspace(shop).forget(GOES)
    (shop / "locks" / "search-x").touch()  # as a kill leaves it
    assert Workspace(shop).forget(GOES).rows == 3


def test_the_customer_stays_out_of_later_runs(shop: Path) -> None:
    _, texts = handed_out(shop)
    Workspace(shop).forget(GOES)
    history = History(shop)
    digests = history.summary(walk(shop)).digests
    rows = Store(shop).load(digests["prepare"], Rows)
    assert rows.facts["sources"]["csv-1"] == {"in": 241, "kept": 238, "dropped": 3, "rejected": 0, "unread_times": 0}
    assert rows.facts["left_out"] == {
        name: {"the customer is to be forgotten": n} for name, n in (("csv-1", 3), ("csv-2", 1))
    }
    assert GROUP not in json.dumps([*rows.kept.dicts(), *rows.tables["events"].dicts()], default=str)
    assert texts.isdisjoint(row["input"]["text"] for row in rows.kept.dicts())
    assert Workspace(shop).forget("c8").rows > 0
    assert GROUP not in json.dumps(
        Store(shop).load(history.summary(walk(shop)).digests["prepare"], Rows).kept.dicts(), default=str
    )


def test_an_object_that_was_amended_is_made_anew(shop: Path) -> None:
    first = History(shop).summary(History(shop).find(None)).digests["prepare"]
    Workspace(shop).forget(GOES)
    for path in (shop / "forgotten").iterdir():  # somebody takes the list away
        path.unlink()
    again = History(shop).summary(walk(shop)).digests["prepare"]
    assert again == first
    assert len(ids_of(Store(shop).load(again, Rows), GOES)) == 2
    assert Store(shop).verify(again) == []


def test_an_unknown_customer_is_told_and_kept_out(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(shop)
    main(["-w", str(shop), "forget", "--customer", "13812345678"])
    said = capsys.readouterr()
    assert "nothing of this customer was found" in said.out
    assert "13812345678" not in said.out + said.err
    assert everything(shop) == before
    assert forgotten.known(shop, pseudonym(KEY.encode(), "group", "13812345678"))


def test_the_command(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["-w", str(shop), "forget", "--customer", GOES, "--json"])
    said = capsys.readouterr().out
    assert Forgotten.model_validate_json(said).releases == [1]
    assert GOES not in re.sub(r'"runs": \[.*?\]', "", said, flags=re.S)
    main(["-w", str(shop), "--lang", "zh", "forget", "--customer", GOES])
    said = capsys.readouterr().out
    assert "没有找到该客户" in said
    assert "v1" in said, "asked again, the release is named again"
    with pytest.raises(SystemExit) as left:
        main(["-w", str(shop), "forget"])
    assert left.value.code == 2


def test_not_while_a_run_works(shop: Path) -> None:
    with exclusively(History(shop).find(None)), pytest.raises(UserError, match="a run is under way"):
        Workspace(shop).forget(GOES)


def test_another_key_is_refused(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace(shop).forget(GOES)
    monkeypatch.setenv("FITTINGROOM_KEY", "another key of this shop")
    with pytest.raises(StoreError, match="another FITTINGROOM_KEY"):
        Workspace(shop).forget("c8")


# ---------------------------------------------------------------------------------------------- kills

_STEPS = (
    "fittingroom.sources.forgotten.keep", "fittingroom.erasing.sheets_without", "fittingroom.erasing.replace",
    "fittingroom.serving.recorder.erase", "fittingroom.sources.decisions.forget", "fittingroom.erasing.journal_without",
    "fittingroom.store.Store.forget_actions", "fittingroom.forgetting._erase_file", "fittingroom.store.Store.amend",
    "fittingroom.forgetting.write_report",
)  # fmt: skip


class _KilledError(BaseException):
    """Nothing in the program catches this."""


def die_at(step: str, times: int, patch: pytest.MonkeyPatch, die: Callable[[], None]) -> None:
    """Die right after the `times`-th call of a step."""
    owner, _, name = step.rpartition(".")
    holder: Any = Store if owner.endswith("Store") else importlib.import_module(owner)
    real, calls = getattr(holder, name), []

    def dies(*given: Any, **more: Any) -> Any:
        result = real(*given, **more)
        calls.append(1)
        if len(calls) == times:
            die()
        return result

    patch.setattr(holder, name, dies)


def raise_killed() -> None:
    raise _KilledError


def test_a_kill_at_any_step_is_made_good(shop: Path, tmp_path: Path) -> None:
    mine, texts = handed_out(shop)
    died = 0
    for step in _STEPS:
        for times in (1, 3):
            folder = shutil.copytree(shop, tmp_path / "killed")
            with pytest.MonkeyPatch.context() as patch:
                die_at(step, times, patch, raise_killed)
                try:
                    forgetting.forget(folder, KEY.encode(), customer=GOES)
                except _KilledError:
                    died += 1
                else:
                    assert times > 1, step
            gone = Workspace(folder).forget(GOES)
            assert gone.releases == [1], step
            assert_gone(folder, mine, texts)
            shutil.rmtree(folder)
    assert died >= len(_STEPS) + 3


def test_a_real_kill_is_made_good(shop: Path) -> None:
    mine, texts = handed_out(shop)
    code = (
        "import os, sys, pytest, test_forgetting as t; from pathlib import Path;"
        "t.die_at('fittingroom.forgetting._erase_file', 4, pytest.MonkeyPatch(), lambda: os.kill(os.getpid(), 9));"
        "t.forgetting.forget(Path(sys.argv[1]), t.KEY.encode(), customer=t.GOES)"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(forgetting.__file__).parents[1])])
    killed = subprocess.run(
        [sys.executable, "-c", code, str(shop)], env={**os.environ, "PYTHONPATH": paths}, check=False, timeout=120
    )
    assert killed.returncode == -9
    assert Workspace(shop).forget(GOES).releases == [1]
    assert_gone(shop, mine, texts)


# ---------------------------------------------------------------------------------------------- retention


def aged(folder: Path, retention: str = "30d") -> None:
    """The shop with a time on every message: half of them 40 days old, one without."""
    now = datetime.now(UTC)
    rows = [
        {**row, "at": (now - timedelta(days=40 if place % 2 else 3)).strftime("%Y-%m-%d %H:%M:%S")}
        for place, row in enumerate(messages())
    ]
    rows[0]["at"] = "?"
    write_csv(folder / "messages.csv", rows)
    recipe = (folder / "recipe.yaml").read_text("utf-8")
    recipe = re.sub(r"group: customer(, time: at)?(, retention: \w+)?}", "group: customer, time: at}", recipe)
    (folder / "recipe.yaml").write_text(
        recipe.replace("time: at}", f"time: at, retention: {retention}}}"), encoding="utf-8"
    )


def test_rows_past_their_retention_are_not_read(shop: Path) -> None:
    aged(shop)
    rows = Store(shop).load(History(shop).summary(walk(shop)).digests["prepare"], Rows)
    assert rows.facts["left_out"]["csv-1"] == {
        "no time by which the retention could be kept": 1, "older than the retention of its source": 120
    }  # fmt: skip
    assert rows.kept.rows + rows.dropped.rows == 240 - 121
    assert min(row["time"] for row in rows.kept.dicts()) > datetime.now(UTC) - timedelta(days=31)


def test_expired_rows_and_requests_go_from_the_store(shop: Path) -> None:
    aged(shop, "90d")
    digests = History(shop).summary(walk(shop)).digests
    assert Store(shop).load(digests["prepare"], Rows).kept.rows == 239
    handed_out(shop)
    kept = datetime.now(UTC) - timedelta(days=5)
    sink = Recorder(shop / "requests")
    sink.write([Record(kept, "classify", "champion", 1, {"text": "young"}, "refund", 0.5, 0.1)])
    sink.close()
    aged(shop, "20d")
    gone = Workspace(shop).forget(expired=True, sets=["monitor.retention=20d"])
    assert gone.rows >= 120
    assert gone.requests == 4
    assert [row["input"] for row in read_traffic(shop / "requests").table.dicts()] == ["young"]
    rows = Store(shop).load(digests["prepare"], Rows)
    assert rows.kept.rows == 119
    splits = Store(shop).load(digests["balance"], Splits)
    assert all(
        row["time"] > datetime.now(UTC) - timedelta(days=21) for part in splits.parts().values() for row in part.dicts()
    )
    assert Workspace(shop).forget(expired=True, sets=["monitor.retention=20d"]).rows == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{kind: csv, path: messages.csv, retention: 30d}", "needs `time`"),
        ("{kind: csv, path: messages.csv, time: at, retention: 30}", "retention"),
        ("{kind: csv, path: m.csv, role: annotations, time: at, retention: 3d}", "annotations go with"),
    ],
)
def test_a_retention_that_cannot_be_kept_is_an_error(shop: Path, line: str, said: str) -> None:
    recipe = (shop / "recipe.yaml").read_text("utf-8")
    (shop / "recipe.yaml").write_text(re.sub(r"\{kind: csv, path: messages.*", line, recipe), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        Workspace(shop).forget(expired=True)
    assert said in caught.value.text("en")


def test_a_reference_knows_copies_and_forgets_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", KEY)
    shop = write_shop(tmp_path / "shop")
    known = messages()[:40]
    write_csv(shop / "old.csv", [{"id": row["id"], "who": GOES, "text": row["text"] + "！！"} for row in known])
    recipe = (shop / "recipe.yaml").read_text("utf-8")
    old = "  - {kind: csv, name: old, role: reference, path: old.csv, key: id, group: who}\nsplit:"
    (shop / "recipe.yaml").write_text(recipe.replace("split:", old, 1), encoding="utf-8")
    place = walk(shop)
    store = Store(shop)
    digests = History(shop).summary(place).digests
    gone = [row for row in store.load(digests["dedup"], Rows).dropped.dicts() if "reference" in row["reason"]]
    assert len(gone) >= len(known)
    reference = [row["id"] for row in store.load(digests["prepare"], Rows).tables["reference"].dicts()]
    assert {row["twin"] for row in gone} <= set(reference)
    assert len(reference) == len(known)
    splits = store.load(digests["split"], Splits)
    texts = {
        row["input"]["text"]
        for part in ("train", "dev", "calibration", "test")
        for row in getattr(splits, part).dicts()
    }
    assert texts
    assert texts.isdisjoint(row["text"] for row in known)

    Workspace(shop).forget(GOES)
    (shop / "old.csv").unlink()
    held = everything(shop)
    assert [one for one in [*reference, GROUP] if one in held] == []
