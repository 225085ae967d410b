"""Labels of several annotators made into one, and how far they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fittingroom.statistics.agreement import (
    cohen_kappa,
    crowdlab,
    dawid_skene,
    fleiss_kappa,
    krippendorff_alpha,
    majority,
)
from fittingroom.statistics.folds import components
from fittingroom.statistics.linear import out_of_fold
from fittingroom.text.similarity import match_key

GIVEN = "(given)"
"""Name under which the target that the source itself gave takes part as an annotator."""
_MODEL_ROWS = 30
"""Rows with two ratings below which Dawid and Skene's confusions would be guesses: then the majority decides."""
_FOLDS = 5
_SEED = 7
"""Of the folds of CROWDLAB's model: labels do not depend on the seed of a run."""


def merge(
    ratings: Sequence[Mapping[str, str]],
    method: str,
    said: Sequence[str],
    groups: Sequence[str | None],
    *,
    also: Sequence[str] = (),
) -> tuple[list[str | None], dict[str, Any]]:
    """One label per row (None without ratings, or on a tie that the source's label cannot settle), and agreement.

    said: the text of each row; groups: what must stand in one fold beside equal texts. Both are for CROWDLAB's model.
    `also`: annotators of rows that nobody else rated, and that are therefore not among these.
    """
    people = Counter([*also, *(name for votes in ratings for name in votes)])
    several = [index for index, votes in enumerate(ratings) if len(votes) > 1]
    shared = [ratings[index] for index in several]
    weigh = method in ("dawid_skene", "crowdlab") or (
        method == "auto" and len(people) > 2 and len(several) >= _MODEL_ROWS
    )
    facts: dict[str, Any] = {
        "annotators": len(people),
        "rows": len(several),
        "method": "dawid_skene" if weigh and several else "majority",
        "unanimous": sum(len(set(votes.values())) == 1 for votes in shared) / len(shared) if shared else None,
        "fleiss_kappa": fleiss_kappa(shared),
        "krippendorff_alpha": krippendorff_alpha(shared),
    }
    if len(people) == 2:
        left, right = sorted(people)
        facts["cohen_kappa"] = cohen_kappa([votes[left] for votes in shared], [votes[right] for votes in shared])
    merged = [majority(votes) or votes.get(GIVEN) for votes in ratings]
    for index, votes in enumerate(ratings):  # a tie between others does not make the source's label right
        if majority(votes) is None and votes.get(GIVEN) is not None:
            counts = Counter(votes.values())
            merged[index] = votes[GIVEN] if counts[votes[GIVEN]] == max(counts.values()) else None
    if weigh and several:
        believed = dawid_skene(shared)
        facts["competence"] = {name: round(value, 4) for name, value in believed.competence.items()}
        facts["converged"] = believed.converged
        for index, chances in zip(several, believed.probabilities, strict=True):
            merged[index] = believed.labels[int(chances.argmax())]
    if method == "crowdlab" and several:
        facts |= _with_model(ratings, several, merged, said, groups)
    return merged, facts


def _with_model(
    ratings: Sequence[Mapping[str, str]],
    several: Sequence[int],
    merged: list[str | None],
    said: Sequence[str],
    groups: Sequence[str | None],
) -> dict[str, Any]:
    """Put CROWDLAB's consensus into `merged` for the rows with several ratings; facts about it.

    The model learns what Dawid and Skene's model believes: learnt from the majority of a poor crowd, it would repeat
    the crowd's mistakes (benchmarks/crowd_labels.py). Where too few rows are labelled for a model, their word stays.
    """
    labelled = [index for index, value in enumerate(merged) if value is not None]
    wanted = [value for value in merged if value is not None]
    keys = [match_key(said[index]) for index in labelled]
    apart = components([groups[index] for index in labelled], keys, ids=[f"{index:012d}" for index in labelled])
    folds = min(_FOLDS, len(set(apart)))
    if folds < 2 or len(set(wanted)) < 2 or len(wanted) < 2 * len(set(wanted)):
        return {"model_accuracy": None}
    model = out_of_fold([said[index] for index in labelled], wanted, apart, folds=folds, seed=_SEED)
    row = {index: place for place, index in enumerate(labelled)}
    chances = model.probabilities[[row[index] for index in several]]
    labels, quality, competence = crowdlab([ratings[index] for index in several], model.labels, chances)
    for index, value in zip(several, labels, strict=True):
        merged[index] = value
    return {
        "method": "crowdlab",
        "competence": {name: round(value, 4) for name, value in competence.items()},
        "model_accuracy": round(model.accuracy, 4),
        "converged": model.converged,
        "quality": round(sum(quality) / len(quality), 4),
    }
