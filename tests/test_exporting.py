"""`export`: what other tools get is what was trained on, redacted, and our own reader reads it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fittingroom.cli import main
from fittingroom.config import load
from fittingroom.engine import Context
from fittingroom.errors import StoreError, UserError
from fittingroom.exporting import FORMATS
from fittingroom.history import History
from fittingroom.pipeline import data_road
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.types import Splits
from fittingroom.workspace import Workspace
from shop import messages, write_csv, write_shop
from sources.reading import read, source

PHONE = "13812345678"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Splits]:
    """A run that went as far as its balanced rows."""
    folder = write_shop(tmp_path_factory.mktemp("export") / "shop", rows=90)
    rows = messages(90)
    for row in rows[::5]:
        row["text"] += f",call {PHONE}"
    write_csv(folder / "messages.csv", rows)
    config = load(folder / "recipe.yaml", ["task.instruction=Which label?", "balance.method=oversample"])
    run = Run(History(folder).create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)
    return folder, data_road(config, run)


def rows_of(splits: Splits, part: str) -> list[tuple[str, str]]:
    return sorted((row["input"]["text"], row["target"]["label"]) for row in splits.parts()[part].dicts())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("part", ["train", "test"])
def test_what_is_written_is_read_back(shop: tuple[Path, Splits], form: str, part: str, tmp_path: Path) -> None:
    folder, splits = shop
    done = Workspace(folder).export(out=tmp_path / "out", form=form, part=part)
    assert done.rows == splits.parts()[part].rows
    assert done.files[0] == f"tiny-{part}.jsonl"
    text = (tmp_path / "out" / done.files[0]).read_text("utf-8")
    assert PHONE not in text
    assert "[MOBILE]" in text
    context = Context(root=tmp_path / "out", scratch=tmp_path, secret=b"k" * 32)
    given: dict[str, Any] = {"kind": "chat", "path": done.files[0]}
    if form == "llamafactory":
        given = {"kind": "chat", "path": "dataset_info.json", "dataset": f"tiny-{part}"}
    back, rejected = read(source(**given), context)
    assert not rejected
    assert sorted((row["prompt"], row["response"]) for row in back) == rows_of(splits, part)
    assert {row["system"] for row in back} == {"Which label?"}


@pytest.mark.parametrize("form", ["messages", "sharegpt", "alpaca", "prompt-completion"])
def test_another_format_in_the_same_folder_is_declared_as_it_is(
    shop: tuple[Path, Splits], form: str, tmp_path: Path
) -> None:
    folder, splits = shop
    Workspace(folder).export(out=tmp_path, form="llamafactory", part="test")
    Workspace(folder).export(out=tmp_path, form="llamafactory")
    other = json.loads((tmp_path / "dataset_info.json").read_text("utf-8"))["tiny-test"]
    assert Workspace(folder).export(out=tmp_path, form=form).files[-1] == "dataset_info.json"
    info = json.loads((tmp_path / "dataset_info.json").read_text("utf-8"))
    assert info.pop("tiny-test") == other
    if form == "prompt-completion":
        assert info == {}, "LLaMA-Factory does not know it"
        return
    context = Context(root=tmp_path, scratch=tmp_path, secret=b"k" * 32)
    back, rejected = read(source(kind="chat", path="dataset_info.json", dataset="tiny-train"), context)
    assert not rejected
    assert sorted((row["prompt"], row["response"]) for row in back) == rows_of(splits, "train")


def test_a_spoilt_dataset_info_is_told(shop: tuple[Path, Splits], tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text("[1", "utf-8")
    for form in ("messages", "llamafactory"):
        with pytest.raises(UserError, match="no JSON object") as caught:
            Workspace(shop[0]).export(out=tmp_path, form=form)
        assert caught.value.place.endswith("dataset_info.json")


def test_the_command(shop: tuple[Path, Splits], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, splits = shop
    main(["-w", str(folder), "--lang", "en", "export", "--format", "alpaca", "--out", str(tmp_path / "o"), "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "rows": splits.train.rows, "part": "train", "format": "alpaca",
        "files": ["tiny-train.jsonl", "tiny-train.rows.json"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("language", "note"), [("en", "outside the workspace, where `forget` does not reach"), ("zh", "在工作区之外")]
)
def test_what_forget_does_not_reach_is_told(
    shop: tuple[Path, Splits], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    language: str, note: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    call = ["-w", str(shop[0]), "--lang", language, "export", "--json"]
    main(call)
    told = capsys.readouterr()
    assert note in told.err
    assert json.loads(told.out)["rows"] > 0
    main([*call, "--out", str(shop[0] / "export")])
    assert note not in capsys.readouterr().err
    monkeypatch.chdir(shop[0])
    main(["--lang", language, "export"])
    assert note not in capsys.readouterr().err


def test_what_cannot_be_exported_is_told(shop: tuple[Path, Splits], tmp_path: Path) -> None:
    folder, _ = shop
    with pytest.raises(UserError, match="is one of alpaca"):
        Workspace(folder).export(out=tmp_path, form="parquet")
    with pytest.raises(UserError, match="is one of train"):
        Workspace(folder).export(out=tmp_path, part="everything")
    config = load(folder / "recipe.yaml")
    empty = tmp_path / "other"
    History(empty).create(config, "recipe.yaml")
    with pytest.raises(StoreError, match="no balanced rows"):
        Workspace(empty).export(out=tmp_path)
