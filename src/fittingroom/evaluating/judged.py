"""What a judge model says of our answers beside another's: win rate, what hangs on the order, agreement with people.

A judge is no measure of its own: its word counts for as much as it agrees with people on the same pairs
(`review --pairs`), and nothing in the gate goes by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fittingroom.errors import UserError
from fittingroom.evaluating.setting import Setting
from fittingroom.models.endpoint_config import allowed
from fittingroom.models.judge import Judge, Pair, Winner, agreement
from fittingroom.sources.preferences import words_of
from fittingroom.statistics.bounds import mean_interval
from fittingroom.statistics.intervals import resamples
from fittingroom.types import EvalReport

_WORTH: dict[Winner | None, float] = {"a": 1.0, "tie": 0.5, "b": 0.0}


def judged(setting: Setting, report: EvalReport) -> dict[str, Any]:
    """Facts: against whom, pairs, wins, losses, ties, torn, unscored, win_rate {value, low, high}, people, cost.

    Raises UserError when the other contestant gave no answers, or the endpoint cannot be asked.
    """
    import numpy as np

    config = setting.config.judge
    assert config is not None
    endpoint = allowed(setting.endpoints, config.endpoint, "evaluate.judge.endpoint")
    frame = report.predictions.frame()
    if config.against not in frame.columns:
        raise UserError(
            f"there are no answers of {config.against!r} to judge ours beside: add it to evaluate.baselines",
            f"没有 {config.against!r} 的回答可供比较：请加入 evaluate.baselines",
            place="evaluate.judge.against",
        )
    both = frame.filter(frame["predicted"].is_not_null() & frame[config.against].is_not_null()).sort("id")
    rows = both.select("id", "group", "predicted", config.against).to_dicts()
    chosen = [rows[place] for place in setting.sample([row["id"] for row in rows], config.max_rows)]
    asked = _questions(setting)
    pairs = [Pair(row["id"], row["group"], asked[row["id"]], row["predicted"], row[config.against]) for row in chosen]
    found = Judge(config.endpoint, endpoint, setting.context).compare_all(pairs)
    facts = {"against": config.against, **found.facts()}
    scored = [(pair, one.winner) for pair, one in zip(pairs, found.verdicts, strict=True) if one.winner is not None]
    if scored:
        drawn = resamples(
            [pair.group or pair.row for pair, _ in scored], replicates=setting.config.replicates, seed=setting.seed
        )
        values = np.array([_WORTH[winner] for _, winner in scored])
        rate = mean_interval(values, drawn)
        facts["win_rate"] = rate.model_dump()
    people: dict[str, Winner] = {
        row: {"ours": "a", "theirs": "b", "tie": "tie"}[word]  # type: ignore[misc]
        for row, word in words_of(setting.context.root, report, config.against).items()
    }
    facts["people"] = agreement({pair.row: winner for pair, winner in scored}, people)
    return facts


def _questions(setting: Setting) -> dict[str, str]:
    """Row -> what it was given: what facts an answer must keep to stands there too."""
    found = {}
    for batch in setting.rows.batches():
        for name, fields in zip(batch.column("id").to_pylist(), batch.column("input").to_pylist(), strict=True):
            found[name] = question_of(fields)
    return found


def question_of(fields: Mapping[str, str | None]) -> str:
    """What a row was given, in one text: a field alone as it is, several by name, one a line."""
    filled = {key: text for key, text in fields.items() if text}
    return "\n".join(f"{key}: {text}" if len(filled) > 1 else text for key, text in filled.items())
