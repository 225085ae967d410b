"""A table that names a customer and a conversation: neither stands on two sides, and `forget` finds the customer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fittingroom.cli import main
from fittingroom.config import load
from fittingroom.engine import Context
from fittingroom.history import History
from fittingroom.pipeline import data_road
from fittingroom.run import Run
from fittingroom.serving.recorder import Record, Recorder
from fittingroom.serving.registry import register
from fittingroom.sources import forgotten
from fittingroom.stages.dedup import dedup
from fittingroom.stages.label import label
from fittingroom.stages.prepare import prepare
from fittingroom.stages.split import split
from fittingroom.store import Store
from fittingroom.text.redact import pseudonym
from fittingroom.types import Rows, Splits
from fittingroom.workspace import Workspace
from shop import messages, write_csv, write_shop

KEY = "k" * 32
GOES = "u5"


def rows(column: str = "user_id") -> list[dict[str, str]]:
    """240 messages of 40 customers in 120 conversations of two; some conversations have two customers."""
    return [
        {"id": one["id"], "session_id": f"s{n // 2}", column: f"u{(n // 2 + n % 2 * (n % 16 == 1)) % 40}",
         "text": one["text"], "label": one["label"]}
        for n, one in enumerate(messages())
    ]  # fmt: skip


def build(folder: Path, group: str, records: list[dict[str, str]] | None = None) -> Path:
    write_shop(folder)
    write_csv(folder / "messages.csv", records or rows())
    recipe = (folder / "recipe.yaml").read_text("utf-8").replace("group: customer", f"group: {group}")
    # Invented texts are all alike: their clusters would tie most customers together.
    recipe = recipe.replace("split: {", "split: {group_by: [group], ")
    (folder / "recipe.yaml").write_text(
        recipe + "balance: {method: oversample}\npitfalls: {disable: [leaked-test-examples]}\n", encoding="utf-8"
    )
    return folder


def road(folder: Path) -> Splits:
    """A run as far as the data go, and a release of it."""
    config = load(folder / "recipe.yaml", [])
    history = History(folder)
    place = history.create(config, "recipe.yaml")
    run = Run(place, Store(folder), root=folder, secret=KEY.encode())
    run.journal.append("run_started", pid=1)
    from fittingroom.types import Attempt

    this = Attempt(number=1, config_digest=config.digest)
    run.begin(this)
    splits = data_road(config, run)
    run.end(this)
    run.journal.append("run_done", status="passed", release=1, message=None)
    register(folder, bundle=place.name, run=place.name, name="tiny", base="nano", metrics={})
    return splits


def walked(folder: Path, context: Context, **changes: Any) -> tuple[Rows, Splits]:
    """The stages without a run."""
    config = load(folder / "recipe.yaml", [])
    here = Context(root=folder, scratch=context.scratch, secret=KEY.encode(), threads=1)
    read = prepare(sources=config.sources, prepare=config.prepare, task=config.task, context=here)
    said = label(read, label=config.label, task=config.task, context=here)
    kept = dedup(said, dedup=config.dedup, task=config.task, context=here)
    return read, split(kept, split=config.split.model_copy(update=changes), task=config.task, seed=7, context=here)


def sides(splits: Splits, column: str) -> dict[str, set[str]]:
    """Customer or conversation -> the parts in which it stands, from the file of the shop."""
    of_key = {row["id"]: row[column] for row in rows()}
    found: dict[str, set[str]] = {}
    for part, table in splits.parts().items():
        for row in table.dicts():
            found.setdefault(of_key[row["row_key"]], set()).add(part)
    return found


@pytest.mark.parametrize("group", ["[user_id, session_id]", "[session_id, user_id]"])
def test_neither_customer_nor_conversation_stands_on_two_sides(tmp_path: Path, context: Context, group: str) -> None:
    read, splits = walked(build(tmp_path / "shop", group), context)
    assert {pseudonym(KEY.encode(), "group", f"u{n}") for n in range(40)} >= set(read.kept.column("group").to_pylist())
    assert splits.facts["proof"]["shared_group"] == 0
    assert "not_grouped" not in splits.facts
    for column in ("user_id", "session_id"):
        assert all(len(parts) == 1 for parts in sides(splits, column).values()), column


def test_a_customer_who_is_not_named_as_group_is_counted(tmp_path: Path, context: Context) -> None:
    read, splits = walked(build(tmp_path / "shop", "session_id"), context)
    torn = sum(len(parts) > 1 for parts in sides(splits, "user_id").values())
    assert torn > 20
    assert splits.facts["not_grouped"] == {"user_id": {"customers": 40, "shared": torn}}
    assert read.tables["people"].columns == ["id", "source", "column", "person", "tied"]


def test_no_table_of_people_where_the_group_says_all(tmp_path: Path, context: Context) -> None:
    read, _ = walked(build(tmp_path / "shop", "user_id"), context)
    assert read.tables == {}
    assert read.rejected is not None
    assert "person" not in read.rejected.columns


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", KEY)
    monkeypatch.setenv("FITTINGROOM_LANG", "en")


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("group", ["session_id", "[session_id, user_id]", "[user_id, session_id]"])
def test_forget_finds_the_customer_of_a_conversation(tmp_path: Path, group: str) -> None:
    twice = next(row for row in rows() if row["user_id"] == GOES)
    folder = build(tmp_path / "shop", group, [*rows(), twice | {"text": "the very same key, my parcel again"}])
    road(folder)
    texts = [row["text"] for row in rows() if row["user_id"] == GOES] + ["the very same key"]
    assert len(kept_texts(folder, texts)) >= 6

    gone = Workspace(folder).forget(GOES)

    assert gone.rows >= 6
    assert gone.releases == [1]
    assert gone.silent == []
    assert kept_texts(folder, texts) == []
    name = pseudonym(KEY.encode(), "group", GOES)
    assert not [path for path, text in stored(folder) if name in text and "forgotten" not in path]
    again = road(folder)
    left = {row["row_key"] for table in again.parts().values() for row in table.dicts()}
    assert not left & {row["id"] for row in rows() if row["user_id"] == GOES}


def stored(folder: Path) -> list[tuple[str, str]]:
    """All that is stored, as text."""
    import pyarrow.parquet as pq

    return [
        (str(path.relative_to(folder)), str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet"
         else path.read_text("utf-8", "replace"))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent != folder
    ]  # fmt: skip


def kept_texts(folder: Path, texts: list[str]) -> list[str]:
    """Texts that stand anywhere in the workspace but in the shop's own file."""
    return [text for text in texts if any(text in one for _, one in stored(folder))]


@pytest.mark.usefixtures("secret")
def test_forget_refuses_where_nobody_can_tell_whose_the_rows_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = build(tmp_path / "shop", "session_id", rows("cust"))
    road(folder)
    with pytest.raises(SystemExit) as ended:
        main(["-w", str(folder), "forget", "--customer", GOES])
    assert ended.value.code == 2
    assert "do not say which customer" in capsys.readouterr().err
    assert forgotten.entries(folder, KEY.encode()) == []

    # As it advises: name the column, run, forget again; the rows of the first run are found by their ids.
    recipe = (folder / "recipe.yaml").read_text("utf-8").replace("group: session_id", "group: [session_id, cust]")
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    road(folder)
    gone = Workspace(folder).forget(GOES)
    assert gone.rows >= 6
    assert gone.releases == [1, 2]
    assert kept_texts(folder, [row["text"] for row in rows() if row["user_id"] == GOES]) == []


@pytest.mark.usefixtures("secret")
def test_an_export_in_the_workspace_forgets_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = build(tmp_path / "shop", "user_id")
    road(folder)
    for form, out in (("llamafactory", "export"), ("messages", "kept/for training"), ("alpaca", "before")):
        Workspace(folder).export(out=folder / out, form=form, part="train")
    (folder / "before" / "tiny-train.rows.json").unlink()  # an export of before there were notes
    (folder / "kept" / "other.rows.json").write_text("[]", encoding="utf-8")
    theirs = sorted(lines(folder / "export") & {row["text"] for row in rows() if row["user_id"] == GOES})
    assert theirs
    before = len(lines(folder / "export"))

    main(["-w", str(folder), "forget", "--customer", GOES])

    assert not lines(folder / "export").intersection(theirs)
    assert not lines(folder / "kept" / "for training").intersection(theirs)
    assert len(lines(folder / "export")) == before - len(theirs)
    told = capsys.readouterr().out
    assert "export/tiny-train.jsonl, kept/for training/tiny-train.jsonl" in told
    assert "do not say which line is whose; delete them or export anew: before/tiny-train.jsonl" in told


def lines(folder: Path) -> set[str]:
    """What an export asks."""
    objects = [json.loads(line) for line in (folder / "tiny-train.jsonl").read_text("utf-8").splitlines()]
    return {one["instruction"] if "instruction" in one else one["messages"][0]["content"] for one in objects}


@pytest.mark.usefixtures("secret")
def test_recorded_requests_are_erased_all_the_same(tmp_path: Path) -> None:
    folder = build(tmp_path / "shop", "session_id", rows("cust"))
    road(folder)
    who = pseudonym(KEY.encode(), "group", GOES)
    sink = Recorder(folder / "requests")
    sink.write([Record(datetime.now(UTC), "classify", "champion", 1, {"text": "x"}, "refund", 0.5, 0.1, who)])
    sink.close()
    gone = Workspace(folder).forget(GOES)
    assert (gone.requests, gone.rows, gone.silent) == (1, 0, ["csv-1"])
