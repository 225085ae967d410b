"""What was planned beside what happened, and the pictures of the finders and of a search."""

from __future__ import annotations

from typing import Any

from fittingroom.report.data import AttemptView
from fittingroom.report.planned import planned
from fittingroom.report.search import TrialRow, render_search
from fittingroom.report.words import speaker
from fittingroom.types import Attempt, Plan

FOUND: dict[str, Any] = {
    "learning_rate": {
        "rates": [1e-5, 1e-4, 1e-3, 1e-2], "losses": [2.0, 1.9, 1.0, 1.2], "smooth": [2.0, 1.9, 1.4, 1.3],
        "chosen": 1e-3, "rule": 2e-3,
    },
    "pass_tokens": {
        "tokens": 512,
        "tried": [
            {"tokens": 256, "fits": True, "tokens_per_second": 800.0, "bytes": 10**9},
            {"tokens": 512, "fits": True, "tokens_per_second": 1200.0, "bytes": 2 * 10**9},
            {"tokens": 1024, "fits": False, "tokens_per_second": 0.0, "bytes": 0},
        ],
    },
}  # fmt: skip


def view(**changes: Any) -> AttemptView:
    plan = Plan(
        method="lora", learning_rate=1e-3, batch_size=16, pass_tokens=512, epochs=3.0, steps=300, warmup_steps=15,
        schedule="cosine", weight_decay=0.01, dropout=0.0, max_length=64, memory={"weights": 2**30, "mask": 0},
        memory_bytes=2 * 2**30, minutes=10.0, found=FOUND, chosen={"batch_size": "800 rows: about 50 steps an epoch"},
        layout={"kind": "isolated", "why": "rows share too little", "why_zh": "各行共同之处太少", "computed": 1.25},
    )  # fmt: skip
    timing = {
        "steps_done": 150.0, "planned_minutes": 5.0, "minutes": 20.0, "planned_bytes": 2.0 * 2**30,
        "peak_bytes": 3.0 * 2**30, "planned_tokens_per_second": 1000.0, "tokens_per_second": 250.0,
    }  # fmt: skip
    attempt = Attempt(number=1, config_digest="0", patch={}, minutes=20.0)
    return AttemptView(attempt=attempt, **{"plan": plan, "timing": timing, **changes})


def test_plan_and_training_stand_side_by_side() -> None:
    for language, times in (("en", "times"), ("zh-CN", "倍数")):
        page = planned(view(), speaker(language), language) or ""
        assert times in page
        for shown in ("5.00", "20.00", "× 4", "2.00", "3.00", "× 1.50", "1000", "250", "× 0.25", "weights"):
            assert shown in page, shown
        assert page.count("<svg") == 2
        assert "0.001" in page
        assert "<code>mask</code>" not in page, "what takes nothing is left out"


def test_the_layout_and_every_choice_are_told_with_their_reasons() -> None:
    english = planned(view(), speaker("en"), "en") or ""
    assert "layout: isolated, 1.25 tokens computed per token of the rows (rows share too little)" in english
    chinese = planned(view(), speaker("zh-CN"), "zh-CN") or ""
    assert "布局：互相隔离的打包，数据每个词元平均计算 1.25 个词元（各行共同之处太少" in chinese
    assert "<code>train.batch_size</code></td><td>16</td><td>800 rows: about 50 steps an epoch" in english
    assert "<code>train.batch_size</code></td><td>16</td><td>共 800 行：每轮约 50 步" in chinese
    plan = view().plan
    assert plan is not None
    bare = planned(view(plan=plan.model_copy(update={"layout": {}, "chosen": {}})), speaker("en"), "en") or ""
    assert "layout" not in bare
    assert "train.batch_size" not in bare


def test_what_did_not_happen_is_left_open() -> None:
    page = planned(view(timing={}), speaker("en"), "en") or ""
    assert "× " not in page
    assert "–" in page
    assert planned(view(plan=None), speaker("en"), "en") is None


def test_a_search_shows_its_trainings_and_what_it_proposes() -> None:
    rows = [
        TrialRow(number=0, values={"learning_rate": 1e-3, "batch_size": 8}, score=0.7, ended="completed", seconds=9),
        TrialRow(number=1, values={"learning_rate": 1e-2, "batch_size": 32}, score=0.4, ended="pruned", seconds=3),
        TrialRow(number=2, values={"learning_rate": 5e-2, "batch_size": 8}, score=None, ended="failed", seconds=1,
                 why="ModelError"),
    ]  # fmt: skip
    page = render_search("reviews", rows, 0, {"train.learning_rate": 1e-3, "train.batch_size": 8}, 120, "en")
    assert "--set train.batch_size=8 --set train.learning_rate=0.001" in page
    assert page.count("<svg") == 3, "scores, and one picture for each number that was searched"
    assert "ModelError" in page
    assert "★ 0" in page
    assert "<script" not in page
    chinese = render_search("reviews", rows[2:], None, {}, 120, "zh")
    assert "因此没有建议" in chinese
