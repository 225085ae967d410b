"""Answers that cannot be learnt are told before anything is trained: what, which rows, what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fittingroom.cli import main
from shop import RECIPE, messages, write_csv, write_shop


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", "k" * 32)
    monkeypatch.setenv("FITTINGROOM_LANG", "en")


def labelled(folder: Path, rename: Callable[[int, str], str], task: str = "", train: str = "") -> Path:
    """The small shop with other labels and other words in its recipe."""
    write_shop(folder, rows=60)
    write_csv(
        folder / "messages.csv",
        [row | {"label": rename(number, row["label"])} for number, row in enumerate(messages(60))],
    )
    text = RECIPE.replace("target: label", f"target: label{task}").replace("epochs: 2", f"epochs: 2{train}")
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return folder


def said(folder: Path, capsys: pytest.CaptureFixture[str], verb: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and the last line of the errors."""
    with pytest.raises(SystemExit) as stop:
        main(["-w", str(folder), verb, *arguments])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    return int(stop.value.code or 0), shown.out, (shown.err.strip().splitlines() or [""])[-1]


LONG = "the parcel came late, broken and in the wrong colour " * 110


@pytest.mark.parametrize("verb", ["check", "run"])
def test_an_answer_longer_than_the_context_names_its_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    folder = labelled(tmp_path / "shop", lambda number, label: LONG if number % 6 == 0 else label)
    code, _, line = said(folder, capsys, verb)
    assert code == 2
    found = re.search(
        r"task\.target: 1 answer\(s\) do not fit into the 1024 tokens .* (\d+) training row\(s\): (\S+),", line
    )
    assert found, line
    assert "task.aliases" in line
    assert LONG[:20] not in line
    assert not list((folder / "runs").glob("*/weights")) if (folder / "runs").exists() else True


def test_rows_without_room_for_their_answer_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "Say which desk of the shop shall answer this message of a customer and nothing else at all."
    folder = labelled(tmp_path / "shop", lambda _, label: label, f', instruction: "{words}"', ", max_length: 16")
    code, out, _ = said(folder, capsys, "check", "--json")
    (finding,) = [one for one in json.loads(out)["findings"] if one["pitfall"] == "all-labels-masked"]
    assert code == 1
    assert finding["severity"] == "block"
    assert len(finding["examples"]) == 20


def test_rows_with_an_empty_answer_are_dropped_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = labelled(tmp_path / "shop", lambda number, label: " \u3000" if number % 3 == 0 else label)
    code, out, _ = said(folder, capsys, "check", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["reasons"]["label"]["not labelled"] == 20


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (', labels: [refund, "", praise]', r"task\.labels.*a label is empty.*write its name"),
        (', aliases: {"refund": " "}', r"task\.aliases.*a label is empty"),
        (
            ", labels: [refund, ＲＥＦＵＮＤ, delivery, praise]",
            r"task\.labels: the labels 'refund' and 'ＲＥＦＵＮＤ' differ only",
        ),
    ],
)
def test_labels_that_are_empty_or_the_same_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str, told: str
) -> None:
    folder = labelled(tmp_path / "shop", lambda _, label: label, task)
    code, _, line = said(folder, capsys, "check")
    assert code == 2
    assert re.search(told, line), line


def test_labels_that_only_differ_in_width_or_case_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = labelled(tmp_path / "shop", lambda number, label: label.upper() if number % 4 == 0 else label)
    code, out, _ = said(folder, capsys, "check", "--json")
    assert code == 0
    assert set(json.loads(out)["facts"]["label"]["classes"]) == {"refund", "delivery", "praise"}


def test_labels_of_the_same_tokens_end_the_run_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands before the end of a thought is left out of an answer: two labels become one."""
    folder = labelled(tmp_path / "shop", lambda number, label: "maybe</think>refund" if number % 4 == 0 else label)
    code, out, _ = said(folder, capsys, "check", "--json", "--set", "prepare.clean.control_tokens=false")
    told = json.loads(out)
    assert code == 1
    assert re.search(r"1 pairs of 4 labels .*maybe</think>refund / refund", told["blocked"]["en"])
    assert "labels-of-the-same-tokens" in [one["pitfall"] for one in told["findings"]]
