"""A sequence-classification head on the same base model: what the base knows, without generating an answer.

The vector of the last token of the very prompt that our model is given goes through a linear layer. Frozen, it says
what the tuning added to what the base already tells; tuned, whether answering in words was needed at all.
"""

from __future__ import annotations

from fittingroom.evaluating.features import Body, frozen
from fittingroom.evaluating.finetuning import fine_tuned
from fittingroom.evaluating.setting import Setting
from fittingroom.models.body import body_and_head
from fittingroom.models.needs import refuse_too_large
from fittingroom.statistics.judging import Answers, Exam, Judge, indices

_LEARNING = 16
"""Bytes per weight that learns: the weight, its gradient and two moments, in 32 bits each."""


def answers(judge: Judge, setting: Setting, train: Exam) -> Answers:
    """On all rows. Raises ModelError when a head that is tuned does not fit this machine."""
    import numpy as np

    config, context = setting.config.head, setting.context
    base = setting.predictor("base")
    learnt, asked = ([base.prompt_ids(given)[0] for given in exam.inputs] for exam in (train, judge.exam))
    model = base.model
    if config.tune:
        refuse_too_large(model.num_parameters(), "evaluate.head.tune", _LEARNING)
        model = model.float()
    module, _ = body_and_head(model)
    body = Body(module, int(model.config.hidden_size), "last", 0, str(next(model.parameters()).device))

    def progress(done: int, total: int) -> None:
        context.progress("head", done, total)

    if config.tune:
        wanted = indices(train.targets, judge.labels).tolist()
        said = fine_tuned(
            body, learnt, wanted, asked, config, seed=setting.seed, threads=context.threads, progress=progress
        )
        return Answers(np.arange(len(asked)), said)
    from fittingroom.statistics.probe import fit_probe

    probe = fit_probe(frozen(body, learnt, context.threads, progress), train.targets, train.units, seed=setting.seed)
    said = indices(probe.predict(frozen(body, asked, context.threads, progress)), judge.labels)
    return Answers(np.arange(len(asked)), said)
