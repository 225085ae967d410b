"""The loop, with attempts that cost nothing: what each one scores and finds is written down beforehand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fittingroom import pipeline, resorting
from fittingroom.config import RunConfig, load
from fittingroom.diagnose import diagnose
from fittingroom.errors import RecipeError, UserError
from fittingroom.history import History
from fittingroom.loop import Stand
from fittingroom.pipeline import Outcome, adapt
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.types import Expected, Finding, Plan, Remedy, Safety, Severity, Splits, Text, Verdict
from shop import write_shop

WORDS = Text(en="x", zh="某")


def finding(pitfall: str, *, proven: bool = False, **measured: float) -> Finding:
    return Finding(pitfall=pitfall, severity=Severity.WARN, summary=WORDS, measured=measured, proven=proven)


LOW = finding("learning-rate-too-low", proven=True, best_factor=10.0, rise=0.2)
OVER = finding("overfitting", best_epoch=1.0, last_epoch=2.0)
NOISE = finding("label-noise", wrong_share_before=0.2).model_copy(update={"limits": {"wrong_share": 0.05}})
ADVICE = finding("too-few-rows", gain=0.1)
PLAN = Plan(
    method="lora", learning_rate=1e-3, batch_size=8, pass_tokens=64, epochs=1.0, steps=4, warmup_steps=0,
    schedule="cosine", weight_decay=0.0, dropout=0.0, max_length=16,
)  # fmt: skip


class Road:
    """Stands in for an attempt: a score and findings by what the configuration says."""

    def __init__(self, told: Callable[[RunConfig], tuple[float | None, list[Finding]]]) -> None:
        self.told = told
        self.seen: list[RunConfig] = []

    def attempt(self, config: RunConfig, run: Run) -> Any:
        self.seen.append(config)
        score, found = self.told(config)
        run.findings += found
        verdict = Verdict.PASS if score is not None and score >= config.gate.at_least else Verdict.FAIL
        metrics = {} if score is None else {"macro_f1": SimpleNamespace(value=score)}
        report = SimpleNamespace(part="dev", model=SimpleNamespace(metrics=metrics))
        return SimpleNamespace(
            report=report, decision=SimpleNamespace(verdict=verdict, checks=[]), bundle=None, splits=None
        )


def trained(reached: float) -> Callable[..., Stand]:
    """Stands in for `stood`: every attempt came to `reached` while it was trained."""
    splits: Any = SimpleNamespace()
    return lambda ended, config, run, judged, decision: Stand(ended, config, PLAN, splits, "digest", reached)


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the loop over a made-up road; gives the outcome, the run and the road."""
    folder = write_shop(tmp_path)

    def go(told: Any, *sets: str) -> tuple[Outcome, Run, Road]:
        road = Road(told)
        config = load(
            folder / "recipe.yaml", ["gate.metric=macro_f1", "gate.at_least=0.8", "adapt.max_attempts=6", *sets]
        )
        run = Run(History(folder).create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)
        monkeypatch.setattr(pipeline, "attempt", road.attempt)
        monkeypatch.setattr(pipeline, "look_closer", lambda config, run, judged: None)
        monkeypatch.setattr(
            pipeline, "scores", lambda report: {f"dev.{k}": v.value for k, v in report.model.metrics.items()}
        )
        monkeypatch.setattr(pipeline, "release", lambda config, run, judged: Outcome("passed", WORDS, 1))
        monkeypatch.setattr(Run, "digest", lambda self, output: "bundle")
        return adapt(config, run), run, road

    return go


def test_a_pass_ends_the_loop_and_what_came_is_beside_what_was_expected(walk: Any) -> None:
    outcome, run, _ = walk(lambda config: (0.85 if config.train.learning_rate > 1e-3 else 0.5, [LOW]))

    assert outcome.status == "passed"
    first, second = run.attempts
    assert (first.expected, first.came, first.base) == (None, None, 0)
    assert (second.cause, second.base, second.patch) == ("learning-rate-too-low", 1, {"train.learning_rate": 0.01})
    assert second.expected == Expected(change=0.2, metric="macro_f1")
    assert "0.200" in second.expectation.en
    assert "0.200" in second.expectation.zh
    assert (second.came.metric, second.came.met) == ("dev.macro_f1", True)
    assert second.came.change == pytest.approx(0.35)
    started = [event for event in run.journal.read() if event["kind"] == "attempt_started"]
    assert started[1]["attempt"]["expected"]["change"] == 0.2, "written before the attempt, not after"
    (diagnosed,) = [event for event in run.journal.read() if event["kind"] == "diagnosed"]
    assert [cause["pitfall"] for cause in diagnosed["causes"]] == ["learning-rate-too-low"]


def test_patches_go_on_from_the_best_attempt_not_from_a_worse_one(walk: Any) -> None:
    def told(config: RunConfig) -> tuple[float, list[Finding]]:
        raised, mended = config.train.learning_rate > 1e-3, config.audit.mode == "mend"
        return (0.3 if raised else 0.6 if mended else 0.5), [LOW, NOISE]

    outcome, run, road = walk(told)

    assert outcome.status == "failed"
    assert [attempt.cause for attempt in run.attempts][:3] == ["", "learning-rate-too-low", "label-noise"]
    second, third = run.attempts[1:3]
    assert not second.came.met
    assert (third.base, road.seen[2].train.learning_rate, road.seen[2].audit.mode) == (1, 1e-3, "mend")
    assert all(attempt.base == 3 for attempt in run.attempts[3:]), "the third is the best so far"


def test_when_nothing_new_is_left_a_person_is_told_what_to_do(walk: Any) -> None:
    outcome, run, _ = walk(lambda config: (0.5, [ADVICE]))

    assert outcome.status == "failed"
    assert len(run.attempts) == 1
    assert "Collect and label more rows" in outcome.message.en
    assert "收集并标注" in outcome.message.zh


def test_a_run_without_a_finding_has_no_cause(walk: Any) -> None:
    _, run, _ = walk(lambda config: (0.5, []))

    (diagnosed,) = [event for event in run.journal.read() if event["kind"] == "diagnosed"]
    assert (diagnosed["cause"], diagnosed["causes"], diagnosed["patch"]) == ("", [], {})


@pytest.mark.parametrize(
    ("bound", "spends"), [("max_attempts=1", 0.0), ("max_minutes=0.0000001", 0.0), ("max_cost=0.5", 0.6)]
)
def test_the_loop_stops_at_its_bounds_and_names_the_one_that_was_met(walk: Any, bound: str, spends: float) -> None:
    runs: list[Run] = []

    def told(config: RunConfig) -> tuple[float, list[Finding]]:
        return 0.5, [LOW]

    def spending(self: Run, attempt: Any) -> None:
        runs.append(self)
        if spends:
            self.journal.append("spent", amount=spends, currency="USD", purpose="labels")
        ended(self, attempt.model_copy(update={"minutes": 0.01}))

    ended = Run.end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "end", spending)
        outcome, run, _ = walk(told, f"adapt.{bound}")

    assert outcome.status == "failed"
    assert len(run.attempts) == 1
    assert f"`adapt.{bound.split('=')[0]}`" in outcome.message.en
    assert "it would try next: " in outcome.message.en, "a step is known, only the bound forbids it"
    assert "（learning-rate-too-low）" in outcome.message.zh
    assert "without you" not in outcome.message.en
    assert run.attempts[0].cost == ({"USD": spends} if spends else {})


def test_an_attempt_that_was_blocked_is_worse_than_any_that_was_judged(walk: Any) -> None:
    def told(config: RunConfig) -> tuple[float | None, list[Finding]]:
        return (None, [OVER]) if config.train.learning_rate > 1e-3 else (0.4, [LOW, OVER])

    _, run, _ = walk(told, "adapt.max_attempts=3")

    assert run.attempts[1].came is None
    assert [attempt.base for attempt in run.attempts] == [0, 1, 1]


@pytest.mark.parametrize("wish", [["adapt.search=true"], []])
def test_a_search_comes_last_and_must_beat_the_best(
    walk: Any, monkeypatch: pytest.MonkeyPatch, wish: list[str]
) -> None:
    asked: list[float] = []

    def search(root: Path, config: RunConfig, splits: Splits, run: Run, progress: Any, plan: Plan) -> Any:
        asked.append(config.search.minutes)
        assert config.search.learning_rate is not None, "a space is made where the recipe names none"
        trial = SimpleNamespace(number=3, score=0.7, ended="completed", why="")
        return SimpleNamespace(
            id="s", trials=[trial], best=3, patch={"train.learning_rate": 0.004}, minutes=7.0, report="page"
        )

    monkeypatch.setattr(resorting, "search_recipe", search)
    monkeypatch.setattr(pipeline, "stood", trained(0.5))

    outcome, run, _ = walk(lambda config: (0.9 if config.train.learning_rate == 0.004 else 0.5, []), *wish)

    assert outcome.status == "passed"
    assert run.attempts[1].cause == "search"
    assert run.attempts[1].expected == Expected(change=0.2, metric="macro_f1")
    assert asked[0] <= 30
    assert run.minutes == pytest.approx(7.0, abs=0.5), "what a search took counts against the bound"


@pytest.mark.parametrize("wish", ["adapt.search=false", "engine.processes=2"])
def test_nothing_is_searched_where_it_is_switched_off_or_training_is_spread(
    walk: Any, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    monkeypatch.setattr(resorting, "search_recipe", lambda *given: pytest.fail("it searched"))
    monkeypatch.setattr(pipeline, "stood", trained(0.5))

    outcome, run, _ = walk(lambda config: (0.5, []), wish)

    assert outcome.status == "failed"
    assert len(run.attempts) == 1


def test_without_optuna_a_person_is_told_what_would_look_further(walk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resorting.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(pipeline, "stood", trained(0.5))

    outcome, _, _ = walk(lambda config: (0.5, []))

    assert outcome.status == "failed"
    assert "pip install 'fittingroom[search]'" in outcome.message.en
    assert "fittingroom[search]" in outcome.message.zh


def test_a_search_that_finds_nothing_better_changes_nothing(walk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = SimpleNamespace(number=0, score=0.5, ended="completed", why="")
    patch = {"train.learning_rate": 0.004}
    found = SimpleNamespace(
        id="s", trials=[trial], best=0, patch=patch, minutes=59.9999, report="searches/s/search.html"
    )
    monkeypatch.setattr(resorting, "search_recipe", lambda *given: found)
    monkeypatch.setattr(pipeline, "stood", trained(0.5))

    outcome, run, _ = walk(lambda config: (0.5, []), "adapt.search=true")

    assert outcome.status == "failed"
    assert len(run.attempts) == 1
    assert ". A search of 1 short trainings (60.0 minutes) came to 0.500 on dev" in outcome.message.en
    assert "。搜索了 1 次短训练" in outcome.message.zh
    assert outcome.message.zh.endswith("searches/s/search.html。")
    (event,) = [one for one in run.journal.read() if one["kind"] == "searched"]
    assert (event["trials"], event["failed"], event["score"], event["before"]) == (1, 0, 0.5, 0.5)


def test_a_search_whose_trainings_all_fail_says_why(walk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = SimpleNamespace(number=0, score=None, ended="failed", why="RuntimeError: out of memory")
    found = SimpleNamespace(id="s", trials=[trial], best=None, patch={}, minutes=0.1, report="page")
    monkeypatch.setattr(resorting, "search_recipe", lambda *given: found)
    monkeypatch.setattr(pipeline, "stood", trained(0.5))

    outcome, run, _ = walk(lambda config: (0.5, []))

    assert outcome.status == "failed"
    assert "RuntimeError: out of memory" in outcome.message.en
    assert "RuntimeError: out of memory" in outcome.message.zh
    assert [one["failed"] for one in run.journal.read() if one["kind"] == "searched"] == [1]


def test_a_search_that_nobody_asked_for_does_not_end_the_run(walk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> Any:
        raise UserError("no room left on the disk", "磁盘已满", place="searches")

    monkeypatch.setattr(resorting, "search_recipe", full)
    monkeypatch.setattr(pipeline, "stood", trained(0.5))

    outcome, run, _ = walk(lambda config: (0.5, []))

    assert outcome.status == "failed"
    assert "no room left on the disk" in outcome.message.en
    assert "磁盘已满" in outcome.message.zh
    assert [one["why"] for one in run.journal.read() if one["kind"] == "search_ended"]
    with pytest.raises(UserError, match="no room"):
        walk(lambda config: (0.5, []), "adapt.search=true")


def test_where_an_attempt_was_blocked_nothing_else_is_tried(tmp_path: Path) -> None:
    config = load(write_shop(tmp_path) / "recipe.yaml")
    stops = finding("loss-on-the-prompt", share=0.9).model_copy(update={"severity": Severity.BLOCK})

    found = diagnose([OVER, stops], config, None, lambda config: False)

    assert found.config is None, "early stopping lets nothing be trained that must not be trained"
    assert [(cause.pitfall, cause.helps) for cause in found.causes] == [
        ("loss-on-the-prompt", True), ("overfitting", False),
    ]  # fmt: skip
    assert "Put the loss on the answer only" in found.advice.en


def test_what_was_proven_goes_before_what_is_nearer_to_the_root(tmp_path: Path) -> None:
    config = load(write_shop(tmp_path) / "recipe.yaml")

    found = diagnose([NOISE, OVER, LOW, ADVICE], config, None, lambda config: False)

    assert [cause.pitfall for cause in found.causes] == [
        "learning-rate-too-low", "label-noise", "overfitting", "too-few-rows",
    ]  # fmt: skip
    assert found.cause == "learning-rate-too-low"
    assert [cause.proven for cause in found.causes] == [True, False, False, False]


def test_a_remedy_without_a_number_must_not_make_things_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(write_shop(tmp_path) / "recipe.yaml")
    plain = Remedy(title=WORDS, safety=Safety.AUTOMATIC, patch={"train.epochs": 9})
    monkeypatch.setattr("fittingroom.diagnose.catalog", lambda: {
        "overfitting": SimpleNamespace(rank=1, moves=("score",), remedy=lambda finding, used: plain)
    })  # fmt: skip

    found = diagnose([OVER], config, None, lambda config: False)

    assert found.expected == Expected(change=0.0, metric=config.gate.metric)
    assert found.expectation is not None
    assert "does not fall" in found.expectation.en


def test_money_of_two_currencies_is_not_added(tmp_path: Path) -> None:
    folder = write_shop(tmp_path)
    config = load(folder / "recipe.yaml", ["adapt.max_cost=1.0"])
    run = Run(History(folder).create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)
    run.journal.append("spent", amount=0.4, currency="USD")
    assert run.bound(config) is None
    run.journal.append("spent", amount=0.7, currency="CNY")

    with pytest.raises(RecipeError, match="CNY and USD"):
        run.bound(config)
