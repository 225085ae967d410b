"""The last resort: when no cause is left, Optuna looks for better values, within the minutes that are left.

A search knows nothing of causes and pays for every guess; so it comes after all that was measured, and what it proposes
must have done clearly better than the best attempt on the rows that judge trainings.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from fittingroom.config import RunConfig
from fittingroom.diagnose import Diagnosis, in_its_unit, used_values, worded
from fittingroom.errors import FittingroomError
from fittingroom.loop import Stand
from fittingroom.run import Run
from fittingroom.searching import Searched, search_recipe
from fittingroom.training.finders.space import SearchConfig
from fittingroom.types import Expected, Text

CAUSE = "search"
_AROUND = 30.0
"""Rates from a thirtieth to thirty times the one used are searched, where the recipe names none."""
_BATCHES = (4, 8, 16, 32, 64)
_RANKS = (8, 16, 32, 64)
_HIGHEST = 0.1
_CLEARLY = 0.005
"""Score on dev (`Trained.evals`) by which a short training of the search must beat the whole one."""
_MISSING = Text(
    en="Optuna, which would look for better values (`adapt.search`), is not installed: pip install "
    "'fittingroom[search]'.",
    zh="Optuna 可以搜索更好的取值（`adapt.search`），但尚未安装：pip install 'fittingroom[search]'。",
)


def by_search(best: Stand, run: Run, left: Diagnosis) -> Diagnosis:
    """What a search proposes on top of the best attempt; `left` (the diagnosis that found nothing new) where it is not
    wanted, cannot help or be made, is out of time, or finds nothing better.
    """
    config, minutes = best.config, best.config.adapt.max_minutes - run.minutes
    if not (may_search(config) and left.trainable and _usable(best)) or minutes <= 0 or run.bound(config):
        return left
    if importlib.util.find_spec("optuna") is None:
        return left.model_copy(update={"advice": _joined(_MISSING, left.advice)})
    splits, before = best.splits, best.reached
    assert splits is not None  # _usable
    assert before is not None
    run.known(splits, best.digest)  # the best attempt need not be the last one
    space = config.patched({"search": _space(best, minutes)})
    try:
        found = search_recipe(run.root, space, splits, run, run.progress, best.plan)
    except (FittingroomError, OSError) as error:
        if config.adapt.search is True:
            raise
        return _ended(run, left, error)  # nobody asked for it: what the attempts came to stands without it
    run.searched[found.id] = found.minutes
    score = next((one.score for one in found.trials if one.number == found.best), None)
    patched = config.patched(found.patch)
    _noted(run, found, score, before)
    if score is None or score < before + _CLEARLY or run.tried(patched):
        return left.model_copy(update={"advice": _joined(left.advice, _in_vain(found, score, before))})
    expected = in_its_unit(Expected(change=round(score - before, 4)), config)
    return Diagnosis(
        cause=CAUSE,
        patch=found.patch,
        config=patched,
        title=Text(en=f"Values found by a search of {len(found.trials)} short trainings",
                   zh=f"由 {len(found.trials)} 次短训练搜索得到的取值"),
        expectation=worded(expected),
        expected=expected,
        advice=left.advice,
        causes=left.causes,
    )  # fmt: skip


def _noted(run: Run, found: Searched, score: float | None, before: float) -> None:
    failed = sum(one.ended == "failed" for one in found.trials)
    run.journal.append(
        "searched", search=found.id, trials=len(found.trials), failed=failed, score=score, before=round(before, 4),
        minutes=found.minutes, report=found.report,
    )  # fmt: skip


def _in_vain(found: Searched, score: float | None, before: float) -> Text:
    """What a search came to that proposed nothing new, or nothing better."""
    count, why = len(found.trials), next((one.why for one in found.trials if one.why), "")
    if score is None:
        return Text(
            en=f"A search of {count} short trainings brought none to its end" + (f" ({why})." if why else "."),
            zh=f"搜索了 {count} 次短训练，没有一次完整结束" + (f"（{why}）。" if why else "。"),
        )
    return Text(
        en=f"A search of {count} short trainings ({found.minutes:.1f} minutes) came to {score:.3f} on dev, where the "
        f"best attempt came to {before:.3f} while it was trained: {found.report}",
        zh=f"搜索了 {count} 次短训练（{found.minutes:.1f} 分钟），开发集最高 {score:.3f}，而目前最好的一次训练中为 "
        f"{before:.3f}：{found.report}",
    )


def _ended(run: Run, left: Diagnosis, error: Exception) -> Diagnosis:
    """A search that could not be made or finished, in the journal and in the advice."""
    said = {name: error.text(name) if isinstance(error, FittingroomError) else type(error).__name__
            for name in ("en", "zh")}  # fmt: skip
    run.journal.append("search_ended", error=type(error).__name__, place=getattr(error, "place", ""), why=said["en"])
    told = Text(
        en=f"A search for better values ended: {said['en']}; `adapt.search: false` leaves it out.",
        zh=f"搜索更好的取值时中断：{said['zh']}；设置 `adapt.search: false` 可不搜索。",
    )
    return left.model_copy(update={"advice": _joined(left.advice, told)})


def may_search(config: RunConfig) -> bool:
    """Whether the loop may search. A search trains in one process; an explicit wish for it with several is refused with
    the recipe."""
    return config.adapt.search is True or (config.adapt.search == "auto" and config.engine.processes == 1)


def _usable(best: Stand) -> bool:
    """Whether the attempt came as far as a training of its rows that can be beaten."""
    return best.splits is not None and best.plan is not None and best.reached is not None


def _space(best: Stand, minutes: float) -> dict[str, Any]:
    """The section `search` of the recipe, or one around the values used; the minutes are bounded in any case."""
    config, own = best.config, best.config.search
    if not (own.ranges() or own.choices()):
        own = _around(config, used_values(config, best.plan)["train"])
    return own.model_copy(update={"minutes": min(own.minutes, max(0.1, minutes / 2))}).model_dump(mode="json")


def _around(config: RunConfig, used: dict[str, Any]) -> SearchConfig:
    rate = float(used["learning_rate"])
    ranks = list(_RANKS) if used["method"] in ("lora", "qlora") else []
    return SearchConfig(
        learning_rate=(rate / _AROUND, min(_HIGHEST, rate * _AROUND), "log"),
        batch_size=sorted({*_BATCHES, int(used["batch_size"])}),
        weight_decay=(0.0, 0.3),
        lora_rank=ranks,
        trials=config.search.trials,
        minutes=config.search.minutes,
        share=config.search.share,
    )


def _joined(*texts: Text) -> Text:
    """As sentences, one behind the other."""
    return Text(
        en=" ".join(f"{text.en.rstrip('. ')}." for text in texts),
        zh="".join(f"{text.zh.rstrip('。')}。" for text in texts),
    )
