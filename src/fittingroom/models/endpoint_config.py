"""The section `endpoints` of a recipe: the allow-list of chat APIs that may be asked, empty by default.

An endpoint is an OpenAI-compatible API: DeepSeek's own, or one that the shop runs itself. What uses one (a teacher, a
labeller, a baseline, a judge) names it; a name that does not stand here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from fittingroom.engine import expanded
from fittingroom.errors import RecipeError
from fittingroom.types import Frozen

_FROM_ENVIRONMENT = re.compile(r"\$\{[A-Za-z_]\w*\}")
EndpointName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class EndpointPrices(Frozen):
    """What an endpoint takes for a million tokens."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """Of these prices and of the budget."""
    input: float = Field(ge=0)
    """A million tokens that are sent."""
    cached: float | None = Field(default=None, ge=0)
    """A million sent tokens that the endpoint still had in its cache; None: they cost as much as others."""
    output: float = Field(ge=0)
    """A million tokens that are answered."""
    peak: float = Field(default=1.0, ge=1)
    """By how much everything is dearer in peak hours."""
    peak_hours: list[tuple[int, int]] = Field(default_factory=list)
    """Hours of the day in UTC, from and until, Monday to Friday: `[[1, 4], [6, 10]]`."""
    as_of: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    """The day on which these prices held."""

    @field_validator("peak_hours")
    @classmethod
    def _hours(cls, value: list[tuple[int, int]]) -> list[tuple[int, int]]:
        if any(not 0 <= first < last <= 24 for first, last in value):
            raise ValueError("peak hours go from an hour to a later one, within 0 to 24")
        return value


class EndpointConfig(Frozen):
    """A chat API that may be asked. It costs money, and redacted texts leave the machine."""

    url: str
    """Where the API begins, such as `https://api.deepseek.com`; `/chat/completions` is added. Not encrypted only on
    this machine."""
    model: str = Field(min_length=1)
    """Name of the model there, such as `deepseek-flash`."""
    key: str = ""
    """`${NAME}`: the environment variable that holds the API key; empty for an API without one."""
    switch_thinking: bool = True
    """Whether requests say `thinking: {type: disabled}`, as DeepSeek's API wants it: there thinking is on by default,
    costs output tokens and ignores the temperature. `false` for a server that refuses the field."""
    json_mode: bool = True
    """Whether labels and judgements are asked for with `response_format: {type: json_object}`. `false` for a server
    that refuses it: then the prompt alone asks for JSON."""
    prices: EndpointPrices | None = None
    """What tokens cost. None: DeepSeek's published prices for its own models, else the cost is not known."""
    budget: float | None = Field(default=None, gt=0)
    """Most money that this workspace may spend here, over all its runs, in the currency of the prices. A question is
    not asked when its dearest answer would go beyond."""
    parallel: int = Field(default=4, ge=1, le=64)
    """Questions under way at a time."""
    timeout_seconds: float = Field(default=60.0, gt=0, le=600)
    """An answer that takes longer, from the first byte to the last, is asked for again."""
    retries: int = Field(default=4, ge=0, le=10)
    """How often a question is asked again when the API is busy, silent, or answers with nothing."""

    @field_validator("key")
    @classmethod
    def _from_environment(cls, value: str) -> str:
        if value and not _FROM_ENVIRONMENT.fullmatch(value):
            raise ValueError("a key must not stand in a recipe; write ${NAME} and set NAME in the environment")
        return value

    @field_validator("url")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if not _FROM_ENVIRONMENT.fullmatch(value) and (fault := fault_of_url(value)):
            raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _can_be_reckoned(self) -> EndpointConfig:
        from fittingroom.models.endpoint_prices import published

        if self.budget is not None and self.prices is None and published(self.url, self.model) is None:
            raise ValueError("a budget needs prices: nobody published those of this model, write them under `prices`")
        return self


def allowed(endpoints: Mapping[str, EndpointConfig], name: str, place: str) -> EndpointConfig:
    """The endpoint of that name. Raises RecipeError when it is not on the list."""
    if name not in endpoints:
        listed = ", ".join(sorted(endpoints))
        raise RecipeError(
            f"{name!r} is not on the allow-list `endpoints`, which holds {listed or 'none'}: add it there with url, "
            "model and key",
            f"{name!r} 不在允许列表 `endpoints` 中（现有：{listed or '无'}）：请在该处写明 url、model 与 key",
            place=place,
        )
    return endpoints[name]


def url_of(config: EndpointConfig, place: str) -> str:
    """Url without a slash at its end, as the environment has it. Raises RecipeError."""
    url = expanded(config.url).rstrip("/")
    if fault := fault_of_url(url):
        raise RecipeError(fault, "url 须为 https 地址（仅本机可用 http），且不含密码与参数", place=f"{place}.url")
    return url


def key_of(config: EndpointConfig, place: str) -> str:
    """The key, from the environment. Raises RecipeError."""
    key = expanded(config.key)
    if not key.isascii() or not key.isprintable():
        raise RecipeError("the key is not plain ASCII", "密钥含有非 ASCII 字符", place=f"{place}.key")
    return key


def is_here(url: str) -> bool:
    """Whether an address is on this machine."""
    return urlsplit(url).hostname in _HERE


def fault_of_url(url: str) -> str:
    """Why texts must not be sent to an address; "" when they may."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        return "the url must hold no user, password or query: the key comes from the environment, by `key: ${NAME}`"
    if not parts.hostname or parts.scheme not in ("http", "https"):
        return "write the url as https://host/path"
    if parts.scheme == "http" and parts.hostname not in _HERE:
        return "http goes unencrypted and is for this machine alone; write https"
    return ""


_OF_THE_ENDPOINT = ("url", "model", "key", "parallel", "timeout_seconds", "retries")


def with_listed_teacher(values: Any) -> Any:
    """A recipe of before, whose `balance.teacher` holds the address itself, with the address on the list.

    It stands there under the name `teacher`. Raises ValueError where that name is taken by another address.
    """
    section = values.get("balance") if isinstance(values, dict) else None
    teacher = section.get("teacher") if isinstance(section, dict) else None
    if not isinstance(section, dict) or not isinstance(teacher, dict):
        return values
    if "url" not in teacher or "endpoint" in teacher:
        return values
    moved = {name: teacher[name] for name in _OF_THE_ENDPOINT if name in teacher}
    moved["switch_thinking"] = "deepseek" in str(teacher["url"])
    listed = values.get("endpoints") or {}
    if not isinstance(listed, dict):
        return values
    if listed.get("teacher", moved) != moved:
        raise ValueError("balance.teacher holds an address, endpoints.teacher another: write `endpoint: NAME` for it")
    rest = {name: value for name, value in teacher.items() if name not in moved} | {"endpoint": "teacher"}
    return {
        **values,
        "endpoints": {**listed, "teacher": moved},
        "balance": {**section, "teacher": rest},
    }
