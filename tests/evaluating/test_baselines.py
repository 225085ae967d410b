"""Baselines of closed sets: each says what it should, on the rows it was asked, or why it could not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluating.judged import setting, tiny_encoder
from fittingroom.engine import Context
from fittingroom.evaluating import closed
from fittingroom.evaluating.baselines import champion
from fittingroom.serving.predictor import Predictor
from fittingroom.serving.registry import move_alias, register
from fittingroom.stages.evaluate import evaluate
from fittingroom.stages.evaluate import observes as observed
from fittingroom.store import Store
from fittingroom.types import Bundle, EvalReport, Folder
from serving.bundles import make_bundle


def _score(report: EvalReport, name: str) -> float:
    found = next(score for score in report.baselines if score.name == name)
    assert found.error == ""
    assert 0 < found.p_values["accuracy"] <= 1
    return found.metrics["accuracy"].value


def test_an_encoder_frozen_and_tuned_learns_what_the_words_say(context: Context) -> None:
    tiny_encoder(context.root / "bert")
    frozen = closed.judge(setting(context, baselines=["encoder", "majority"], encoder={"path": "bert"}))
    folder = context.root / "bundle"
    tuned = {"path": "bert", "tune": True, "epochs": 12, "learning_rate": 5e-3}
    report = closed.judge(setting(context, folder, baselines=["encoder"], encoder=tuned))
    assert _score(frozen, "encoder") >= 0.7 > _score(frozen, "majority")
    assert _score(report, "encoder") >= 0.7
    again = closed.judge(setting(context, folder, baselines=["encoder"], encoder=tuned))
    assert again.predictions.digest == report.predictions.digest


def test_an_encoder_that_could_run_code_or_is_not_there_is_told(context: Context) -> None:
    folder = tiny_encoder(context.root / "bert")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    report = closed.judge(setting(context, baselines=["encoder", "majority"], encoder={"path": "bert"}))
    assert "pickle" in report.baselines[0].error
    assert report.baselines[1].error == ""
    missing = closed.judge(setting(context, context.root / "bundle", baselines=["encoder"], encoder={"path": "none"}))
    assert "evaluate.encoder.path = none" in missing.baselines[0].error
    torn = tiny_encoder(context.root / "torn") / "model.safetensors"
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    report = closed.judge(
        setting(context, context.root / "bundle", baselines=["encoder", "majority"], encoder={"path": "torn"})
    )
    assert "SafetensorError" in report.baselines[0].error
    assert report.baselines[1].error == "", "the rest of the report stands"
    with pytest.raises(ValueError, match="needs its folder"):
        setting(context, context.root / "bundle", baselines=["encoder"])


def test_a_head_on_the_base_frozen_and_tuned(context: Context) -> None:
    frozen = closed.judge(setting(context, baselines=["head"]))
    assert _score(frozen, "head") >= 0.5  # random features of a random model still tell words apart
    tuned = {"tune": True, "epochs": 6, "learning_rate": 5e-3}
    report = closed.judge(setting(context, context.root / "bundle", baselines=["head"], head=tuned))
    assert _score(report, "head") >= 0.5


def test_few_shot_shows_each_class_and_only_what_fits(context: Context) -> None:
    judged = setting(context, baselines=["few_shot", "untuned"], few_shot={"examples": 2}, untuned_rows=20)
    report = closed.judge(judged)
    told = report.facts["baseline_facts"]["few_shot"]
    assert told == {"examples": 8, "wanted": 8, "classes": 4}
    table = report.predictions.frame()
    assert table["few_shot"].is_not_null().sum() == report.facts["baseline_rows"]["few_shot"] == 20
    assert (table["few_shot"].is_null() == table["untuned"].is_null()).all()
    many = closed.judge(setting(context, context.root / "bundle", baselines=["few_shot"], few_shot={"examples": 100}))
    told = many.facts["baseline_facts"]["few_shot"]
    assert told["wanted"] == 60
    assert 8 < told["examples"] < 60  # the model reads 512 tokens


def test_examples_stand_between_the_system_turn_and_the_question(context: Context) -> None:
    base = Predictor.load(make_bundle(context.root / "bundle"), threads=1, weights="base", root=context.root)
    before = [{"role": "user", "content": "great"}, {"role": "assistant", "content": "good"}]
    plain, shown = base.score([{"review": "awful"}]), base.score([{"review": "awful"}], before=before)
    assert not np.allclose(plain, shown)
    assert np.allclose(base.score([{"review": "awful"}], before=[]), plain)


def test_the_champion_answers_through_its_own_bundle(context: Context) -> None:
    store = Store(context.root)
    other = make_bundle(context.root / "other", labels=["good", "bad", "late"], temperature=1.0)
    digest = store.publish(Bundle(folder=Folder(other)))
    kept = register(context.root, bundle=digest, run="r", name="n", base="b", metrics={})
    judged = setting(context, baselines=["champion"])
    none = closed.judge(judged)
    assert "no release stands behind the alias champion" in none.baselines[0].error
    assert observed(evaluate=judged.config, deploy=judged.config, context=context) == {"champion": "none of 1"}
    move_alias(context.root, "champion", kept.version)
    assert observed(evaluate=judged.config, deploy=judged.config, context=context) == {"champion": digest}
    report = closed.judge(judged)
    said = Predictor.load(other, threads=1).classify([row["input"]["review"] for row in judged.rows.dicts()])
    assert report.predictions.frame()["champion"].to_list() == [one.label for one in said]
    assert _score(report, "champion") <= 0.5
    assert any(one.label == "late" for one in said) == ("late" in report.baselines[0].per_class)


def test_a_champion_that_is_gone_or_does_another_job_is_told(context: Context) -> None:
    store = Store(context.root)
    other = make_bundle(context.root / "other", labels=["up", "down"])
    digest = store.publish(Bundle(folder=Folder(other)))
    move_alias(
        context.root, "champion", register(context.root, bundle=digest, run="r", name="n", base="b", metrics={}).version
    )
    judged = setting(context, baselines=["champion", "majority"])
    assert "another job" in closed.judge(judged).baselines[0].error
    store.discard(digest)
    report = evaluate(
        judged.bundle, judged.splits, evaluate=judged.config, task=judged.task, seed=7, part="dev", context=context
    )
    assert "is gone" in report.baselines[0].error
    assert report.baselines[1].metrics
    assert report.facts["champion"] == {"alias": "champion", "release": 1, "bundle": digest}


def test_a_misspelt_alias_is_no_first_release(context: Context) -> None:
    """Nor is one whose file was lost; releases of other jobs, and the one that is judged, are none to compare with."""
    store = Store(context.root)
    digest = store.publish(Bundle(folder=Folder(make_bundle(context.root / "other", labels=["up", "down"]))))
    version = register(context.root, bundle=digest, run="r", name="n", base="b", metrics={}).version
    move_alias(context.root, "chanpion", version)
    judged = setting(context, baselines=["champion"])
    assert champion.passed_over(judged) == []  # it does another job: no label is the same
    own = store.publish(Bundle(folder=Folder(make_bundle(context.root / "own"))))
    alike = register(context.root, bundle=own, run="r", name="n", base="b", metrics={}).version
    assert champion.told(judged)["passed_over"] == [alike]
    itself = setting(context, store.objects / own / "folder", baselines=["champion"])
    assert champion.passed_over(itself) == []
    move_alias(context.root, "champion", alike)
    assert champion.passed_over(judged) == []
    store.discard(digest)
    (context.root / "registry" / "aliases.json").unlink()
    assert champion.passed_over(judged) == [version, alike]


def test_measurements_beside_the_scores(context: Context) -> None:
    report = closed.judge(setting(context, make_bundle(context.root / "bundle", max_length=16), latency_rows=12))
    assert report.timing["latency_rows"] == 12
    assert 0 < report.timing["p50_ms"] <= report.timing["p95_ms"]
    assert report.timing["rows_per_second"] > 0
    assert report.facts["truncated"]["rows"] > 0
    assert report.facts["truncated"]["tokens"] >= report.facts["truncated"]["rows"]
    assert report.facts["order"] == {"shown": False, "rows": 0, "permutations": 0}
    times = [entry for entry in report.facts["slices"] if entry["by"] == "time"]
    assert [entry["rows"] for entry in times] == [13, 13, 14]
    assert all(entry["few"] for entry in times)
    rare = [entry["value"] for entry in report.facts["slices"] if entry["by"] == "frequency"]
    assert rare == ["rare"]  # 15 rows of each class in train
    json.dumps(report.facts)


def test_what_is_judged_is_what_is_answered_when_the_model_abstains(context: Context, tmp_path: Path) -> None:
    task = {"kind": "classify", "input": ["review"], "target": "label", "none_of_these": "none", "precision": 0.9}
    told = {"wanted": 0.9, "threshold": 0.3, "rows": 9, "coverage": 0.5, "precision": 0.9, "lower": 0.9, "needed": 4}
    folder = make_bundle(context.root / "bundle", task=task, abstention=told)
    judged = setting(context, folder)
    report = closed.judge(judged)
    said = Predictor.load(folder, threads=1).classify([row["input"]["review"] for row in judged.rows.dicts()])
    table = report.predictions.frame()
    assert table["predicted"].to_list() == [one.label for one in said]
    assert table["abstained"].to_list() == [one.abstained for one in said]
    assert report.facts["abstention"]["answered"] == sum(not one.abstained for one in said)
    assert report.facts["none_of_these"]["said"] == sum(one.label == "none" for one in said)
    assert [entry["value"] for entry in report.facts["slices"] if entry["by"] == "scope"] == ["in scope"]
