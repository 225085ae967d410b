"""What rivals say: short trainings that differ in one thing, set beside the whole training that was judged."""

from __future__ import annotations

import math

from fittingroom.pitfalls.curves import Curves, RateLimits, Watched, better_rate, read, response
from fittingroom.types import Examination, Rival, Text


def tried(examined: Examination, change: str) -> Rival | None:
    """The rival that made this change; None where none was trained."""
    return next((one for one in examined.rivals if one.change == change), None)


def outdoes(one: Rival, examined: Examination, limits: RateLimits) -> bool:
    """Whether a rival got clearly further than the whole training, on rows that it learnt from and on others.

    By its losses; or by macro-F1, where the losses are no higher: a model that says one label for everything has found
    a low loss that is hard to get below in a few steps. One that began anew must have learnt from fewer rows.
    """
    if one.change != "longer" and one.share > limits.fraction:
        return False
    own, dev = _lowest(examined, "train_loss"), _lowest(examined, "dev_loss")
    share = 1 - limits.ahead
    if one.train_loss <= share * own and one.dev_loss <= share * dev:
        return True
    learnt, told = _highest(examined, "train_metric"), _highest(examined, "dev_metric")
    further = one.train_metric >= learnt + limits.points and one.dev_metric >= told + limits.points
    return further and one.train_loss <= (1 + limits.ahead) * own and one.dev_loss <= (1 + limits.ahead) * dev


def unfinished(one: Rival, examined: Examination, limits: RateLimits) -> bool:
    """Whether going on after few passes went on teaching the training rows, and cost nothing on other rows.

    After one pass or two, dev often stands still for a while although the next passes bring it further: there it is
    enough that training rows are learnt better.
    """
    passes = max((entry["epoch"] for entry in examined.evals), default=0.0)
    return passes < limits.passes and taught_on(one, examined, limits)


def taught_on(one: Rival, examined: Examination, limits: RateLimits) -> bool:
    """Whether training rows were learnt clearly better, and the loss on dev is no higher."""
    taught = one.train_loss <= (1 - limits.gain) * _lowest(examined, "train_loss")
    return taught and one.dev_loss <= (1 + limits.ahead) * _lowest(examined, "dev_loss")


def gained(one: Rival | None, examined: Examination, least: float = 0.02) -> float:
    """By how much macro-F1 on dev should rise at least: what a rival reached already beyond the kept weights. What free
    answers are judged by is not measured in training."""
    curves = read(examined)
    if one is None or curves is None or curves.free:
        return least
    return round(max(least, one.dev_metric - curves.dev_metric), 3)


def blamed_rate(curves: Curves, examined: Examination, limits: RateLimits) -> float:
    """The factor on the rate that would have been right; 1 when the rate is not to blame.

    A rival at another rate outranks the few steps of the response: it stands against the whole training. Where going on
    was tried and another rate was not, the response had named none that was worth it. Where neither could be paid for,
    the response alone says (`better_rate`), unless another rival has outdone the training. See `crawls` for the rest.
    """
    one, answer = tried(examined, "rate"), response(examined)
    if one is not None:
        if hurried := crawls(curves, examined, limits):
            return hurried
        if outdoes(one, examined, limits):
            enough = one.factor < 1 or one.factor >= limits.clear or curves.last_epoch >= limits.passes
            return one.factor if enough else 1.0
        plateau = (
            one.factor < 1 and curves.stuck and one.train_loss <= (1 + limits.ahead) * _lowest(examined, "train_loss")
        )
        return one.factor if plateau or (one.factor < 1 and answer is not None and answer.rises()) else 1.0
    if tried(examined, "longer") is not None:
        return 1.0
    others = any(outdoes(other, examined, limits) for other in examined.rivals if other.change != "same")
    return 1.0 if answer is None or others else better_rate(curves, answer, limits)


def crawls(curves: Curves, examined: Examination, limits: RateLimits) -> float:
    """The factor on the rate, where training was still under way after many passes, and a higher rate is much faster; 0
    elsewhere.

    A rival that began anew can hardly overtake so long a training with a fraction of its rows. But going on raised the
    score on dev, so learning was not over; and in the same few steps the loss falls `speed` times as far at the rate
    that is best there: the same end is reached sooner by the rate than by ever more passes.
    """
    one, longer, answer = tried(examined, "rate"), tried(examined, "longer"), response(examined)
    if one is None or longer is None or answer is None or curves.free or one.factor <= 1:
        return 0.0
    best = min(answer.losses, key=lambda factor: (answer.losses[factor], abs(math.log(factor))))
    raised = longer.dev_metric >= _highest(examined, "dev_metric") + limits.raised
    many = curves.last_epoch >= limits.passes and not outdoes(one, examined, limits)
    under_way = raised and taught_on(longer, examined, limits)
    return best if many and under_way and best > 1 and answer.speed(best) >= limits.speed else 0.0


def proven_rate(examined: Examination, limits: RateLimits) -> bool:
    """Whether a rival at another rate has outdone the training, or the first steps at the rate used raise the loss
    while those at a lower one lower it.
    """
    one, answer = tried(examined, "rate"), response(examined)
    if one is None:
        return False
    return outdoes(one, examined, limits) or (one.factor < 1 and answer is not None and answer.rises())


def further(curves: Curves, one: Rival, factor: float) -> Text:
    """What a rival at `factor` times the rate reached on dev, beside the whole training."""
    name, reached, came = "macro-F1", one.dev_metric, curves.dev_metric
    if curves.free:
        name, reached, came = "loss", one.dev_loss, curves.best_dev_loss
    named = {"macro-F1": "macro-F1 就", "loss": "损失就"}[name]
    return Text(
        en=f"on {one.share:.0%} of the rows, {factor:g} times the rate reaches {name} {reached:.2f} on dev, where the "
        f"whole training came to {came:.2f}",
        zh=f"只用 {one.share:.0%} 的训练量，学习率乘以 {factor:g}，开发集{'' if curves.free else ' '}{named}达到 "
        f"{reached:.2f}，而整个训练只到 {came:.2f}",
    )


def _lowest(examined: Watched, name: str) -> float:
    after = [entry for entry in examined.evals if entry["step"] > 0] or examined.evals
    return min((entry[name] for entry in after if math.isfinite(entry[name])), default=math.inf)


def _highest(examined: Watched, name: str) -> float:
    after = [entry for entry in examined.evals if entry["step"] > 0] or examined.evals
    return max((entry[name] for entry in after), default=0.0)
