"""An examination made up from the loss and the rate of every step."""

from __future__ import annotations

from fittingroom.types import Examination, Rival


def walked(losses: list[float], rates: list[float]) -> Examination:
    """A training by its loss and rate at every step; its rows were learnt in part, and dev with them."""
    many = len(losses)
    steps = [
        {"step": float(at + 1), "epoch": 4 * (at + 1) / many, "loss": loss, "learning_rate": rate}
        for at, (loss, rate) in enumerate(zip(losses, rates, strict=True))
    ]
    evals = [
        {"step": many * share, "epoch": 4 * share, "dev_loss": loss, "train_loss": loss, "dev_metric": score,
         "train_metric": score}
        for share, loss, score in ((0.25, 1.5, 0.4), (0.5, 1.0, 0.6), (1.0, 0.8, 0.7))
    ]  # fmt: skip
    longer = Rival(change="longer", share=0.2, train_loss=0.8, train_metric=0.7, dev_loss=0.8, dev_metric=0.7)
    return Examination(steps=steps, evals=evals, best_step=many, stopped="completed", rivals=[longer])
