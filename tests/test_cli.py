"""The face on the command line: light, and clear about what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "polars", "pyarrow", "sklearn", "numpy", "daft", "fastapi")


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program as a user starts it, with a key and in English unless said otherwise."""
    env = {**os.environ, "FITTINGROOM_KEY": "k" * 32, "FITTINGROOM_LANG": "en", **environment}
    return subprocess.run(
        [sys.executable, "-m", "fittingroom", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['fittingroom', '--help']\n"
        "from fittingroom.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert done.stdout.strip().endswith("[]")


def test_every_verb_of_the_plan_is_a_command(tmp_path: Path) -> None:
    verbs = (
        "init check run resume runs approve review discover export report explain pitfalls models verify deploy "
        "rollback serve ask monitor"
    )
    shown = run("--help", cwd=tmp_path).stdout
    assert [verb for verb in verbs.split() if f"\n  {verb} " not in shown] == []


def test_wrong_use_is_one_line_and_exit_2(tmp_path: Path) -> None:
    for arguments in (["run", "--nonsense"], ["frobnicate"], ["deploy", "one"]):
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_no_recipe_says_what_to_do_in_both_languages(tmp_path: Path) -> None:
    english = run("run", cwd=tmp_path)
    chinese = run("run", cwd=tmp_path, FITTINGROOM_LANG="zh")
    assert english.returncode == chinese.returncode == 2
    assert "fittingroom init" in english.stderr
    assert "没有这个配方" in chinese.stderr
    assert list(tmp_path.iterdir()) == []


def test_pitfalls_and_pages_in_both_languages(tmp_path: Path) -> None:
    listed = json.loads(run("pitfalls", "--json", cwd=tmp_path).stdout)
    ids = {row["id"] for row in listed}
    wanted = (
        "duplicates leaked-test-examples label-noise conflicting-labels class-imbalance personal-data "
        "all-labels-masked learning-rate-too-high learning-rate-too-low overfitting underfitting majority-collapse "
        "baseline-not-beaten"
    )
    assert set(wanted.split()) <= ids
    page = run("explain", "overfitting", cwd=tmp_path).stdout
    assert "What goes wrong" in page
    assert "出了什么问题" in run("--lang", "zh", "explain", "overfitting", cwd=tmp_path).stdout
    unknown = run("explain", "over-fitting", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "did you mean overfitting" in unknown.stderr
    assert f"lists all {len(ids)}" in unknown.stderr


@pytest.mark.parametrize("arguments", [["--lang", "fr", "runs"], ["runs", "--lang", "fr"]])
def test_a_language_that_is_not_there_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "'fr' is not there: en or zh" in done.stderr
    assert run("runs", "--json", cwd=tmp_path, FITTINGROOM_LANG="fr_FR.UTF-8").returncode == 0, "a terminal's own is"


def test_runs_of_an_empty_workspace_is_an_empty_list(tmp_path: Path) -> None:
    assert json.loads(run("runs", "--json", cwd=tmp_path).stdout) == []
    done = run("resume", cwd=tmp_path)
    assert done.returncode == 2
    assert "no run yet" in done.stderr


@pytest.mark.parametrize("verb", [["ask", "hello"], ["rollback"], ["deploy", "1"]])
def test_nothing_deployed_yet(tmp_path: Path, verb: list[str]) -> None:
    done = run(*verb, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
