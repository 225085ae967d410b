"""What an answer costs: before it is asked for, at most, and as the API counted its tokens.

Prices change. Those published by DeepSeek stand here with their day; a recipe that knows better says so under
`endpoints.<name>.prices`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from fittingroom.models.endpoint_config import EndpointConfig, EndpointPrices

_MILLION = 1_000_000
_FRAME = 16
"""Tokens of a chat template around one message, at most."""
_PEAK = [(1, 4), (6, 10)]
PUBLISHED: Mapping[str, EndpointPrices] = {
    name: EndpointPrices(
        input=miss, cached=hit, output=out, peak=2.0, peak_hours=_PEAK, as_of="2026-10-27", currency="USD"
    )
    for name, hit, miss, out in (
        ("deepseek-flash", 0.003, 0.15, 0.60),
        ("deepseek-v4-pro", 0.022, 0.66, 1.98),
    )
}
"""Model -> its price by DeepSeek's own page (api-docs.deepseek.com, as of that day)."""


class Tokens(NamedTuple):
    """What one answer was counted as."""

    sent: int
    cached: int
    """Of those sent."""
    answered: int


def published(url: str, model: str) -> EndpointPrices | None:
    """DeepSeek's own price, at DeepSeek's own address."""
    host = urlsplit(url).hostname or ""
    return PUBLISHED.get(model) if host == "api.deepseek.com" else None


def prices_of(config: EndpointConfig, url: str) -> EndpointPrices | None:
    """What the recipe says, else what was published; None where nobody knows."""
    return config.prices or published(url, config.model)


def price(tokens: Tokens, prices: EndpointPrices, at: datetime) -> float:
    """Money for one answer that came at that time."""
    return _summed(tokens, prices) * (prices.peak if in_peak(prices, at) else 1.0)


def dearest(messages: Sequence[Mapping[str, str]], longest: int, prices: EndpointPrices) -> float:
    """Money that one answer can cost at most: peak hours, an empty cache, the longest answer.

    A token of a byte-level vocabulary is a byte at least, so a text has no more tokens than bytes.
    """
    sent = sum(len(one["content"].encode()) + _FRAME for one in messages) + _FRAME
    return _summed(Tokens(sent, 0, longest), prices) * prices.peak


def about_tokens(text: str) -> int:
    """By the rule of thumb of DeepSeek's price page: 0.6 for a Chinese character, 0.3 for any other."""
    return round(sum(0.6 if "\u3400" <= character <= "\u9fff" else 0.3 for character in text))


def in_peak(prices: EndpointPrices, at: datetime) -> bool:
    """Whether a time is in the dear hours of a working day."""
    when = at.astimezone(UTC)
    return when.weekday() < 5 and any(first <= when.hour < last for first, last in prices.peak_hours)


def _summed(tokens: Tokens, prices: EndpointPrices) -> float:
    cached = prices.input if prices.cached is None else prices.cached
    fresh = max(0, tokens.sent - tokens.cached)
    return (fresh * prices.input + tokens.cached * cached + tokens.answered * prices.output) / _MILLION
