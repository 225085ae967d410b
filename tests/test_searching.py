"""A search on a budget: it proposes, ends what is hopeless, survives a kill, and never looks at the test part."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("optuna", reason="the extra `search` is not installed")

from fittingroom import searching
from fittingroom.config import RunConfig
from fittingroom.errors import Interrupted, ModelError, NoRoom, RecipeError, UserError
from fittingroom.training.config import TrainConfig
from fittingroom.training.finders import study as studies
from fittingroom.training.finders.space import SearchConfig
from fittingroom.training.finders.study import Report, Values, search
from fittingroom.workspace import Workspace
from shop import write_shop
from tiny_model import tiny_folder

SPACE: dict[str, Any] = {"learning_rate": [1e-4, 1e-1, "log"], "batch_size": [8, 32], "trials": 9, "minutes": 100.0}


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No search opens a connection: every one is refused here, and none is asked for."""
    import socket

    def refused(*given: object) -> None:
        raise AssertionError(f"a connection: {given[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


class Killed(BaseException):
    """Like a kill: no `except Exception` sees it."""


class Hill:
    """Trainings whose score is known: highest at a rate of 1e-2; batches of 32 come out worse."""

    def __init__(self, *, kill_at: int | None = None) -> None:
        self.asked: list[Values] = []
        self.kill_at = kill_at

    def __call__(self, values: Values, report: Report) -> float:
        import math

        self.asked.append(values)
        if len(self.asked) - 1 == self.kill_at:
            raise Killed
        top = 1.0 - 0.3 * abs(math.log10(values["learning_rate"]) + 2) - (0.2 if values["batch_size"] == 32 else 0.0)
        for step in (1, 2, 3):
            if report(step, top * step / 3):
                return top * step / 3
        return top


def searched(folder: Path, hill: Hill, **changes: Any) -> studies.Study:
    config = SearchConfig.model_validate({**SPACE, **changes})
    return search(folder, config, hill, start={"learning_rate": 1e-3, "batch_size": 8}, seed=5)


def test_the_recipes_own_values_come_first_and_the_best_wins(tmp_path: Path) -> None:
    hill = Hill()
    study = searched(tmp_path, hill)
    assert hill.asked[0] == {"learning_rate": 1e-3, "batch_size": 8}
    assert len(study.tried) == 9
    assert study.ended == "trials"
    best = study.best()
    assert best is not None
    assert best.score == max(one.score or 0 for one in study.tried if one.ended == "completed")
    assert "pruned" in {one.ended for one in study.tried}
    assert {path.name for path in tmp_path.iterdir()} == {"study.sqlite3"}


def test_a_search_that_is_killed_proposes_what_an_undisturbed_one_would(tmp_path: Path) -> None:
    whole = searched(tmp_path / "whole", Hill())
    asked: list[Values] = []
    for kill_at in (0, 3, 2, None):
        hill = Hill(kill_at=kill_at)
        if kill_at is None:
            study = searched(tmp_path / "killed", hill)
        else:
            with pytest.raises(Killed):
                searched(tmp_path / "killed", hill)
        if asked:
            assert hill.asked[0] == asked[-1], "what was under way is taken up first"
        asked = hill.asked
    assert [(one.values, one.score, one.ended) for one in study.tried] == [
        (one.values, one.score, one.ended) for one in whole.tried
    ]
    more = searched(tmp_path / "killed", Hill(), trials=11)
    assert len(more.tried) == 11


_CHILD = """
import sys, time
from pathlib import Path
from fittingroom.training.finders.space import SearchConfig
from fittingroom.training.finders.study import search

def judge(values, report):
    report(1, values["learning_rate"])
    with open(sys.argv[1] + "/asked", "a") as file:
        file.write(f"{values['learning_rate']}\\n")
    time.sleep(600 if sum(1 for _ in open(sys.argv[1] + "/asked")) == 3 else 0)
    return values["learning_rate"]

search(Path(sys.argv[1]) / "study", SearchConfig(learning_rate=(0.1, 0.9), trials=5), judge, start={}, seed=5)
"""


def test_a_process_that_is_killed_leaves_a_study_that_goes_on(tmp_path: Path) -> None:
    import subprocess
    import sys
    import time

    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path)])
    asked = tmp_path / "asked"
    until = time.monotonic() + 120
    while not (asked.exists() and len(asked.read_text().splitlines()) == 3):
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    child.kill()  # SIGKILL
    child.wait()
    before = [float(line) for line in asked.read_text().splitlines()]
    again: list[float] = []

    def judge(values: Values, report: Report) -> float:
        again.append(values["learning_rate"])
        return float(values["learning_rate"])

    config = SearchConfig(learning_rate=(0.1, 0.9), trials=5)
    study = search(tmp_path / "study", config, judge, start={}, seed=5)
    assert again[0] == before[2], "what was under way comes first"
    assert [one.values["learning_rate"] for one in study.tried] == [*before, *again[1:]]
    assert len(again) == 3


def test_the_time_is_kept_and_a_failure_is_no_end(tmp_path: Path) -> None:
    assert searched(tmp_path / "a", Hill(), minutes=1e-9).ended == "minutes"

    def broken(values: Values, report: Report) -> float:
        raise ValueError("cannot be trained")

    study = search(tmp_path / "b", SearchConfig(**{**SPACE, "trials": 2}), broken, start={}, seed=1)
    assert [(one.ended, one.why, one.score) for one in study.tried] == [("failed", "ValueError", None)] * 2
    assert study.best() is None


@pytest.mark.parametrize(
    "error",
    [
        NoRoom("full", "已满", place="trials"),
        OSError(28, "No space left on device"),
        ModelError("the weights cannot be loaded", "权重无法加载", place="base"),
        Interrupted("stopped", "已停止"),
    ],
)
def test_what_no_values_are_to_blame_for_ends_the_search_and_it_goes_on(error: Exception, tmp_path: Path) -> None:
    def broken(values: Values, report: Report) -> float:
        raise error

    config = SearchConfig.model_validate({**SPACE, "trials": 2})
    with pytest.raises(type(error)):
        search(tmp_path, config, broken, start={"learning_rate": 1e-3, "batch_size": 8}, seed=5)
    hill = Hill()
    study = search(tmp_path, config, hill, start={}, seed=5)
    assert hill.asked[0] == {"learning_rate": 1e-3, "batch_size": 8}, "what was under way is taken up"
    assert [one.ended for one in study.tried] == ["completed"] * 2


def test_a_failure_keeps_what_it_says_but_no_text_of_a_row(tmp_path: Path) -> None:
    errors = [
        ModelError("one row does not fit", "放不下", place="train"),
        RuntimeError("shapes 3 and 4 differ\nand more"),
        ValueError("cannot encode 'my name is Ann'"),
    ]

    def broken(values: Values, report: Report) -> float:
        raise errors.pop(0)

    study = search(tmp_path, SearchConfig(**{**SPACE, "trials": 3}), broken, start={}, seed=1)
    assert [one.why for one in study.tried] == [
        "ModelError: train: one row does not fit", "RuntimeError: shapes 3 and 4 differ", "ValueError",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("section", "train", "place"),
    [
        ({"dropout": [0.5, 1.5]}, {}, "search.dropout = 1.5"),
        ({"learning_rate": [1.0, 50.0]}, {}, "search.learning_rate = 50.0"),
        ({"weight_decay": [-1.0, 0.5]}, {}, "search.weight_decay = -1.0"),
        ({"warmup": [0.1, 0.9], "schedule": ["wsd"]}, {"decay": 0.5}, "search.schedule = wsd, search.warmup = 0.9"),
        ({"lora_rank": [8, 16]}, {"method": "full"}, "search.lora_rank"),
        ({}, {}, "search"),
    ],
)
def test_what_train_would_refuse_is_refused_before_anything_is_read(
    section: dict[str, Any], train: dict[str, Any], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shop(tmp_path, rows=60)
    (tmp_path / "messages.csv").unlink()  # what is not even looked for
    monkeypatch.setenv("FITTINGROOM_KEY", "0123456789abcdef0123")
    said = [f"search={json.dumps(section)}", *(f"train.{name}={value}" for name, value in train.items())]
    with pytest.raises(RecipeError) as caught:
        Workspace(tmp_path).search(sets=said)
    assert caught.value.place == place
    assert caught.value.zh != caught.value.en


def test_a_drawn_value_never_leaves_its_limits_and_wsd_can_be_searched(tmp_path: Path) -> None:
    asked: list[Values] = []

    def judge(values: Values, report: Report) -> float:
        asked.append(values)
        TrainConfig.model_validate(values)
        return float(values["dropout"])

    config = SearchConfig(dropout=(0.9991, 0.99999), schedule=["wsd"], trials=4)
    study = search(tmp_path, config, judge, start={}, seed=3)
    assert all(0.9991 <= one["dropout"] <= 0.99999 for one in asked)
    assert [one.values for one in study.tried] == asked


def test_what_cannot_be_searched_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({"learning_rate": [1e-2, 1e-3]}, {"learning_rate": [0, 1, "log"]}, {"lora_rank": [0]}, {"trials": 0}):
        with pytest.raises(ValueError, match=r"search|greater"):
            SearchConfig.model_validate(wrong)
    write_shop(tmp_path, rows=60)
    monkeypatch.setenv("FITTINGROOM_KEY", "0123456789abcdef0123")
    with pytest.raises(RecipeError, match="nothing to search"):
        Workspace(tmp_path).search()
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(UserError, match="Optuna"):
        search(tmp_path / "c", SearchConfig.model_validate(SPACE), Hill(), start={}, seed=1)


def test_the_verb_trains_on_train_judges_on_dev_and_proposes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shop(tmp_path, rows=90)
    monkeypatch.setenv("FITTINGROOM_KEY", "0123456789abcdef0123")
    sets = [
        f"model.base={tiny_folder()}",
        "train.learning_rate=auto",
        "search={learning_rate: [1.0e-4, 3.0e-2, log], batch_size: [8, 16], trials: 3, share: 0.5}",
    ]
    seen: list[set[str]] = []
    true = searching.fit

    def watched(model: Any, **given: Any) -> Any:
        seen.append({*given["rows"].row_ids, *given["probe"].dev.row_ids, *given["probe"].train.row_ids})
        if len(seen) == 2:
            raise Killed
        return true(model, **given)

    monkeypatch.setattr(searching, "fit", watched)
    with pytest.raises(Killed):
        Workspace(tmp_path).search(sets=sets)
    found = Workspace(tmp_path).search(sets=sets)
    assert len(seen) == 4, "the training that was cut off is done again, the first one is not"
    assert len(found.trials) == 3
    assert found.patch.keys() == {"train.learning_rate", "train.batch_size"}
    assert found.dev_rows > 0
    config: RunConfig = Workspace(tmp_path)._load("recipe.yaml", sets)
    assert config.patched(found.patch).train.learning_rate == found.patch["train.learning_rate"]
    test = _ids_of_test(tmp_path, config)
    assert test
    assert not any(test & ids for ids in seen)
    page = (tmp_path / found.report).read_text("utf-8")
    assert "<svg" in page
    assert f"train.batch_size={found.patch['train.batch_size']}" in page
    assert "learning_rate" in (tmp_path / found.proposal).read_text("utf-8")
    assert "搜索" in (tmp_path / "searches" / found.id / "search.zh.html").read_text("utf-8")
    assert not (tmp_path / "searches" / found.id / "trials").exists()


def test_another_base_replay_file_or_device_is_another_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told of a recipe by its words alone may mean other files tomorrow."""
    write_shop(tmp_path, rows=60)
    monkeypatch.setenv("FITTINGROOM_KEY", "0123456789abcdef0123")
    shutil.copytree(tiny_folder(), tmp_path / "base")
    replay = tmp_path / "general.jsonl"
    replay.write_text("{}\n")
    folders: list[Path] = []

    def noted(folder: Path, *given: Any, **named: Any) -> studies.Study:
        folder.mkdir(parents=True, exist_ok=True)
        folders.append(folder)
        return studies.Study([], 0.0, "trials")

    monkeypatch.setattr(searching, "search", noted)
    monkeypatch.setattr(searching, "_Bench", lambda *given: SimpleNamespace(judge=None, start=dict, dev_rows=1))
    run: Any = SimpleNamespace(digest=lambda splits: "rows", secret=b"key")
    plan: Any = object()

    def found(**changes: Any) -> str:
        sets = ["model.base=base", "train.replay={path: general.jsonl}", f"search={json.dumps({**SPACE, **changes})}"]
        config = Workspace(tmp_path)._load("recipe.yaml", sets)
        return searching.search_recipe(tmp_path, config, plan, run, lambda *told: None, plan).id

    names = [found()]
    assert found() == found(trials=20) == names[0], "a budget may be raised"
    replay.write_text('{"messages": []}\n')
    names.append(found())
    config = tmp_path / "base" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "rms_norm_eps": 1e-5}))
    names.append(found())
    monkeypatch.setattr(searching, "device", lambda wanted: SimpleNamespace(name="another"))
    names.append(found())
    assert len(set(names)) == 4
    assert all(folder.is_dir() for folder in folders), "the old ones are left alone"


def _ids_of_test(root: Path, config: RunConfig) -> set[str]:
    from fittingroom.pipeline import data_road

    run = Workspace(root)._run(root / "checks" / "look")
    run.folder.mkdir(parents=True)
    return set(data_road(config, run).test.arrow()["id"].to_pylist())
