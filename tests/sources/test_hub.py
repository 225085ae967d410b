"""Data sets laid out for the hubs: local folders and the hub's cache, pinned, without their code."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import check_source, open_source
from fittingroom.stages.prepare import PrepareConfig, prepare
from fittingroom.tasks.config import TaskConfig
from sources.reading import read, source

datasets = pytest.importorskip("datasets", reason="the extra `hub` is not installed")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write_set(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "train-1.csv").write_text("id,text,code\n123456789012345678,NA,007\n2,好,08\n", encoding="utf-8")
    (folder / "train-2.csv").write_text("id,text,code\n3,x,1\n4,too,many,fields\n", encoding="utf-8")
    (folder / "test.csv").write_text("id,text,code\n9,y,1\n")


def test_values_stay_as_they_are(context: Context) -> None:
    write_set(context.root / "set")
    config = source(kind="hub", dataset="set")
    rows, rejected = read(config, context)
    assert rows == [
        {"id": "123456789012345678", "text": "NA", "code": "007"},
        {"id": "2", "text": "好", "code": "08"},
        {"id": "3", "text": "x", "code": "1"},
    ]
    assert rejected == [(3, "4 fields where the header has 3 (in train-2.csv)", "4,too,many,fields")]
    assert len(read(source(kind="hub", dataset="set", split="test"), context)[0]) == 1
    before = open_source(config).fingerprint(config, context)
    assert {path.name for path in context.root.iterdir()} == {"scratch", "set"}
    (context.root / "set" / "test.csv").write_text("id,text,code\n9,z,1\n")
    assert open_source(config).fingerprint(config, context) == before
    (context.root / "set" / "train-2.csv").write_text("id,text,code\n3,z,1\n")
    assert open_source(config).fingerprint(config, context) != before


def test_row_numbers_of_several_files_are_keys(context: Context) -> None:
    write_set(context.root / "set")
    task = TaskConfig(kind="classify", input=["text"], target="label")
    rows = prepare(sources=[source(kind="hub", dataset="set")], prepare=PrepareConfig(), task=task, context=context)
    assert rows.facts["sources"]["hub-1"] == {"in": 4, "kept": 3, "dropped": 0, "rejected": 1, "unread_times": 0}


def test_configurations_of_the_readme_and_other_files(context: Context) -> None:
    folder = context.root / "set"
    folder.mkdir()
    (folder / "zh.jsonl").write_text('{"id": 123456789012345678901, "text": "好"}\n', encoding="utf-8")
    pq.write_table(pa.table({"id": [1], "text": ["good"]}), folder / "en.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: zh\n  data_files: zh.jsonl\n- config_name: en\n  data_files: en.parquet\n---\n"
    )
    zh, en = (read(source(kind="hub", dataset="set", config=name), context)[0] for name in ("zh", "en"))
    assert zh == [{"id": "123456789012345678901", "text": "好"}]
    assert en == [{"id": "1", "text": "good"}]
    with pytest.raises(SourceError, match="cannot be opened as a data set"):
        check_source(source(kind="hub", dataset="set", config="fr"), context)
    with pytest.raises(SourceError, match="there are: train"):
        check_source(source(kind="hub", dataset="set", config="en", split="dev"), context)


def test_a_script_is_not_run(context: Context) -> None:
    write_set(context.root / "set")
    (context.root / "set" / "set.py").write_text(f"open({str(context.root / 'ran')!r}, 'w')\n")
    with pytest.raises(SourceError, match="scripts are no longer supported"):
        check_source(source(kind="hub", dataset="set"), context)
    assert not (context.root / "ran").exists()


def test_the_cache_of_the_hub(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(context.root / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    write_set(context.root / "cache" / "datasets--org--shop" / "snapshots" / COMMIT)
    assert len(read(source(kind="hub", dataset="org/shop", revision=COMMIT), context)[0]) == 3
    other = COMMIT.replace("0", "f")
    with pytest.raises(SourceError, match="could not be fetched"):
        check_source(source(kind="hub", dataset="org/shop", revision=other), context)
    for loose in ("", "main", COMMIT[:12]):
        with pytest.raises(RecipeError, match="pin the data set"):
            check_source(source(kind="hub", dataset="org/shop", revision=loose), context)
    with pytest.raises(RecipeError, match="neither a folder nor"):
        check_source(source(kind="hub", dataset="nothing", revision=COMMIT), context)


def test_modelscope(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is played by a module that hands out a folder: what it is asked for, and what becomes of it."""
    write_set(context.root / "cache")
    asked: list[Any] = []
    client = types.ModuleType("modelscope")
    client.dataset_snapshot_download = lambda name, **more: asked.append((name, more)) or str(context.root / "cache")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "modelscope", client)
    config = source(kind="hub", hub="modelscope", dataset="org/shop", revision="v1.0.0")
    assert len(read(config, context)[0]) == 3
    assert asked[0][0] == "org/shop"
    assert asked[0][1]["revision"] == "v1.0.0"
    with pytest.raises(RecipeError, match="not a branch"):
        check_source(source(kind="hub", hub="modelscope", dataset="org/shop", revision="master"), context)
    monkeypatch.setitem(sys.modules, "modelscope", None)
    with pytest.raises(SourceError, match=r"fittingroom\[modelscope\]"):
        check_source(config, context)
