"""`fittingroom init DIR --source …`: a shop's own data looked at, and a recipe that `check` accepts."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from fittingroom.config import load
from fittingroom.errors import RecipeError, SourceError, UserError
from fittingroom.workspace import Workspace
from shop import messages
from sources import servers

ROWS = messages(240)
PHONE, PERSON = "13812345678", "王小明"


def as_shop(key: str, group: str, time: str, text: str, label: str) -> list[dict[str, str]]:
    """The messages under a shop's own column names, with people in them."""
    return [
        {
            key: f"{number:08d}", group: row["customer"], time: f"2024-03-{1 + number % 28:02d} 10:00:00",
            text: row["text"] + (f",电话{PHONE}" if number % 5 == 0 else ""), label: row["label"],
            "receiver": PERSON, "handler": PERSON, "stars": str(1 + number % 5),
        }
        for number, row in enumerate(ROWS)
    ]  # fmt: skip


SHOP = as_shop("review_id", "customer_id", "created_at", "content", "category")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", "k" * 32)


def write_csv(path: Path, rows: list[dict[str, str]], encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def statements(rows: list[dict[str, str]], kind: str = "varchar(300)") -> str:
    names = list(rows[0])
    values = ",\n".join(
        "(" + ", ".join("'" + row[name].replace("'", "''") + "'" for name in names) + ")" for row in rows
    )
    columns = ", ".join(f"{name} {kind}" for name in names)
    goods = ", ".join(f"('S{number}', 'goods {number}', {number})" for number in range(30))
    return (
        f"create table reviews ({columns});\ninsert into reviews values {values};\n"
        f"create table goods (sku varchar(20), name varchar(50), price int);\ninsert into goods values {goods};\n"
        "create table hollow (id int);\n"
    )


def looked_at(folder: Path, source: str) -> tuple[str, dict[str, dict[str, str]]]:
    """The recipe drafted, and its sources by table or file name; `check` has accepted it."""
    workspace = Workspace(folder)
    workspace.init(source=source)
    text = (folder / "recipe.yaml").read_text("utf-8")
    for personal in (PHONE, PERSON):
        assert personal not in text
    config = load(folder / "recipe.yaml")
    checked = workspace.check()
    assert checked.blocked is None, checked.blocked
    assert checked.ledger["prepare"]["kept"] > 200
    assert checked.plan
    found = [one.model_dump(exclude_defaults=True) for one in config.sources]
    return text, {str(one.get("table") or Path(str(one["path"])).name): one for one in found}


def test_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.executescript(statements(SHOP))
    monkeypatch.chdir(tmp_path)
    text, sources = looked_at(tmp_path / "mine", "sqlite:///shop.db")
    reviews = sources["reviews"]
    assert (reviews["key"], reviews["group"], reviews["time"]) == ("review_id", "customer_id", "created_at")
    assert reviews["fields"] == {"text": "content", "label": "category"}
    assert (sources["goods"]["role"], sources["goods"]["key"]) == ("goods", "sku")
    assert "[MOBILE]" in text
    assert "refund ×" in text
    assert "guess" in text
    assert "主键" in text


def test_a_folder_of_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_csv(data / "评论.csv", as_shop("评价编号", "会员号", "评价时间", "评价内容", "意图"), "gbk")
    hit = '192.0.2.7 - - [05/Mar/2025:10:00:00 +0800] "GET /goods/S1 HTTP/1.1" 200 5 "-" "Mozilla/5.0"\n'
    (data / "access.log").write_text(hit * 3)
    (data / "talks.json").write_text(json.dumps([{"instruction": f"q{n}", "output": "a"} for n in range(9)]))
    (data / "torn.xlsx").write_bytes(b"PK no workbook")
    (data / "notes.txt").write_text("nothing of ours")
    (data / "empty.csv").write_text("")
    text, sources = looked_at(tmp_path / "mine", str(data))
    assert set(sources) == {"评论.csv", "access.log"}
    found = sources["评论.csv"]
    assert (found["key"], found["group"], found["time"]) == ("评价编号", "会员号", "评价时间")
    assert found["fields"] == {"text": "评价内容", "label": "意图"}
    assert "# torn.xlsx: cannot be read / 无法读取" in text.replace("#   ", "# ")
    assert "  # - kind: chat" in text


def test_jsonl_excel_and_chat_alone(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [list(SHOP[0]), *(list(one.values()) for one in SHOP)]:
        book.active.append(row)
    book.save(tmp_path / "r.xlsx")
    _, sources = looked_at(tmp_path / "excel", str(tmp_path / "r.xlsx"))
    assert sources["r.xlsx"]["fields"] == {"text": "content", "label": "category"}
    lines = "".join(json.dumps({"id": n, "body": {"text": one["text"]}, "intent": one["label"]}) + "\n" for n, one in enumerate(ROWS))  # noqa: E501 # fmt: skip
    (tmp_path / "m.jsonl").write_text(lines)
    _, sources = looked_at(tmp_path / "jsonl", str(tmp_path / "m.jsonl"))
    assert (sources["m.jsonl"]["key"], sources["m.jsonl"]["fields"]) == ("id", {"text": "body.text", "label": "intent"})
    talk = "".join(
        json.dumps({"messages": [{"role": "user", "content": one["text"]}, {"role": "assistant", "content": "ok"}], "intent": one["label"]}) + "\n"  # noqa: E501
        for one in ROWS
    )  # fmt: skip
    (tmp_path / "t.jsonl").write_text(talk)
    _, sources = looked_at(tmp_path / "chat", str(tmp_path / "t.jsonl"))
    assert (sources["t.jsonl"]["kind"], sources["t.jsonl"]["fields"]) == ("chat", {"text": "first", "label": "intent"})


def test_without_a_label_the_draft_says_so(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "r.csv", [{"id": str(n), "text": one["text"], "handler": PERSON} for n, one in enumerate(ROWS)]
    )
    Workspace(tmp_path / "mine").init(source=str(tmp_path / "r.csv"))
    text = (tmp_path / "mine" / "recipe.yaml").read_text("utf-8")
    assert "NO COLUMN LOOKS LIKE A LABEL" in text
    assert PERSON not in text
    assert yaml.safe_load(text)["sources"][0]["fields"] == {"text": "text"}


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("missing", SourceError, "no such folder"),
        ("empty", SourceError, "no table that can be read"),
        ("numbers", SourceError, "no table has a column of text"),
        ("sqlite:///missing.db", SourceError, "no such database"),
        ("oracle://x/y", SourceError, "only SQLite"),
        ("mysql://u:geheim13@h/d", RecipeError, "password must not stand"),
        ("postgresql://u:${NOT_SET_ANYWHERE}@127.0.0.1:1/d", RecipeError, "NOT_SET_ANYWHERE is not set"),
        ("postgresql://u@127.0.0.1:1/d", SourceError, "cannot be opened"),
    ],
)
def test_sources_that_give_nothing(tmp_path: Path, source: str, kind: type[UserError], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers" / "n.csv").write_text("a,b\n" + "1,2\n" * 30)
    where = source if "://" in source else str(tmp_path / source)
    with pytest.raises(kind, match=said) as caught:
        Workspace(tmp_path / "mine").init(source=where)
    assert "geheim13" not in str(caught.value)
    assert not (tmp_path / "mine" / "recipe.yaml").exists()


@pytest.mark.slow
@pytest.mark.parametrize("start", [servers.postgres, servers.mariadb])
def test_real_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[[], object]) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", servers.PASSWORD)
    with start() as server:  # type: ignore[attr-defined]
        server.sql(statements(SHOP))
        if "postgres" in server.url:
            server.sql("grant select on all tables in schema public to reader;")
        _, sources = looked_at(tmp_path / "mine", server.url)
    assert sources["reviews"]["fields"] == {"text": "content", "label": "category"}
    assert sources["reviews"]["url"] == server.url
    assert sources["goods"]["role"] == "goods"


def test_customer_and_conversation_are_both_drafted(tmp_path: Path) -> None:
    rows = [
        {"id": f"{n:08d}", "session_id": f"s{n // 2}", "user_id": f"u{n // 2 % 40}", "agent": "a1",
         "content": one["text"], "category": one["label"]}
        for n, one in enumerate(ROWS)
    ]  # fmt: skip
    write_csv(tmp_path / "talk.csv", rows)
    Workspace(tmp_path / "mine").init(source=str(tmp_path / "talk.csv"))
    assert load(tmp_path / "mine" / "recipe.yaml").sources[0].group == ["user_id", "session_id"]
