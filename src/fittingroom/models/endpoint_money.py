"""The money of an endpoint: what questions will probably cost, what may still be spent, what a batch came to."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fittingroom.errors import UserError
from fittingroom.models.endpoint_config import EndpointConfig, EndpointPrices
from fittingroom.models.endpoint_prices import Tokens, about_tokens, price, prices_of


class Estimate(NamedTuple):
    """What questions will probably cost."""

    calls: int
    sent: int
    answered: int
    money: float | None
    """Without a cache, at today's hour; None where prices are not known."""
    currency: str
    as_of: str


class Account(NamedTuple):
    """What a batch came to; the same in every replay."""

    questions: int
    """Different ones."""
    models: dict[str, int]
    """Version, as the API names it -> answers."""
    tokens: dict[str, int]
    """sent, cached, answered."""
    cost: float | None
    """None where prices are not known."""
    currency: str

    def facts(self) -> dict[str, Any]:
        """JSON values."""
        return self._asdict()


class Purse:
    """Money that may still be spent. What an open question can cost at most is laid aside until it is answered."""

    def __init__(self, budget: float | None, spent: float) -> None:
        self._budget, self._spent, self._aside = budget, spent, 0.0
        self._open, self._over = 0, False
        self._changed = threading.Condition()

    def left(self) -> float | None:
        """None: there is no bound."""
        return None if self._budget is None else self._budget - self._spent

    def take(self, most: float) -> bool:
        """Lay money aside; waits for open questions where only they stand in the way. False: it does not reach."""
        with self._changed:
            while self._budget is not None and self._spent + self._aside + most > self._budget and not self._over:
                if not self._open:
                    return False
                self._changed.wait()
            if self._over:
                return False
            self._open += 1
            self._aside += most
            return True

    def pay(self, aside: float, cost: float) -> None:
        """A question is closed."""
        with self._changed:
            self._open -= 1
            self._aside -= aside
            self._spent += cost
            self._changed.notify_all()

    def stop(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()


def estimate(
    asked: Sequence[Sequence[Mapping[str, str]]], config: EndpointConfig, about_answered: int, url: str
) -> Estimate:
    """What these conversations will probably cost, none of them answered before."""
    prices: EndpointPrices | None = prices_of(config, url)
    sent = sum(about_tokens(one["content"]) for messages in asked for one in messages)
    answered = len(asked) * about_answered
    money = price(Tokens(sent, 0, answered), prices, datetime.now(UTC)) if prices else None
    named = (prices.currency, prices.as_of) if prices else ("", "")
    return Estimate(len(asked), sent, answered, money, *named)


def too_dear(name: str, calls: int, money: float, left: float, currency: str) -> UserError:
    """Said before anything is asked."""
    return UserError(
        f"{calls} questions would cost about {money:.4f} {currency}, and {left:.4f} is left of the budget: nothing was "
        "asked. Raise it, or ask for fewer rows",
        f"{calls} 个问题预计花费 {money:.4f} {currency}，而预算仅余 {left:.4f}：没有提问。请提高预算或减少行数",
        place=f"endpoints.{name}.budget",
    )


def used_up(name: str, left: float, currency: str) -> UserError:
    """Said when the next question could go beyond the budget."""
    return UserError(
        f"the budget does not reach for the next question ({left:.4f} {currency} left); the answers so far are kept: "
        "raise it, or ask for fewer rows",
        f"预算不足以提出下一个问题（余 {left:.4f} {currency}）；已得到的回答均已保留：请提高预算或减少行数",
        place=f"endpoints.{name}.budget",
    )
