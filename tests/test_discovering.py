"""Discover: messages that nobody labelled get names from people, and the names become labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fittingroom import Workspace, sheets
from fittingroom.discovering import COLUMNS
from fittingroom.errors import StoreError, UserError
from fittingroom.sources import decisions
from shop import messages, write_csv, write_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop whose messages have no labels; every second one is the same customer's later message."""
    monkeypatch.setenv("FITTINGROOM_KEY", "test-key-test-key-test-key")
    write_shop(tmp_path)
    rows = [
        {**row, "label": "", "when": f"2026-01-01 {int(row['id']) // 60:02d}:{int(row['id']) % 60:02d}"}
        for row in messages(240)
    ]
    write_csv(tmp_path / "messages.csv", rows)
    recipe = (tmp_path / "recipe.yaml").read_text("utf-8").replace("group: customer", "group: customer, time: when")
    (tmp_path / "recipe.yaml").write_text(recipe, "utf-8")
    return tmp_path


def edit(path: Path, change: Any) -> None:
    values = yaml.safe_load(path.read_text("utf-8"))
    change(values["clusters"])
    path.write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), "utf-8")


def said(shop: Path) -> dict[str, str]:
    """Row id -> label, of what people named."""
    return {one.id: one.label for one in decisions.read(shop)}


def test_first_messages_are_clustered_named_and_become_labels(shop: Path) -> None:
    found = Workspace(shop).discover(out=shop / "intents.yaml", clusters=12)
    assert found.rows == 120, "the first message of each of 120 customers"
    assert sum(one.rows for one in found.clusters) == 120
    assert len({one.name for one in found.clusters}) == 12
    assert all(one.examples and one.terms for one in found.clusters)

    def name(clusters: list[dict[str, Any]]) -> None:
        for number, one in enumerate(clusters):
            one["name"] = ["refund", "delivery", "praise"][number % 3]
        clusters[0]["split"] = [
            {"name": "lamp", "keywords": ["台灯", "lamp"]},
            {"name": "", "keywords": ["kettle", "水壶"]},
        ]
        clusters[11]["name"] = ""

    edit(shop / "intents.yaml", name)
    decided = Workspace(shop).take_names(shop / "intents.yaml", by="Chen")
    assert decided.annotators == ["Chen"]
    assert decided.rows == decided.new == sum(decided.labels.values()) < 120
    assert set(decided.labels) <= {"refund", "delivery", "praise", "lamp"}
    assert Workspace(shop).take_names(shop / "intents.yaml", by="Chen").new == 0
    checked = Workspace(shop).check()
    assert checked.facts["label"]["annotated"] == decided.rows
    assert checked.ledger["label"]["dropped"] >= 240 - decided.rows

    edit(shop / "intents.yaml", lambda clusters: clusters[1].update(name=""))
    Workspace(shop).take_names(shop / "intents.yaml", by="Chen")
    assert len(said(shop)) == decided.rows - found.clusters[1].rows, "what is left out loses its label again"


@pytest.mark.parametrize("group", ["[customer, session_id]", "[session_id, customer]", "session_id"])
def test_the_first_message_of_each_conversation_not_of_each_customer(shop: Path, group: str) -> None:
    """Every customer came in January, which somebody labelled, and once more, two messages each time."""
    rows = [
        {**row, "label": row["label"] if early else "", "session_id": f"s{n // 2}", "customer": f"c{n // 2 % 60}",
         "when": f"2026-0{1 if early else 2}-01 {n // 60:02d}:{n % 60:02d}"}
        for n, row in enumerate(messages(240))
        for early in [n < 120]
    ]  # fmt: skip
    write_csv(shop / "messages.csv", rows)
    recipe = (shop / "recipe.yaml").read_text("utf-8").replace("group: customer", f"group: {group}")
    (shop / "recipe.yaml").write_text(recipe, "utf-8")
    found = Workspace(shop).discover(out=shop / "intents.csv", clusters=4)
    assert found.rows == 60, "of 120 conversations 60 have no label"
    texts = [line.cells["text"] for line in sheets.read(shop / "intents.csv", "csv", COLUMNS)]
    assert sorted(texts) == sorted(row["text"] for row in rows[120::2])
    assert Workspace(shop).discover(out=shop / "all.csv", clusters=4, labelled=True).rows == 120


def test_a_sheet_has_one_row_per_message(shop: Path) -> None:
    found = Workspace(shop).discover(out=shop / "intents.csv", every=True, clusters=6)
    assert found.rows == 240
    rows = [line.cells for line in sheets.read(shop / "intents.csv", "csv", COLUMNS)]
    assert {row["suggested"] for row in rows} == {one.name for one in found.clusters}
    assert {row["label"] for row in rows} == {""}
    with pytest.raises(UserError, match="nothing is named yet"):
        Workspace(shop).take_names(shop / "intents.csv", by="Wang")
    for number, row in enumerate(rows):
        row |= {"label": "refund" if number % 2 else "praise", "annotator": "Li" if number < 100 else ""}
    sheets.write(shop / "intents.csv", rows, COLUMNS, "csv", [])
    with pytest.raises(UserError, match="--by NAME") as caught:
        Workspace(shop).take_names(shop / "intents.csv")
    assert caught.value.place.endswith("line 102, annotator")
    decided = Workspace(shop).take_names(shop / "intents.csv", by="Wang")
    assert (decided.new, decided.annotators) == (240, ["Li", "Wang"])
    assert said(shop)[rows[1]["id"]] == "refund"
    rows[3]["id"] = "0" * 24
    sheets.write(shop / "intents.csv", rows, COLUMNS, "csv", [])
    with pytest.raises(UserError, match="in no discovery"):
        Workspace(shop).take_names(shop / "intents.csv", by="Wang")


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        (lambda c: c[1].update(cluster="c99"), "clusters.1.cluster", "no cluster 'c99'"),
        (lambda c: c.append(dict(c[0])), "clusters.4.cluster", "stands twice"),
        (lambda c: c[2].update(nmae="x"), "clusters.2.nmae", "unknown key"),
        (lambda c: c[0].update(split=[{"name": "x"}]), "clusters.0.split.0.keywords", "required"),
    ],
)
def test_a_spoilt_file_is_told_and_nothing_is_kept(shop: Path, change: Any, place: str, message: str) -> None:
    Workspace(shop).discover(out=shop / "intents.yaml", clusters=4)
    edit(shop / "intents.yaml", change)
    with pytest.raises(UserError, match=f"(?i){message}") as caught:
        Workspace(shop).take_names(shop / "intents.yaml", by="Chen")
    assert caught.value.place.endswith(f"intents.yaml: {place}")
    assert said(shop) == {}


def test_a_suggestion_is_no_label_until_a_person_writes_it(shop: Path) -> None:
    found = Workspace(shop).discover(out=shop / "intents.yaml", clusters=3)
    written = yaml.safe_load((shop / "intents.yaml").read_text("utf-8"))["clusters"]
    assert [(one["name"], one["suggested"]) for one in written] == [("", one.name) for one in found.clusters]
    with pytest.raises(UserError, match="nothing is named yet: write `name`") as caught:
        Workspace(shop).take_names(shop / "intents.yaml", by="Chen")
    assert "请填写 `name`" in caught.value.text("zh")
    assert said(shop) == {}

    edit(shop / "intents.yaml", lambda clusters: clusters[0].update(name="refund"))
    edit(shop / "intents.yaml", lambda clusters: clusters[1].update(name=None))  # `name:` with nothing behind it
    taken = Workspace(shop).take_names(shop / "intents.yaml", by="Chen")
    assert taken.labels == {"refund": found.clusters[0].rows}
    edit(shop / "intents.yaml", lambda clusters: clusters[0].update(name=""))
    with pytest.raises(UserError, match="nothing is named yet"):
        Workspace(shop).take_names(shop / "intents.yaml", by="Li")
    Workspace(shop).take_names(shop / "intents.yaml", by="Chen")
    assert said(shop) == {}, "who named something takes it back with an empty name"


def test_names_must_be_labels_where_the_task_declares_them(shop: Path) -> None:
    Workspace(shop).discover(out=shop / "intents.yaml", clusters=3)
    sets = ["task.labels=[refund, delivery]"]
    edit(shop / "intents.yaml", lambda clusters: [one.update(name="parcel") for one in clusters])
    with pytest.raises(UserError, match="no label of the task"):
        Workspace(shop).take_names(shop / "intents.yaml", sets=sets, by="Chen")
    edit(shop / "intents.yaml", lambda clusters: [one.update(name="Refund ") for one in clusters])
    assert Workspace(shop).take_names(shop / "intents.yaml", sets=sets, by="Chen").labels == {"refund": 120}


def test_what_cannot_be_done(shop: Path) -> None:
    with pytest.raises(UserError, match=r"\.yaml, \.csv"):
        Workspace(shop).discover(out=shop / "intents.json")
    with pytest.raises(UserError, match="too few for 900 clusters"):
        Workspace(shop).discover(out=shop / "intents.yaml", clusters=900)
    Workspace(shop).discover(out=shop / "intents.yaml", clusters=3)
    with pytest.raises(UserError, match="--by NAME"):
        Workspace(shop).take_names(shop / "intents.yaml")
    text = (shop / "intents.yaml").read_text("utf-8")
    (shop / "other.yaml").write_text(text.replace("discovery: ", "discovery: x"), "utf-8")
    with pytest.raises(StoreError, match="does not know"):
        Workspace(shop).take_names(shop / "other.yaml", by="Chen")
    write_csv(shop / "messages.csv", [{**row, "when": ""} for row in messages(60)])
    with pytest.raises(UserError, match="--labelled"):
        Workspace(shop).discover(out=shop / "intents.yaml")


def test_on_the_command_line(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: str) -> int:
        from fittingroom.cli import main

        try:
            main(["-w", str(shop), "--lang", "en", *arguments])
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    out = str(shop / "intents.yaml")
    assert call("discover", "--out", out, "--clusters", "4") == 0
    told = capsys.readouterr()
    assert "120 messages in 4 clusters" in told.out
    assert "outside the workspace" not in told.err
    assert call("discover", "--out", str(shop.parent / "beside.yaml"), "--clusters", "4") == 0
    assert "beside.yaml lies outside the workspace" in capsys.readouterr().err
    assert call("discover", "--in", out) == 2
    assert "--by NAME" in capsys.readouterr().err
    assert call("discover", "--in", out, "--by", "Chen") == 2
    assert "nothing is named yet" in capsys.readouterr().err
    edit(shop / "intents.yaml", lambda clusters: [one.update(name=one["suggested"]) for one in clusters])
    assert call("discover", "--in", out, "--by", "Chen") == 0
    assert "120 decisions are new (by Chen)" in capsys.readouterr().out
    assert call("discover", "--in", out, "--out", out) == 2
    assert call("review", "--in", "gone.csv") == 2
    assert "error: " in capsys.readouterr().err
