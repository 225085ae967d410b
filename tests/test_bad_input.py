"""Bad input is one clear line with the place and what to do, exit 2, no traceback, nothing half-written."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shop import RECIPE, messages, write_csv, write_shop


def run(folder: Path, *arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "FITTINGROOM_KEY": "k" * 32, "FITTINGROOM_LANG": language, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "fittingroom", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def recipe(folder: Path, old: str, new: str) -> None:
    assert old in RECIPE
    (folder / "recipe.yaml").write_text(RECIPE.replace(old, new), encoding="utf-8")


def unknown_key(folder: Path) -> None:
    recipe(folder, "learning_rate:", "learning_rat:")


def missing_file(folder: Path) -> None:
    (folder / "messages.csv").unlink()


def missing_column(folder: Path) -> None:
    recipe(folder, "input: [text]", "input: [message]")


def empty_source(folder: Path) -> None:
    (folder / "messages.csv").write_text("id,customer,text,label\n", encoding="utf-8")


def empty_file(folder: Path) -> None:
    (folder / "messages.csv").write_bytes(b"")


def one_class(folder: Path) -> None:
    write_csv(folder / "messages.csv", [row | {"label": "refund"} for row in messages(60)])


def fewer_rows_than_classes(folder: Path) -> None:
    rows = [row | {"label": f"label-{number}"} for number, row in enumerate(messages(6))]
    write_csv(folder / "messages.csv", rows)


def no_label(folder: Path) -> None:
    write_csv(folder / "messages.csv", [row | {"label": ""} for row in messages(60)])


def model_without_tokenizer(folder: Path) -> None:
    from fittingroom.models.nano import nano_path

    shutil.copytree(nano_path(), folder / "base")
    for path in (folder / "base").glob("tokenizer*"):
        path.unlink()
    recipe(folder, "base: nano", "base: base")


def model_with_pickle(folder: Path) -> None:
    from fittingroom.models.nano import nano_path

    shutil.copytree(nano_path(), folder / "base")
    (folder / "base" / "model.safetensors").rename(folder / "base" / "pytorch_model.bin")
    recipe(folder, "base: nano", "base: base")


def spoilt(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """A copy of the built-in model, one of whose files holds another value."""
    from fittingroom.models.nano import nano_path

    shutil.copytree(nano_path(), folder / "base")
    whole = json.loads((folder / "base" / name).read_text("utf-8"))
    change(whole)
    (folder / "base" / name).write_text(json.dumps(whole), encoding="utf-8")
    recipe(folder, "base: nano", "base: base")


def word_without_a_number(folder: Path) -> None:
    spoilt(folder, "tokenizer.json", lambda whole: whole["model"]["vocab"].update(a="x"))


def two_words_with_one_number(folder: Path) -> None:
    spoilt(folder, "tokenizer.json", lambda whole: whole["model"]["vocab"].update(a=whole["model"]["vocab"]["b"]))


def longest_text_in_words(folder: Path) -> None:
    spoilt(folder, "tokenizer_config.json", lambda whole: whole.update(model_max_length="x"))


def endless_end_mark(folder: Path) -> None:
    spoilt(folder, "generation_config.json", lambda whole: whole.update(eos_token_id=float("inf")))


def model_with_remote_code(folder: Path) -> None:
    recipe(folder, "base: nano", "base: nano, trust_remote_code: true")


def no_such_model(folder: Path) -> None:
    recipe(folder, "base: nano", "base: ./not-there")


def broken_yaml(folder: Path) -> None:
    recipe(folder, "name: tiny", "name: [tiny")


def not_a_database(folder: Path) -> None:
    (folder / "shop.db").write_bytes(b"this is not a database at all" * 50)
    source = '{kind: sql, url: "sqlite:///shop.db", query: "select * from m", key: id}'
    recipe(folder, "{kind: csv, path: messages.csv, key: id, group: customer}", source)


def target_among_inputs(folder: Path) -> None:
    recipe(folder, "input: [text]", "input: [text, label]")


def gate_without_its_baseline(folder: Path) -> None:
    recipe(folder, "better_than: []", "better_than: [untuned]")


CSV = "{kind: csv, path: messages.csv, key: id, group: customer}"


def cut_gzip(folder: Path) -> None:
    packed = gzip.compress((folder / "messages.csv").read_bytes())
    (folder / "messages.csv.gz").write_bytes(packed[: len(packed) // 2])
    recipe(folder, CSV, CSV.replace("messages.csv", "messages.csv.gz"))


def lying_encoding(folder: Path) -> None:
    recipe(folder, CSV, CSV.replace("key: id", "encoding: gbk, key: id"))


def another_log(folder: Path) -> None:
    (folder / "access.log").write_text("2025-03-05 10:00:00 GET /a\n" * 5)
    recipe(folder, CSV, f"{CSV}\n  - {{kind: weblog, path: access.log}}")


def written_password(folder: Path) -> None:
    recipe(folder, CSV, '{kind: sql, url: "mysql://reader:geheim13@127.0.0.1:1/shop", table: m, key: id}')


def no_server(folder: Path) -> None:
    recipe(folder, CSV, '{kind: sql, url: "postgresql://reader@127.0.0.1:1/shop", table: m, key: id}')


def writing_query(folder: Path) -> None:
    not_a_database(folder)
    (folder / "shop.db").unlink()
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("create table m (id)")
    recipe(folder, CSV, '{kind: sql, url: "sqlite:///shop.db", query: "delete from m", key: id}')


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut_gzip, r"messages\.csv\.gz: the gzip file is cut off"),
        (lying_encoding, r"messages\.csv: is in utf-8, not in gbk"),
        (another_log, r"access\.log: none of its 5 rows could be read; the first: line 1, not a line of the common"),
        (written_password, r"a password must not stand in a recipe(?!.*geheim13)"),
        (no_server, r"postgresql://reader@127\.0\.0\.1:1/shop: the database cannot be opened"),
        (writing_query, r"shop\.db: the query cannot be run .*only reads"),
        (unknown_key, r"learning_rat.*did you mean `learning_rate`"),
        (missing_file, r"messages\.csv"),
        (missing_column, r"message.*(text|customer)"),
        (empty_source, r"messages\.csv.*(no rows|empty)"),
        (empty_file, r"messages\.csv"),
        (one_class, r"one label .refund"),
        (fewer_rows_than_classes, r"(class|rows)"),
        (no_label, r"label"),
        (model_without_tokenizer, r"tokenizer"),
        (model_with_pickle, r"(pickle|safetensors)"),
        (model_with_remote_code, r"trust_remote_code"),
        (word_without_a_number, r'tokenizer\.json: model\.vocab gives "a" the id "x", which is no number'),
        (two_words_with_one_number, r'tokenizer\.json: model\.vocab gives "a" and "b" one id'),
        (longest_text_in_words, r'tokenizer_config\.json: model_max_length = "x" is no number: put in'),
        (endless_end_mark, r"generation_config\.json: eos_token_id = Infinity is neither a number .*: put in"),
        (no_such_model, r"not-there"),
        (broken_yaml, r"recipe\.yaml.*YAML"),
        (not_a_database, r"shop\.db"),
        (target_among_inputs, r"task.*target"),
        (gate_without_its_baseline, r"evaluate\.baselines.*untuned|untuned.*evaluate\.baselines"),
    ],
)
def test_one_clear_line_and_exit_2(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    spoil(folder)
    done = run(folder, "run")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert last.startswith("error: ")
    assert re.search(said, last), last
    assert not list((folder / "objects").glob("*")) or all(
        (path / "manifest.json").exists() for path in (folder / "objects").iterdir()
    )
    assert not list((folder / "aside").glob("*")) if (folder / "aside").exists() else True
    assert not list((folder / "scratch").glob("*")) if (folder / "scratch").exists() else True


def test_check_refuses_what_run_refuses(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    for wrong in ("pitfalls.disable=[nope]", "train.epochs=[", "model.base=./not-there"):
        done = run(folder, "check", "--set", wrong)
        assert done.returncode == 2, wrong
        assert done.stderr.strip().splitlines()[-1].startswith("error: "), done.stderr
        assert not (folder / "objects").exists()


def test_the_workspace_recipe_wins_over_one_where_the_command_is_typed(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", rows=60)
    (tmp_path / "recipe.yaml").write_text("name: [wrong", encoding="utf-8")
    done = run(tmp_path, "-w", "shop", "check")
    assert done.returncode == 0, done.stderr


def test_a_folder_that_is_not_there_and_a_bug_are_told_apart_from_a_gate(tmp_path: Path) -> None:
    done = run(tmp_path, "-w", "no-such-folder", "runs")
    assert done.returncode == 2
    assert "no-such-folder" in done.stderr


def test_init_adds_a_key_to_an_env_file_that_has_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OTHER=1", encoding="utf-8")
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    done = run(tmp_path, "init")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / ".env").read_text("utf-8").splitlines()
    assert lines[0] == "OTHER=1"
    assert any(line.startswith("FITTINGROOM_KEY=") and len(line) > 50 for line in lines)
    assert "mine.txt" not in done.stdout
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_the_line_is_chinese_when_asked_for(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    missing_file(folder)
    done = run(folder, "run", language="zh")
    assert done.returncode == 2
    assert re.search(r"错误: .*[\u4e00-\u9fff]", done.stderr)


def test_a_csv_in_gbk_is_read(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    text = (folder / "messages.csv").read_text("utf-8")
    (folder / "messages.csv").write_bytes(text.encode("gbk"))
    done = run(folder, "check", "--json")
    assert done.returncode == 0, done.stderr
    assert '"kept": 60' in done.stdout


def test_broken_rows_are_rejected_with_file_and_line_and_the_run_goes_on(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop", rows=60)
    lines = (folder / "messages.csv").read_text("utf-8").splitlines()
    lines[10] += ",one,column,too,many"
    lines[20] = lines[20].split(",")[0]
    (folder / "messages.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = run(folder, "check", "--json")
    assert done.returncode == 0, done.stderr
    assert '"rejected": 2' in done.stdout
    told = run(folder, "check").stdout
    assert "messages.csv:11" in told
    assert "messages.csv:21" in told
