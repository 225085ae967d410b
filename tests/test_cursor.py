"""A database read by a cursor, as runs go by it: what is kept moves on with the store only, `forget` reaches it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fittingroom.cli import main
from fittingroom.config import load
from fittingroom.errors import Blocked
from fittingroom.history import History
from fittingroom.run import Run
from fittingroom.sources import increment
from fittingroom.stages.prepare import prepare
from fittingroom.store import Store
from fittingroom.text.redact import pseudonym
from fittingroom.types import Attempt, Rows, Severity
from shop import RECIPE, messages

KEY = "k" * 32
SOURCE = "  - {kind: sql, name: desk, url: 'sqlite:///desk.db', table: m, key: id, group: customer, cursor: changed}"
GOES = "c7"


def desk(folder: Path) -> Path:
    """A workspace whose messages lie in a database."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = RECIPE.replace("  - {kind: csv, path: messages.csv, key: id, group: customer}", SOURCE)
    assert SOURCE in recipe
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    execute(folder, "create table m (id integer primary key, customer, changed integer, text, label)")
    put(folder, *[(int(row["id"]), row["customer"], int(row["id"]), row["text"], row["label"]) for row in messages()])
    return folder


def execute(folder: Path, statement: str, *rows: tuple[Any, ...]) -> None:
    with closing(sqlite3.connect(folder / "desk.db")) as connection, connection:
        connection.executemany(statement, rows) if rows else connection.execute(statement)


def put(folder: Path, *rows: tuple[Any, ...]) -> None:
    execute(folder, "insert or replace into m values (?, ?, ?, ?, ?)", *rows)


def step(folder: Path, *sets: str) -> tuple[Rows, str, bool]:
    """The rows of one run, their digest, and whether they were there already."""
    config = load(folder / "recipe.yaml", list(sets))
    run = Run(History(folder).create(config, "recipe.yaml"), Store(folder), root=folder, secret=KEY.encode())
    run.begin(Attempt(number=1, config_digest=config.digest))
    rows = run.step(prepare, config)
    recalled = next(event["recalled"] for event in run.journal.read() if event["kind"] == "stage_done")
    return rows, run.digest(rows), recalled


def kept(folder: Path) -> list[str]:
    """The files that lie of what was read."""
    return sorted(str(path.relative_to(folder)) for path in (folder / increment.FOLDER).rglob("*") if path.is_file())


def test_runs_read_on_and_come_to_the_rows_of_a_first_run(tmp_path: Path, asked: list[int]) -> None:
    shop = desk(tmp_path / "shop")
    step(shop)
    assert asked == [0, 1, 240, 0, 1, 3, 240], "for the fingerprint, and for the rows with the three labels"
    asked.clear()
    assert step(shop)[2], "nothing is new"
    assert asked == [0, 1, 1]
    put(shop, (500, "c3", 500, "我叫欧阳青云，还没到", "delivery"), (6, "c3", 501, "欧阳青云的包裹呢", "delivery"))
    asked.clear()
    _, digest, recalled = step(shop)
    assert not recalled
    assert asked == [0, 1, 3, 0, 1, 3, 5], (
        "two new ones, the one at the mark; for the rows the others of their customers"
    )
    fresh = desk(tmp_path / "fresh")
    put(fresh, (500, "c3", 500, "我叫欧阳青云，还没到", "delivery"), (6, "c3", 501, "欧阳青云的包裹呢", "delivery"))
    assert step(fresh)[1] == digest


@pytest.mark.parametrize("where", ["publish", "remember"])
def test_a_kill_between_reading_and_publishing(
    tmp_path: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    shop = desk(tmp_path / "shop")
    step(shop)
    before = kept(shop)
    put(shop, (500, "c900", 500, "我叫欧阳青云", "delivery"), (501, "c900", 501, "欧阳青云的包裹呢", "delivery"))

    class Killed(BaseException):
        pass

    def kill(*arguments: Any) -> None:
        raise Killed

    asked.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Store, where, kill)
        with pytest.raises(Killed):
            step(shop)
    assert kept(shop) == before
    assert "欧阳青云" not in left_aside(shop), "what lies aside is safe too"
    once, asked[:] = list(asked), []
    rows, digest, _ = step(shop)
    assert asked == once, "the same rows are read again"
    assert rows.kept.rows + rows.dropped.rows == 242
    assert kept(shop) != before
    fresh = desk(tmp_path / "fresh")
    put(fresh, (500, "c900", 500, "我叫欧阳青云", "delivery"), (501, "c900", 501, "欧阳青云的包裹呢", "delivery"))
    assert step(fresh)[1] == digest


def left_aside(folder: Path) -> str:
    """What a killed action leaves behind, as text."""
    import pyarrow.parquet as pq

    found = sorted((folder / "scratch").rglob("*.parquet"))
    assert found
    return json.dumps([pq.read_table(path).to_pylist() for path in found], ensure_ascii=False, default=str)


def test_what_a_guard_objects_to_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fittingroom import pitfalls
    from fittingroom.types import Finding, Text

    shop = desk(tmp_path / "shop")
    guard = next(name for name, one in pitfalls.catalog().items() if one.guards)
    found = [Finding(pitfall=guard, stage="prepare", severity=Severity.BLOCK, summary=Text(en="leak", zh="泄漏"))]
    monkeypatch.setattr(Run, "_detect", lambda *told: found)
    with pytest.raises(Blocked):
        step(shop)
    assert not (shop / increment.FOLDER).exists()


def test_forget_takes_it_away_and_the_next_run_reads_whole(
    tmp_path: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", KEY)
    monkeypatch.setenv("FITTINGROOM_LANG", "en")
    shop = desk(tmp_path / "shop")
    text = step(shop)[0].kept.dicts()[0]["input"]["text"]
    group = pseudonym(KEY.encode(), "group", GOES)
    assert text in tables(shop)
    assert group in tables(shop)
    main(["-w", str(shop), "forget", "--customer", GOES])
    assert "the next run reads them whole" in capsys.readouterr().out
    assert kept(shop) == []
    asked.clear()
    rows, digest, _ = step(shop)
    assert asked[-1] == 240
    assert rows.facts["left_out"] == {"desk": {"the customer is to be forgotten": 2}}
    assert group not in tables(shop)
    put(shop, (500, GOES, 500, "the forgotten one writes again", "delivery"), (501, "c1", 501, "and c1", "delivery"))
    step(shop)
    held = tables(shop)
    assert group not in held
    assert "the forgotten one writes again" not in held
    assert "and c1" in held
    assert digest


def tables(folder: Path) -> str:
    """What is kept of the source, as text."""
    import pyarrow.parquet as pq

    found = sorted((folder / increment.FOLDER).rglob("*.parquet"))
    return json.dumps([pq.read_table(path).to_pylist() for path in found], ensure_ascii=False, default=str)


def test_a_run_takes_out_what_is_past_its_retention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime, timedelta

    from fittingroom.sources import forgotten
    from fittingroom.workspace import Workspace

    monkeypatch.setenv("FITTINGROOM_KEY", KEY)
    shop = desk(tmp_path / "shop")
    recipe = shop / "recipe.yaml"
    changed = SOURCE.replace("cursor: changed", "cursor: changed, time: at, retention: 30d")
    recipe.write_text(recipe.read_text("utf-8").replace(SOURCE, changed), encoding="utf-8")
    execute(shop, "alter table m add column at")
    now = datetime.now(UTC)
    execute(shop, f"update m set at = '{now - timedelta(days=3):%Y-%m-%d %H:%M:%S}'")
    execute(
        shop, f"update m set at = '{now - timedelta(days=25):%Y-%m-%d %H:%M:%S}', text = '很久以前' || id where id = 7"
    )
    step(shop)
    assert "很久以前" in tables(shop)
    today = forgotten.today
    monkeypatch.setattr(forgotten, "today", lambda: today() + timedelta(days=10))
    Workspace(shop).forget(expired=True)
    assert "很久以前" not in tables(shop)
    rows, digest, _ = step(shop)
    assert rows.facts["left_out"] == {"desk": {forgotten.EXPIRED: 1}}
    increment.forget(shop)
    shutil.rmtree(shop / "actions")
    assert step(shop)[1:] == (digest, False), "the same as a whole read on that day"


@pytest.mark.parametrize(
    ("cursor", "said"),
    [("chnged", "no column 'chnged' for `cursor`"), ("text", "`cursor` 'text' must be a column of rising numbers")],
)
def test_a_wrong_column_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cursor: str, said: str
) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", KEY)
    monkeypatch.setenv("FITTINGROOM_LANG", "en")
    shop = desk(tmp_path / "shop")
    recipe = shop / "recipe.yaml"
    recipe.write_text(recipe.read_text("utf-8").replace("cursor: changed", f"cursor: {cursor}"), encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        main(["-w", str(shop), "check"])
    told = capsys.readouterr().err
    assert said in told
    assert "source desk" in told
    recipe.write_text(recipe.read_text("utf-8").replace("key: id, ", ""), encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        main(["-w", str(shop), "check"])
    assert "needs `key`" in capsys.readouterr().err
