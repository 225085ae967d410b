"""The catalogue: found by walking, widened by entry points, guarded against bad settings and detectors that raise."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import Field

from fittingroom import pitfalls
from fittingroom.errors import RecipeError
from fittingroom.pitfalls import catalog, check_settings, detect_all, family, page
from fittingroom.pitfalls.config import PitfallsConfig
from fittingroom.pitfalls.data.personal_data import IN_CHINESE
from fittingroom.text.redact import KINDS
from fittingroom.types import Finding, Frozen, GateDecision, Page, Pitfall, Severity, Text, Verdict

WANTED = {
    "absent-classes", "advertisements", "all-labels-masked", "annotators-disagree", "baseline-not-beaten",
    "broken-encoding", "careless-annotator", "class-imbalance", "conflicting-labels", "contradicting-rules",
    "control-tokens-in-text", "default-reviews", "duplicates", "encoded-twice", "flattened-punctuation",
    "foreign-language", "foreign-placeholders", "future-facts", "held-out-part-too-small", "inconsistent-pseudonyms",
    "label-noise", "leaked-test-examples", "learning-rate-too-high", "learning-rate-too-low", "lost-frequency",
    "machine-made-answers", "majority-collapse", "markup-in-text", "missing-values-as-text", "most-rows-dropped",
    "mostly-copies", "near-copies-merged", "one-order-on-both-sides", "overfitting", "personal-data",
    "personal-data-in-labels", "placeholders-as-style", "poor-audit-model", "rare-class-flagged-as-noise",
    "redacted-too-late", "repeated-rows", "resampled-before-split", "robots-among-events", "rounded-numbers",
    "rules-cover-little", "runtime-download", "secrets-in-addresses", "silent-drift", "stale-facts", "system-phrases",
    "target-in-the-input", "template-leakage", "test-from-the-past", "texts-that-say-nothing", "torn-audit-folds",
    "train-serve-skew", "truncated-answers", "truncated-rows", "two-scripts", "uncorrected-prior", "underfitting",
    "unlabelled-rows", "unread-times", "unreadable-rows", "wrong-chat-template",
    "accumulation-differs", "adapters-misplaced", "adapters-refused", "half-precision-training", "memory-almost-full",
    "model-cannot-be-saved", "no-pad-token", "nothing-trains", "packing-leaks", "scores-depend-on-batch",
    "tied-embeddings-untied", "update-vanishes", "weights-not-trainable", "weights-stay-large",
    "double-bos", "forged-control-tokens", "foreign-chat-template", "half-width-marks", "labels-of-the-same-tokens",
    "labels-with-one-beginning", "loss-on-the-prompt", "missing-end-mark", "no-chat-template",
    "prompt-differs-in-service", "special-ids-disagree", "tokenizer-changes-text",
    "another-mix-of-classes", "answers-cut-off", "answers-that-change", "confused-classes",
    "dead-gradients", "forgetting", "no-baseline", "noisier-training-labels",
    "overconfident-answers", "router-drift", "test-opened-often", "too-few-rows", "too-few-steps", "weak-slice",
    "wrong-checkpoint-kept",
    "answers-too-slow", "forgetting-beyond-the-limit", "slice-below-its-floor", "too-few-rows-to-decide",
    "worse-than-champion", "warm-up-too-short", "rate-cut-too-early", "undersampled-too-far",
}  # fmt: skip
EMPTY = Page(**dict.fromkeys(Page.model_fields, "-"))
DECISION = GateDecision(part="dev", verdict=Verdict.FAIL, checks=[])
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Limits(Frozen):
    """Limits of the pitfalls made here."""

    most: int = Field(default=0, ge=0)


def silent(output: Any, settings: Limits) -> Iterator[Finding]:
    """Finds nothing."""
    return iter(())


def loud(output: Any, settings: Limits) -> Iterator[Finding]:
    """Always finds something."""
    yield Finding(severity=Severity.WARN, summary=Text(en="x", zh="x"), measured={"n": float(settings.most)})


def broken(output: Any, settings: Limits) -> Iterator[Finding]:
    """Raises with a customer's words in its message."""
    raise ValueError("13812345678")


def pit(name: str, detect: Any = silent, rank: int = 50) -> Pitfall:
    return Pitfall(name, "gate", Limits(), detect, lambda finding, used: None, EMPTY, rank)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Values that entry points of the group lead to."""
    values: list[Any] = []
    module = types.ModuleType("made_plugin")
    monkeypatch.setitem(sys.modules, "made_plugin", module)

    def entry_points(*, group: str) -> list[importlib.metadata.EntryPoint]:
        assert group == "fittingroom.pitfalls"
        for number, value in enumerate(values):
            setattr(module, f"value{number}", value)
        return [
            importlib.metadata.EntryPoint(f"made{number}", f"made_plugin:value{number}", group)
            for number in range(len(values))
        ]

    monkeypatch.setattr(pitfalls.importlib.metadata, "entry_points", entry_points)
    catalog.cache_clear()
    yield values
    monkeypatch.undo()
    catalog.cache_clear()


def test_all_are_found_in_their_families() -> None:
    assert set(catalog()) >= WANTED
    assert list(catalog()) == sorted(catalog())
    assert {family(catalog()[name]) for name in WANTED} == {
        "data", "labels", "template", "hyperparameters", "fit", "compute", "evaluation", "deployment", "monitoring",
    }  # fmt: skip


def test_a_file_is_called_as_its_pitfall() -> None:
    for name in WANTED:
        assert catalog()[name].detect.__module__.rsplit(".", 1)[1] == name.replace("-", "_")


@pytest.mark.parametrize("name", sorted(WANTED))
def test_pages_are_whole_in_both_languages(name: str) -> None:
    english, chinese = page(catalog()[name]), page(catalog()[name], "zh-CN")

    for field in Page.model_fields:
        assert getattr(english, field), field
        assert getattr(chinese, field), field
        assert not _CHINESE.search(getattr(english, field)), field
        assert field == "source" or _CHINESE.search(getattr(chinese, field)), field


def test_a_plugin_adds_its_own(plugins: list[Any]) -> None:
    plugins.append(pit("made-here", loud))

    assert "made-here" in catalog()
    assert [one.pitfall for one in detect_all(DECISION, "gate", settings={}, disabled=[])] == ["made-here"]


def test_two_of_one_id_are_refused(plugins: list[Any]) -> None:
    plugins += [pit("overfitting")]

    with pytest.raises(ValueError, match="two pitfalls are called overfitting"):
        catalog()


def test_a_plugin_that_is_no_pitfall_is_refused(plugins: list[Any]) -> None:
    plugins += ["a text"]

    with pytest.raises(TypeError, match="made0"):
        catalog()


def test_a_guard_that_raises_blocks(plugins: list[Any]) -> None:
    plugins += [dataclasses.replace(pit("made-guard", broken), guards=True)]

    (finding,) = detect_all(DECISION, "gate", settings={}, disabled=[])

    assert finding.severity is Severity.BLOCK
    assert "13812345678" not in finding.summary.en


def test_a_detector_that_raises_becomes_a_finding(plugins: list[Any]) -> None:
    plugins += [pit("made-broken", broken, rank=1), pit("made-loud", loud, rank=2)]

    first, second = detect_all(DECISION, "gate", settings={}, disabled=[])

    assert (first.pitfall, first.stage, first.severity) == ("made-broken", "gate", Severity.INFO)
    assert "check failed" in first.summary.en
    assert "ValueError" in first.summary.en
    assert "检查失败" in first.summary.zh
    assert "1381" not in first.model_dump_json()
    assert second.pitfall == "made-loud"


def test_settings_and_switches_of_the_recipe_count(plugins: list[Any]) -> None:
    plugins += [pit("made-loud", loud)]

    (moved,) = detect_all(DECISION, "gate", settings={"made-loud": {"most": 3}}, disabled=[])

    assert moved.measured == {"n": 3.0}
    assert detect_all(DECISION, "gate", settings={}, disabled=["made-loud"]) == []


def test_findings_come_in_order_of_rank(plugins: list[Any]) -> None:
    plugins += [pit("made-a", loud, rank=9), pit("made-b", loud, rank=3)]

    assert [one.pitfall for one in detect_all(DECISION, "gate", settings={}, disabled=[])] == ["made-b", "made-a"]


@pytest.mark.parametrize(
    ("section", "place"),
    [
        (PitfallsConfig(disable=["no-such-pit"]), "no-such-pit"),
        (PitfallsConfig(settings={"no-such-pit": {}}), "no-such-pit"),
        (PitfallsConfig(settings={"overfitting": {"gap": 2}}), "pitfalls.settings.overfitting.gap"),
        (PitfallsConfig(settings={"overfitting": {"gop": 0.2}}), "pitfalls.settings.overfitting.gop"),
    ],
)
def test_bad_settings_name_their_place(section: PitfallsConfig, place: str) -> None:
    with pytest.raises(RecipeError) as caught:
        check_settings(section)

    assert place in caught.value.text("en")
    assert place in caught.value.text("zh")


def test_good_settings_pass() -> None:
    check_settings(PitfallsConfig(disable=["duplicates"], settings={"overfitting": {"gap": 0.2}}))


def test_every_kind_of_personal_data_has_a_chinese_name() -> None:
    assert set(IN_CHINESE) == set(KINDS)
