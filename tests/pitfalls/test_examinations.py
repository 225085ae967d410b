"""What is read from examinations: rivals against the whole training, recorded from real runs and varied."""

from __future__ import annotations

import math

import pytest

from fittingroom.config import parse
from fittingroom.diagnose import used_values
from fittingroom.pitfalls import detect_all
from fittingroom.pitfalls.curves import RateLimits
from fittingroom.pitfalls.fit import underfitting
from fittingroom.pitfalls.rivals import outdoes
from fittingroom.types import Examination, Finding, Rival, Safety, Severity, Text

LIMITS = RateLimits()


def rival(
    change: str, *, factor: float = 1.0, share: float = 0.2, own: float, dev: float, learnt: float, told: float
) -> Rival:
    return Rival(
        change=change,
        factor=factor,
        share=share,
        train_loss=own,
        dev_loss=dev,
        train_metric=learnt,
        dev_metric=told,  # type: ignore[arg-type]
    )


def examined(
    losses: list[float],
    metrics: list[float],
    *rivals: Rival,
    response: dict[str, float] | None = None,
    start: float = 10.2,
) -> Examination:
    """A training by its dev loss and dev score after every epoch; those on training rows are a little better."""
    evals = [
        {"step": 19.0 * n, "epoch": float(n), "dev_loss": loss, "dev_metric": metric, "train_loss": 0.99 * loss,
         "train_metric": min(1.0, 1.02 * metric)}
        for n, (loss, metric) in enumerate(zip(losses, metrics, strict=True))
    ]  # fmt: skip
    best = max(evals, key=lambda entry: (entry["dev_metric"], -entry["dev_loss"]))
    steps = [{"step": float(n), "epoch": n / 19, "loss": 10.0 / n} for n in range(1, 19 * (len(losses) - 1) + 1)]
    facts = {"rate_response": {"start": start, "losses": response, "steps": 4}} if response else {}
    return Examination(
        steps=steps, evals=evals, best_step=int(best["step"]), stopped="completed", facts=facts, rivals=list(rivals),
        rows={"train": 296, "dev": 120},
    )  # fmt: skip


def causes(examination: Examination) -> list[tuple[str, bool]]:
    found = detect_all(examination, "examine", settings={}, disabled=[])
    assert not any("check_failed" in one.measured for one in found)
    return [(one.pitfall, one.proven) for one in found]


def written(dev: list[float], own: list[float], *rivals: Rival, **facts: object) -> Examination:
    """A training on free answers: the score is what the loss makes of it."""
    evals = [
        {"step": 19.0 * n, "epoch": float(n), "dev_loss": new, "dev_metric": math.exp(-new), "train_loss": seen,
         "train_metric": math.exp(-seen)}
        for n, (new, seen) in enumerate(zip(dev, own, strict=True))
    ]  # fmt: skip
    steps = [{"step": float(n), "epoch": n / 19, "loss": own[-1] + 1 / n} for n in range(1, 19 * (len(dev) - 1) + 1)]
    best = min(evals, key=lambda entry: entry["dev_loss"])
    return Examination(
        steps=steps, evals=evals, best_step=int(best["step"]), stopped="completed", rivals=list(rivals),
        facts={"free_answers": True, **facts}, rows={"train": 296, "dev": 120},
    )  # fmt: skip


def test_free_answers_are_no_rows_unlearnt_because_their_words_are_not_certain() -> None:
    """A probability of 0.37 a token is a good model of what people write, and a poor macro-F1."""
    healthy = [2.4, 1.3, 1.1, 1.02], [2.4, 1.25, 1.05, 1.0]

    assert causes(written(*healthy)) == []
    few_steps = {"start": 2.4, "losses": {"0.1": 1.6, "1": 1.2, "10": 1.3}}
    assert causes(written(*healthy, rate_response=few_steps)) == []
    lower = rival("rate", factor=0.1, own=1.04, dev=1.08, learnt=0.35, told=0.34)
    assert causes(written(*healthy, lower)) == [], "as far at a lower rate says nothing of a loss that fell"


def test_free_answers_lack_time_where_going_on_lowers_the_loss() -> None:
    longer = rival("longer", own=0.9, dev=0.95, learnt=0.41, told=0.39)

    (found,) = detect_all(
        written([2.4, 1.3, 1.1, 1.02], [2.4, 1.25, 1.05, 1.0], longer), "examine", settings={}, disabled=[]
    )

    assert (found.pitfall, found.proven, found.strength) == ("underfitting", True, 1.0)
    assert found.measured["train_loss"] == 1.0
    assert found.measured["rise"] == 0.02, "what was gained is no score that the gate knows"
    assert "macro-F1" not in found.summary.en + found.summary.zh


def test_free_answers_are_learnt_once_the_loss_on_new_ones_turned() -> None:
    risen = [2.4, 1.3, 1.1, 1.05, 1.12], [2.4, 1.2, 1.0, 0.95, 0.9]
    longer = rival("longer", own=0.5, dev=0.98, learnt=0.6, told=0.37)

    assert causes(written(*risen, longer)) == [], "six hundredths above the lowest, and below it on rows it has seen"
    by_heart = [2.4, 1.3, 1.1, 1.2, 1.5], [2.4, 1.2, 0.9, 0.5, 0.3]
    (found,) = detect_all(written(*by_heart), "examine", settings={}, disabled=[])
    assert found.pitfall == "overfitting"
    assert found.measured["gap"] == pytest.approx(0.8)
    assert "loss is 0.30 on seen rows" in found.summary.en


def test_free_answers_are_stuck_where_the_loss_ends_where_it_began() -> None:
    lower = rival("rate", factor=0.1, own=2.3, dev=2.3, learnt=0.1, told=0.1)

    assert causes(written([2.4, 2.6, 2.5], [2.4, 2.5, 2.45], lower)) == [("learning-rate-too-high", True)]


COLLAPSED = [10.431, 10.226, 3.605, 3.584, 2.81, 2.572, 2.525], [0.026] * 7
"""The built-in model on eight intents of bank customers, all weights, at a hundred times a good rate."""
RISING = {"0.01": 7.107678, "0.1": 5.200512, "0.3": 11.152498, "1": 14.609975, "3": 31.03023, "10": 89.601712}


def test_a_rate_that_raises_the_loss_is_too_high_though_the_rival_is_not_there_yet() -> None:
    lower = rival("rate", factor=0.01, own=3.468, dev=3.49, learnt=0.115, told=0.096)
    longer = rival("longer", own=2.646, dev=2.637, learnt=0.029, told=0.026)

    found = detect_all(examined(*COLLAPSED, lower, longer, response=RISING), "examine", settings={}, disabled=[])

    assert [(one.pitfall, one.proven) for one in found] == [("learning-rate-too-high", True)]
    assert found[0].measured["best_factor"] == 0.01, "not the rate that is best over four steps"


SLOW = [10.43, 10.3, 10.1, 9.9, 9.8, 9.75, 9.74], [0.02] * 7
FALLING = {"0.1": 10.2, "0.3": 10.19, "1": 10.18, "10": 9.9, "100": 7.1, "1000": 5.2}


def test_a_rate_is_too_low_when_a_fifth_of_the_rows_at_a_higher_one_lead_further() -> None:
    higher = rival("rate", factor=100.0, own=3.4, dev=3.5, learnt=0.1, told=0.1)

    assert causes(examined(*SLOW, higher, response=FALLING)) == [("learning-rate-too-low", True)]


def test_a_short_horizon_does_not_outweigh_the_whole_training() -> None:
    """The response says three times the rate; trained for longer it does no better: nothing is named."""
    response = {"0.1": 9.0, "0.3": 8.0, "1": 6.0, "3": 3.0, "10": 9.0}
    higher = rival("rate", factor=3.0, own=0.9, dev=0.95, learnt=0.6, told=0.55)
    longer = rival("longer", own=0.31, dev=0.33, learnt=0.9, told=0.86)

    assert (
        causes(
            examined(
                [10.4, 2.0, 0.9, 0.5, 0.4, 0.33], [0, 0.3, 0.6, 0.8, 0.85, 0.86], higher, longer, response=response
            )
        )
        == []
    )


CRAWLING = (
    [7.795, 3.066, 0.923, 0.685, 0.552, 0.496, 0.476, 0.476, 0.483, 0.479, 0.481],
    [0.05, 0.038, 0.186, 0.252, 0.35, 0.431, 0.483, 0.482, 0.492, 0.498, 0.493],
)
"""nano on the sample shop, all weights, at a tenth of a good rate: ten passes, and still under way."""


def test_a_training_that_crawls_for_ten_passes_wants_a_higher_rate() -> None:
    answer = {"0.1": 7.338, "0.3": 6.745, "1": 5.289, "3": 3.206, "10": 1.0, "100": 1.348}
    higher = rival("rate", factor=3.0, share=0.19, own=0.608, dev=0.672, learnt=0.263, told=0.237)
    longer = rival("longer", share=0.19, own=0.1, dev=0.48, learnt=0.94, told=0.543)

    (found,) = detect_all(
        examined(*CRAWLING, higher, longer, response=answer, start=7.693), "examine", settings={}, disabled=[]
    )

    assert (found.pitfall, found.proven, found.measured["best_factor"]) == ("learning-rate-too-low", True, 10.0)
    over = longer.model_copy(update={"dev_metric": 0.5})
    assert causes(examined(*CRAWLING, higher, over, response=answer, start=7.693)) == [], "learning was over"
    slower = answer | {"10": 4.5, "3": 4.6, "100": 6.0}
    assert causes(examined(*CRAWLING, higher, longer, response=slower, start=7.693)) == [], "no rate is much faster"


@pytest.mark.parametrize(("share", "proves"), [(0.3, True), (0.9, False)])
def test_a_rival_with_as_many_rows_proves_nothing(share: float, proves: bool) -> None:
    higher = rival("rate", factor=10.0, share=share, own=1.0, dev=1.0, learnt=0.5, told=0.5)

    assert outdoes(higher, examined(*SLOW), LIMITS) is proves


def test_in_a_training_of_one_pass_time_is_missing_before_the_rate_is_blamed() -> None:
    higher = rival("rate", factor=3.0, share=0.5, own=2.0, dev=2.1, learnt=0.2, told=0.2)
    longer = rival("longer", share=0.9, own=1.8, dev=1.9, learnt=0.3, told=0.3)

    assert causes(examined([10.4, 2.76], [0.026, 0.077], higher, longer)) == [("underfitting", True)]
    far = higher.model_copy(update={"factor": 100.0})
    assert causes(examined([10.4, 2.76], [0.026, 0.077], far, longer)) == [("learning-rate-too-low", True)]


def test_a_pass_that_left_rows_unlearnt_wants_more_passes_though_dev_stands_still() -> None:
    """Recorded: nano on reviews, one pass at a good rate; three steps alone would ask for a higher one."""
    response = {"0.1": 5.409877, "0.3": 3.752845, "1": 1.479025, "3": 0.694459, "10": 1.031296}
    longer = rival("longer", share=0.64, own=0.080271, dev=0.178512, learnt=0.916, told=0.744)
    one_pass = [6.206, 0.176], [0.466, 0.741]

    assert causes(examined(*one_pass, longer, response=response, start=6.39)) == [("underfitting", False)]
    harmful = longer.model_copy(update={"dev_loss": 0.2})
    assert causes(examined(*one_pass, harmful, response=response, start=6.39)) == []
    many = [6.206, 0.9, 0.4, 0.2, 0.176], [0.466, 0.6, 0.7, 0.74, 0.741]
    assert causes(examined(*many, longer, response=response, start=6.39)) == [], "after many passes dev must follow"


def test_more_rank_is_called_for_where_only_room_helps() -> None:
    same = rival("same", own=1.0, dev=1.1, learnt=0.5, told=0.5)
    wider = rival("rank", factor=4.0, own=0.8, dev=0.95, learnt=0.6, told=0.58)
    longer = rival("longer", own=0.7, dev=0.9, learnt=0.62, told=0.6)
    curves = [10.4, 1.5, 0.9, 0.8], [0.0, 0.4, 0.6, 0.62]

    (found,) = detect_all(examined(*curves, longer, same, wider), "examine", settings={}, disabled=[])

    assert (found.pitfall, found.proven) == ("underfitting", True)
    assert found.measured["room"] == pytest.approx(0.2)
    worse_on_dev = wider.model_copy(update={"dev_loss": 1.2})
    assert causes(examined(*curves, longer, same, worse_on_dev)) == []


def test_a_slice_is_judged_by_the_score_of_its_job() -> None:
    """Rankings and free answers have no accuracy; their slices say what they are scored by."""
    slices = [
        {"by": "goods", "value": "known", "rows": 90, "metric": "ndcg@10", "ndcg@10": 0.5, "low": 0.45, "high": 0.55},
        {"by": "goods", "value": "new", "rows": 40, "metric": "ndcg@10", "ndcg@10": 0.1, "low": 0.05, "high": 0.15},
    ]
    healthy = written([2.4, 1.3, 1.1, 1.02], [2.4, 1.25, 1.05, 1.0])
    ranked = healthy.model_copy(update={"slices": slices, "scores": {"ndcg@10": 0.4}})

    (found,) = detect_all(ranked, "examine", settings={}, disabled=[])

    assert found.pitfall == "weak-slice"
    assert "goods new: ndcg@10 0.10 on 40 rows, 0.40 on all" in found.summary.en
    assert causes(healthy.model_copy(update={"slices": slices[:1], "scores": {"ndcg@10": 0.4}})) == []


def test_what_is_frozen_learns_before_epochs_are_added_and_a_larger_base_is_asked_for_last() -> None:
    short = Finding(
        pitfall="underfitting", severity=Severity.WARN, summary=Text(en="x", zh="某"),
        measured={"room": 0.0, "thawed": 0.0, "time": 0.0, "stopped_early": 0.0, "rise": 0.02},
    )  # fmt: skip
    sections = {
        "task": {"kind": "classify", "input": ["text"], "target": "label"},
        "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
        "train": {"method": "full", "epochs": 40, "freeze": {"layers": 5}},
        "adapt": {"bases": ["nano", "org/larger"]},
    }
    config, patches = parse(sections, "test"), []
    remedies = []
    for _ in range(6):
        remedy = underfitting.remedy(short, used_values(config, None))
        assert remedy is not None
        remedies.append(remedy.safety)
        if not remedy.patch:
            break
        patches.append(remedy.patch)
        config = config.patched(remedy.patch)

    assert patches == [
        {"train.freeze.layers": 2}, {"train.freeze.layers": 1}, {"train.freeze.layers": 0}, {"model.base": "org/larger"}
    ]  # fmt: skip
    assert remedies[-2:] == [Safety.ASK, Safety.ADVICE]
    longer = short.model_copy(update={"measured": {**short.measured, "time": 1.0}})
    fresh = parse({**sections, "train": {**sections["train"], "epochs": 4}}, "test")  # type: ignore[dict-item]
    cure = underfitting.remedy(longer, used_values(fresh, None))
    assert cure is not None
    assert cure.patch == {"train.epochs": 8.0}, "where more training was shown to help, that comes first"
    measured = short.model_copy(update={"measured": {**short.measured, "thawed": 0.3}})
    cure = underfitting.remedy(measured, used_values(fresh, None))
    assert cure is not None
    assert cure.patch == {"train.freeze.layers": 0}, "all at once where that was measured"


@pytest.mark.parametrize(
    ("rank", "room", "thawed", "patch"),
    [
        (8, 0.27, 0.25, {"train.lora_rank": 32, "train.lora_alpha": 64.0}),
        (8, 0.25, 0.27, {"train.freeze.layers": 0}),
        (256, 0.27, 0.25, {"train.freeze.layers": 0}),
    ],
)
def test_room_is_made_where_it_was_shown_to_help_most(
    rank: int, room: float, thawed: float, patch: dict[str, float]
) -> None:
    found = Finding(
        pitfall="underfitting", severity=Severity.WARN, summary=Text(en="x", zh="某"),
        measured={"room": room, "thawed": thawed, "time": 0.0, "stopped_early": 0.0, "rise": 0.02},
    )  # fmt: skip
    sections = {
        "task": {"kind": "classify", "input": ["text"], "target": "label"},
        "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
        "train": {"method": "lora", "lora_rank": rank, "lora_alpha": 2.0 * rank, "epochs": 3, "freeze": {"layers": 3}},
    }

    cure = underfitting.remedy(found, used_values(parse(sections, "test"), None))

    assert cure is not None
    assert cure.patch == patch


def test_what_room_was_shown_to_bring_goes_before_what_a_few_passes_promise() -> None:
    """Two passes; going on teaches training rows without proof on dev, all layers halve the loss of the same steps."""
    rivals = [
        rival("longer", own=0.87, dev=1.02, learnt=0.3, told=0.3),
        rival("same", own=1.6, dev=1.7, learnt=0.2, told=0.2),
        rival("thawed", own=0.8, dev=0.9, learnt=0.3, told=0.3),
    ]
    (found,) = detect_all(examined([2.4, 1.3, 1.0], [0.1, 0.2, 0.3], *rivals), "examine", settings={}, disabled=[])

    assert (found.pitfall, found.proven) == ("underfitting", True)
    assert found.measured["time"] == 0
    assert found.measured["thawed"] == pytest.approx(0.5)
    (longer,) = detect_all(examined([2.4, 1.3, 1.0], [0.1, 0.2, 0.3], rivals[0]), "examine", settings={}, disabled=[])
    assert (longer.measured["time"], longer.proven) == (1, False)
