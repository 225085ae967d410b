"""A real training, small enough for a test: one hidden layer on words drawn by class, with AdamW, warm-up and cosine.

It records what the stage `train` records, the rate response too, so that a remedy can be tried by training again.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fittingroom.tasks.classify import macro_f1
from fittingroom.training.config import TrainConfig
from fittingroom.types import Examination

Array = NDArray[np.float64]
_WARMUP = 0.1
_EVALS = 10
_FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)


class Data(NamedTuple):
    """Rows of word counts [n, words] with labels [n], for train and dev."""

    train: tuple[Array, NDArray[np.intp]]
    dev: tuple[Array, NDArray[np.intp]]
    classes: int


def draw(
    *, rows: int = 600, dev: int = 300, classes: int = 5, words: int = 400, length: int = 12, clear: float = 0.25,
    wrong: float = 0.0, shares: tuple[float, ...] = (), seed: int = 0,
) -> Data:  # fmt: skip
    """Rows of `length` words; `clear`: share of them that their class prefers; `wrong`: share of training labels drawn
    anew; `shares` of the classes (equal without)."""
    random = np.random.default_rng(seed)
    prefers = [random.choice(words, size=words // 10, replace=False) for _ in range(classes)]

    def part(count: int) -> tuple[Array, NDArray[np.intp]]:
        labels = random.choice(classes, size=count, p=shares or None)
        counts = np.zeros((count, words))
        for row, label in enumerate(labels):
            telling = random.random(length) < clear
            drawn = np.where(telling, random.choice(prefers[label], size=length), random.integers(words, size=length))
            np.add.at(counts[row], drawn, 1.0)
        return counts / math.sqrt(length), labels

    train, judged = part(rows), part(dev)
    broken = random.random(rows) < wrong
    labels = np.where(broken, random.integers(classes, size=rows), train[1])
    return Data((train[0], labels), judged, classes)


class _Network:
    """words -> hidden (tanh) -> classes, with AdamW."""

    def __init__(self, words: int, hidden: int, classes: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.random = random
        self.weights = [
            random.normal(0, 1 / math.sqrt(words), (words, hidden)),
            random.normal(0, 1 / math.sqrt(hidden), (hidden, classes)),
            np.zeros(classes),
        ]
        self.first = [np.zeros_like(weight) for weight in self.weights]
        self.second = [np.zeros_like(weight) for weight in self.weights]
        self.steps = 0

    def probabilities(self, words: Array, dropout: float = 0.0) -> tuple[Array, Array, Array]:
        with np.errstate(over="ignore", invalid="ignore"):
            hidden = np.tanh(words @ self.weights[0])
            mask = (self.random.random(hidden.shape) >= dropout) / (1 - dropout) if dropout else np.ones_like(hidden)
            logits = (hidden * mask) @ self.weights[1] + self.weights[2]
            raw = np.exp(logits - logits.max(axis=1, keepdims=True))
            return raw / raw.sum(axis=1, keepdims=True), hidden, mask

    def measure(self, words: Array, labels: NDArray[np.intp], classes: int) -> tuple[float, float]:
        """Loss in nats and macro-F1."""
        said, _, _ = self.probabilities(words)
        loss = -np.log(np.maximum(said[np.arange(len(labels)), labels], 1e-30)).mean()
        return float(loss), macro_f1(labels.tolist(), said.argmax(axis=1).tolist())

    def step(self, words: Array, labels: NDArray[np.intp], weights: Array, rate: float, section: TrainConfig) -> float:
        """One step of AdamW; the loss before it."""
        said, hidden, mask = self.probabilities(words, section.dropout)
        share = weights / weights.sum()
        loss = float((-np.log(np.maximum(said[np.arange(len(labels)), labels], 1e-30)) * share).sum())
        error = said.copy()
        error[np.arange(len(labels)), labels] -= 1
        error *= share[:, None]
        back = (error @ self.weights[1].T) * mask * (1 - hidden**2)
        slopes = [words.T @ back, (hidden * mask).T @ error, error.sum(axis=0)]
        self.steps += 1
        for place, slope in enumerate(slopes):
            self.first[place] = 0.9 * self.first[place] + 0.1 * slope
            self.second[place] = 0.999 * self.second[place] + 0.001 * slope**2
            mean = self.first[place] / (1 - 0.9**self.steps)
            spread = np.sqrt(self.second[place] / (1 - 0.999**self.steps)) + 1e-8
            self.weights[place] = self.weights[place] * (1 - rate * section.weight_decay) - rate * mean / spread
        return loss


class Fitted(NamedTuple):
    """What is known of a training after a no, and what the network says about dev at its best checkpoint."""

    examined: Examination
    said: NDArray[np.intp]


def train(data: Data, section: TrainConfig, *, hidden: int = 32, weigh: bool = False, seed: int = 0) -> Fitted:
    """Train as the section `train` says, judge ten times on the way, record the rate response.

    `weigh`: every class weighs the same in the loss, as `balance.method: weights` would have it.
    """
    words, labels = data.train
    batch, rate = int(section.batch_size), float(section.learning_rate)
    steps = max(1, round(float(section.epochs) * len(labels) / batch))
    warmup = max(1, round(_WARMUP * steps))
    sample = slice(0, min(400, len(labels)))
    counts = np.bincount(labels, minlength=data.classes)
    weights = (counts.mean() / np.maximum(counts, 1))[labels] if weigh else np.ones(len(labels))
    network = _Network(words.shape[1], hidden, data.classes, seed)
    records: list[dict[str, float]] = []
    evals: list[dict[str, float]] = []
    said: list[NDArray[np.intp]] = []
    for number, chosen in enumerate(_batches(len(labels), batch, steps, seed), start=1):
        now = rate * _schedule(number, warmup, steps)
        loss = network.step(words[chosen], labels[chosen], weights[chosen], now, section)
        at = {"step": float(number), "epoch": number * batch / len(labels)}
        records.append({**at, "loss": loss, "learning_rate": now})
        if number % max(1, steps // _EVALS) == 0 or number == steps:
            dev = network.measure(*data.dev, data.classes)
            own = network.measure(words[sample], labels[sample], data.classes)
            evals.append(at | {"dev_loss": dev[0], "dev_metric": dev[1], "train_loss": own[0], "train_metric": own[1]})
            said.append(network.probabilities(data.dev[0])[0].argmax(axis=1))
    best = max(range(len(evals)), key=lambda place: (evals[place]["dev_metric"], -place))
    examined = Examination(
        steps=records,
        evals=evals,
        best_step=int(evals[best]["step"]),
        stopped="completed",
        facts={"rate_response": _response(data, section, min(16, steps), hidden, seed)},
        rows={"train": len(labels), "dev": len(data.dev[1])},
    )
    return Fitted(examined, said[best])


def _response(data: Data, section: TrainConfig, few: int, hidden: int, seed: int) -> dict[str, Any]:
    """The loss on the training rows after the same few steps, the first four a warm-up, at each factor on the rate."""
    words, labels = data.train
    losses: dict[str, float] = {}
    start = _Network(words.shape[1], hidden, data.classes, seed).measure(words, labels, data.classes)[0]
    for factor in _FACTORS:
        network = _Network(words.shape[1], hidden, data.classes, seed)
        for number, chosen in enumerate(_batches(len(labels), int(section.batch_size), few, seed), start=1):
            now = float(section.learning_rate) * factor * min(1.0, number / 4)
            network.step(words[chosen], labels[chosen], np.ones(len(chosen)), now, section)
        losses[f"{factor:g}"] = network.measure(words, labels, data.classes)[0]
    return {"start": start, "losses": losses}


def _batches(rows: int, size: int, count: int, seed: int) -> list[NDArray[np.intp]]:
    random = np.random.default_rng(seed + 1)
    batches: list[NDArray[np.intp]] = []
    while len(batches) < count:
        order = random.permutation(rows)
        batches += [order[start : start + size] for start in range(0, rows, size)]
    return batches[:count]


def _schedule(step: int, warmup: int, steps: int) -> float:
    if step <= warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
