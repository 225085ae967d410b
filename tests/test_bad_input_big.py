"""Bad input of size: endless lines, a file of nothing but rejects, one class, copies; and what cannot be opened at all.

The small sizes run always, the real ones (200 MB in one line, 1 GB of one class) with the slow tests. Each is a process
of its own, so that its memory can be told.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from fittingroom.config import load
from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources import check_source, ledger
from fittingroom.stages.prepare import PrepareConfig, prepare
from fittingroom.tasks.config import TaskConfig
from shop import messages, write_csv, write_shop
from sources.reading import source
from test_bad_input import CSV, recipe

TASK = TaskConfig(kind="classify", input=["text"], target="label")
TOLD = """
import resource, sys
try:
    {work}
finally:
    print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""
CHECK = "from fittingroom.cli import main; main(['check', '--json'])"
PREPARE = """import json; from pathlib import Path; from fittingroom.cli import main
    from fittingroom.config import load; from fittingroom.engine import Context
    from fittingroom.stages.prepare import prepare
    config = load(Path("recipe.yaml"))
    rows = prepare(sources=config.sources, prepare=config.prepare, task=config.task,
                   context=Context(root=Path(), scratch=Path("scratch"), secret=b"k" * 32))
    print(json.dumps({"kept": rows.kept.rows, "rejected": rows.rejected.dicts()}))"""


def check(folder: Path, work: str = CHECK) -> tuple[subprocess.CompletedProcess[str], int]:
    """`fittingroom check` (or other work) in a process of its own, and its peak memory in MiB."""
    env = {**os.environ, "FITTINGROOM_KEY": "k" * 32, "FITTINGROOM_LANG": "en", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TOLD.replace("{work}", work)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done, int(re.findall(r"PEAK (\d+)", done.stderr)[-1])


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return [line for line in done.stderr.strip().splitlines() if not line.startswith("PEAK")][-1]


# ---------------------------------------------------------------------------------------------- one endless line


def endless(folder: Path, kind: str, characters: int) -> None:
    """The shop's messages with one line of so many characters among them."""
    rows = messages(60)
    path = folder / f"messages.{kind}"
    with path.open("w", encoding="utf-8") as file:
        if kind == "csv":
            file.write("id,customer,text,label\n")
        for number, row in enumerate(rows):
            if kind == "csv":
                file.write(f'{row["id"]},{row["customer"]},"{row["text"]}",{row["label"]}\n')
            else:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if number == 30:
                for _ in range(characters // 1_000_000):
                    file.write("x" * 1_000_000)
                file.write("\n")
    recipe(folder, CSV, f"{{kind: {kind}, path: {path.name}, key: id, group: customer}}")


@pytest.mark.parametrize(
    ("kind", "megabytes"),
    [("csv", 12), ("jsonl", 12), pytest.param("csv", 200, marks=pytest.mark.slow),
     pytest.param("jsonl", 200, marks=pytest.mark.slow)],
)  # fmt: skip
def test_an_endless_line_costs_that_line_only(tmp_path: Path, kind: str, megabytes: int) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    endless(folder, kind, megabytes * 1_000_000)
    done, peak = check(folder, PREPARE)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kept"] == 60
    assert [(row["line"], row["reason"]) for row in told["rejected"]] == [
        (33 if kind == "csv" else 32, "a line longer than 10,000,000 characters")
    ]
    plain = write_shop(tmp_path / "plain", rows=60)
    assert peak < check(plain, PREPARE)[1] + 150, "the line was held in memory"


@pytest.mark.parametrize("megabytes", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_a_file_of_one_endless_line_is_refused(tmp_path: Path, megabytes: int) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    with (folder / "one.jsonl").open("w") as file:
        for _ in range(megabytes):
            file.write("y" * 1_000_000)
    recipe(folder, CSV, "{kind: jsonl, path: one.jsonl}")
    done, _ = check(folder)
    assert done.returncode == 2
    assert re.search(r"one\.jsonl: none of its 1 rows could be read; .*a line longer than", last_line(done))


# ---------------------------------------------------------------------------------------------- too much of one kind


def one_class(folder: Path, megabytes: int) -> int:
    """A file of so many megabytes, all of it in one class; returns its rows."""
    filling = "衣服很好看，质量也不错，就是物流有点慢。" * 50
    rows, written = 0, 0
    with (folder / "messages.csv").open("w", encoding="utf-8") as file:
        file.write("id,customer,text,label\n")
        while written < megabytes * 1_000_000:
            number = "".join("零一二三四五六七八九"[int(digit)] for digit in str(rows))
            written += 3 * file.write(f"{rows},c{rows // 2},第{number}件：{filling},refund\n")
            rows += 1
    return rows


@pytest.mark.parametrize(("megabytes", "memory"), [(6, 1500), pytest.param(1000, 6000, marks=pytest.mark.slow)])
def test_a_file_of_one_class_is_refused_in_one_line(tmp_path: Path, megabytes: int, memory: int) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    rows = one_class(folder, megabytes)
    done, peak = check(folder)
    assert done.returncode == 2
    assert re.search(rf"all {rows} labelled rows carry one label 'refund'", last_line(done))
    assert peak < memory


def test_nothing_but_copies_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    texts = {"refund": "i want my money back", "praise": "great quality", "delivery": "where is my parcel"}
    rows = [row | {"text": texts[row["label"]]} for row in messages(300)]
    write_csv(folder / "messages.csv", rows)
    done, _ = check(folder)
    assert done.returncode == 2
    assert re.search(r"3 rows are too few for 3 classes: at least 9 are needed, 6 are missing", last_line(done))


def test_rejects_beyond_what_is_held_go_to_a_file(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_HELD", 40)
    lines = ["id,text,label", *(f"{n},torn,by,too,many,13812345678" for n in range(130)), "a,fine,x"]
    (context.root / "m.csv").write_text("\n".join(lines), encoding="utf-8")
    config = source(kind="csv", name="m", path="m.csv", key="id")
    rows = prepare(sources=[config], prepare=PrepareConfig(), task=TASK, context=context)
    assert rows.rejected is not None
    found = rows.rejected.dicts()
    assert [row["line"] for row in found] == list(range(2, 132))
    assert "13812345678" not in str(found)
    assert rows.facts["rejected_by_reason"] == {"6 fields where the header has 3": 130}
    monkeypatch.setattr(ledger, "_HELD", 50_000)
    again = prepare(sources=[config], prepare=PrepareConfig(), task=TASK, context=context)
    assert again.rejected is not None
    assert again.rejected.digest == rows.rejected.digest


# ---------------------------------------------------------------------------------------------- annotations


def test_annotations_with_unknown_ids_and_labels(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    said = [
        {"id": "1", "annotator": "anna", "label": "refund"},
        {"id": "no such row", "annotator": "anna", "label": "refund"},
        {"id": "2", "annotator": "anna", "label": "no such label"},
    ]
    write_csv(folder / "said.csv", said)
    source_text = f"{CSV[:-1]}, name: m}}\n  - {{kind: csv, path: said.csv, role: annotations, of: m, key: id}}"
    recipe(folder, CSV, source_text)
    text = (
        (folder / "recipe.yaml")
        .read_text("utf-8")
        .replace("target: label}", "target: label, labels: [refund, delivery, praise]}")
    )
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    config = load(folder / "recipe.yaml")
    context = Context(root=folder, scratch=tmp_path / "scratch", secret=b"k" * 32)
    rows = prepare(sources=config.sources, prepare=config.prepare, task=config.task, context=context)
    assert rows.rejected is not None
    assert [(row["file"], row["line"], row["reason"]) for row in rows.rejected.dicts()] == [
        ("said.csv", 3, "no row has this key"),
        ("said.csv", 4, "unknown label"),
    ]
    assert rows.facts["sources"]["csv-2"] == {"in": 3, "kept": 1, "dropped": 0, "rejected": 2, "unread_times": 0}
    assert sum(len(row["annotations"]) for row in rows.kept.dicts()) == 1


# ---------------------------------------------------------------------------------------------- locked doors


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user without rights: the super-user may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def locked_database(root: Path) -> dict[str, str]:
    import sqlite3

    with closing(sqlite3.connect(root / "shop.db")) as connection, connection:
        connection.execute("create table m (id, text)")
    (root / "shop.db").chmod(0)
    return {"kind": "sql", "url": f"sqlite:///{root}/shop.db", "table": "m"}


def locked_file(root: Path) -> dict[str, str]:
    (root / "m.csv").write_text("id,text\n1,x\n")
    (root / "m.csv").chmod(0)
    return {"kind": "csv", "path": str(root / "m.csv")}


@pytest.mark.parametrize("made", [locked_database, locked_file])
def test_what_may_not_be_read_is_told(context: Context, made: Callable[[Path], dict[str, str]]) -> None:
    root = context.root / "locked"
    root.mkdir()
    config = source(**made(root))
    # Every test process of several has a folder of its own: one more above.
    for folder in (root, *root.parents[:4]):
        if folder.owner() != "root" or os.geteuid() == 0:
            folder.chmod(folder.stat().st_mode | 0o055)
    with as_nobody(), pytest.raises(SourceError, match=r"(cannot be read|not a readable SQLite|no such)"):
        check_source(config, context)
    root.chmod(0)
    with as_nobody(), pytest.raises(SourceError, match="cannot be read"):
        check_source(config, context)
    root.chmod(0o755)


def test_a_wrong_column_of_a_database(tmp_path: Path) -> None:
    import sqlite3

    folder = write_shop(tmp_path / "shop", rows=60)
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("create table m (id, text, label)")
        connection.executemany("insert into m values (?, ?, ?)", [(1, "x", "a"), (2, "y", "b")])
    for wrong, said in (
        ("key: idd", "there is no column 'idd'"),
        ("fields: {text: body}", "there is no column 'body'"),
    ):
        recipe(folder, CSV, f'{{kind: sql, url: "sqlite:///shop.db", table: m, {wrong}}}')
        done, _ = check(folder)
        assert done.returncode == 2
        assert said in last_line(done)
        assert "id, text, label" in last_line(done)
