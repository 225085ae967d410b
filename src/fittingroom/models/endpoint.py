"""One question to an OpenAI-compatible chat API, asked again while that may help.

What DeepSeek's API documents is expected here: thinking is on unless it is switched off, JSON mode answers with spaces
when it fails, a busy server says 429 or 503 or sends empty lines to keep the line open, and an answer may be cut off
for want of the server's own resources. The client of the `openai` package speaks; nothing that it would add by itself
leaves the machine (version and platform headers, organisation and headers from `OPENAI_*` variables), no redirect is
followed, and no proxy is used for an address on this machine.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from fittingroom.errors import UserError
from fittingroom.models.endpoint_config import EndpointConfig, is_here, key_of, url_of
from fittingroom.models.endpoint_prices import Tokens

_LONGEST_ANSWER = 1 << 22
_MOST_TOKENS = 1 << 26
"""More than any model reads or writes at once; what an API counts beyond is nonsense."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_SENT = {"host", "content-type", "content-length", "authorization", "accept", "accept-encoding", "connection"}
_FAULTS = {"length": "cut off", "content_filter": "filtered", "tool_calls": "no text"}


_REFUSALS = {
    401: ("the key is not accepted: check the variable that `key` names", "密钥无效：请检查 key 所指的变量"),
    402: ("the account has no money left", "账户余额不足"),
    403: ("the key may not use this model", "该密钥无权使用此模型"),
    404: ("there is no such address or model: check `url` and `model`", "没有这个地址或模型：请检查 url 与 model"),
}
_REFUSED = (
    "the question is refused: check `url` and `model`; where DeepSeek's fields are not known, `switch_thinking: false`",
    "请求被拒绝：请检查 url 与 model；服务若不认识 DeepSeek 的字段，请设 `switch_thinking: false`",
)


class Ask(NamedTuple):
    """How a question is asked."""

    max_tokens: int
    temperature: float = 0.0
    as_json: bool = False


class Reply(NamedTuple):
    """What came back."""

    text: str
    """Stripped; a thought that stands before it in `<think>` is left out."""
    fault: str
    """"" or why there is nothing to read: blank, thought only, cut off, filtered, no text."""
    model: str
    """The version that answered, as the API names it."""
    tokens: Tokens | None
    """None when the API did not count them, or counted nonsense."""
    seconds: float
    """From the question to its last byte, without the tries before."""


class Spoilt(NamedTuple):
    """A try that gave nothing and may have cost something."""

    tokens: Tokens | None
    """None when nobody knows: the line was cut."""


class _Again(Exception):
    """This try gave nothing; another may."""

    def __init__(self, fault: str, wait: float | None = None, cost: Spoilt | None = None) -> None:
        super().__init__(fault)
        self.fault, self.wait, self.cost = fault, wait, cost


class Endpoint:
    """A connection to one endpoint; for several threads at once."""

    def __init__(self, name: str, config: EndpointConfig, *, pause: Callable[[float], None] = time.sleep) -> None:
        """Raises RecipeError for an address or key that cannot be used, UserError without the `openai` package."""
        self.place = f"endpoints.{name}"
        self.config = config
        self.url = url_of(config, self.place)
        self._pause = pause
        self._client = _client(self.url, key_of(config, self.place), config)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def ask(
        self,
        messages: Sequence[Mapping[str, str]],
        how: Ask,
        *,
        key: str = "",
        spoilt: Callable[[Spoilt | None], None] = lambda _: None,
    ) -> Reply:
        """The answer to one question. `key` spreads the pauses; `spoilt` hears of every try that gave nothing, with
        what is known of its cost (None: nothing), and what it raises ends the tries.

        Raises UserError when the API refuses the question, or stays silent for all tries.
        """
        chance = random.Random(key)
        fault = ""
        for number in range(self.config.retries + 1):
            try:
                return self._once(messages, how)
            except _Again as error:
                fault = error.fault
                spoilt(error.cost)
                if number < self.config.retries:
                    self._pause(_pause_of(number, error.wait, chance))
        if fault in ("blank", "thought only"):  # the API works, it only has nothing to say to this one
            return Reply("", fault, "", Tokens(0, 0, 0), 0.0)  # what the tries cost was told
        raise UserError(
            f"gives no answer ({fault}, asked {self.config.retries + 1} times); the answers so far are kept: run again",
            f"没有应答（{fault}，已尝试 {self.config.retries + 1} 次）；已得到的回答均已保留：请重新运行",
            place=f"{self.place} ({self.url})",
        )

    def _once(self, messages: Sequence[Mapping[str, str]], how: Ask) -> Reply:
        import httpx2
        import openai

        began = time.monotonic()
        try:
            with self._client.chat.completions.with_streaming_response.create(**self._body(messages, how)) as response:
                raw = _whole(response, began + self.config.timeout_seconds)
        except openai.APIStatusError as error:
            raise self._status(error.status_code, error.response.headers.get("retry-after", "")) from None
        except (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError):
            raise _Again("no answer in time", cost=Spoilt(None)) from None
        except openai.APIConnectionError as error:
            raise _Again(type(error.__cause__ or error).__name__) from None
        except (httpx2.HTTPError, OSError) as error:
            raise _Again(f"line cut: {type(error).__name__}", cost=Spoilt(None)) from None
        return _read(raw, time.monotonic() - began)

    def _body(self, messages: Sequence[Mapping[str, str]], how: Ask) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": [dict(one) for one in messages],
            "temperature": how.temperature,
            "max_tokens": how.max_tokens,
            "stream": False,
        }
        if how.as_json and self.config.json_mode:
            body["response_format"] = {"type": "json_object"}
        if self.config.switch_thinking:
            body["extra_body"] = {"thinking": {"type": "disabled"}}
        return body

    def _status(self, code: int, wait: str) -> Exception:
        """What to do about an answer that is an error. Its own words may quote a text: only the number is told."""
        if code in _TRY_AGAIN:
            return _Again(f"error {code}", _seconds(wait))
        en, zh = _REFUSALS.get(code, _REFUSED)
        return UserError(f"says error {code}: {en}", f"返回错误 {code}：{zh}", place=f"{self.place} ({self.url})")


def _client(url: str, key: str, config: EndpointConfig) -> Any:
    try:
        import httpx2
        import openai
    except ImportError:
        raise UserError(
            "asking an endpoint needs the package `openai`: pip install 'fittingroom[api]'",
            "访问接口需要 openai 包：pip install 'fittingroom[api]'",
            place="endpoints",
        ) from None
    from fittingroom.version import __version__

    def bare(request: Any) -> None:
        """Headers of our own and no others: `openai` adds platform, versions, and what `OPENAI_*` variables say."""
        request.extensions["aside"] = {name: text for name, text in request.headers.items() if name not in _SENT}
        for name in request.extensions["aside"]:
            del request.headers[name]
        request.headers["User-Agent"] = f"fittingroom/{__version__}"
        if key:
            request.headers["Authorization"] = f"Bearer {key}"
        else:
            request.headers.pop("Authorization", None)

    def dressed(response: Any) -> None:
        """`openai` looks into the request for how its answer is wanted."""
        response.request.headers.update(response.request.extensions["aside"])

    carrier = httpx2.Client(
        follow_redirects=False,
        trust_env=not is_here(url),
        timeout=config.timeout_seconds,
        limits=httpx2.Limits(max_connections=config.parallel, max_keepalive_connections=config.parallel),
        event_hooks={"request": [bare], "response": [dressed]},
    )
    return openai.OpenAI(
        base_url=url,
        api_key=key or "none",
        max_retries=0,
        timeout=config.timeout_seconds,
        http_client=carrier,
    )


def _whole(response: Any, until: float) -> bytes:
    """All of an answer. Empty lines that keep the line open reset a read's own timeout, so the clock is looked at."""
    found = bytearray()
    for part in response.iter_bytes():
        found += part
        if time.monotonic() > until:
            raise TimeoutError
        if len(found) > _LONGEST_ANSWER:
            raise _Again("an answer without end", cost=Spoilt(None))
    return bytes(found)


def _read(raw: bytes, seconds: float) -> Reply:
    """Raises _Again for what is no chat completion, or one without a word."""
    try:
        answer = json.loads(raw)
        choice = answer["choices"][0]
        said, finish = choice["message"], str(choice.get("finish_reason") or "")
        text, thought = said.get("content") or "", said.get("reasoning_content") or ""
        tokens = _counted(answer.get("usage"))
        model = str(answer.get("model") or "")
        print_ = str(answer.get("system_fingerprint") or "")
        if not isinstance(text, str):
            raise ValueError
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError):
        raise _Again("an answer that is no chat completion", cost=Spoilt(None)) from None
    if finish == "insufficient_system_resource":
        raise _Again("the server ran out of resources", cost=Spoilt(tokens))
    bare = _THOUGHT.sub("", text).strip()
    fault = _FAULTS.get(finish, "")
    if not bare and not fault:
        raise _Again("thought only" if thought or text.strip() else "blank", cost=Spoilt(tokens))
    return Reply(bare, fault, f"{model} {print_}".strip(), tokens, seconds)


def _counted(usage: Any) -> Tokens | None:
    """Tokens as DeepSeek and OpenAI count them; None where what stands there counts nothing, so that the answer is
    booked as the dearest that it can have been. A cache that says nonsense is taken for an empty one.
    """
    if not isinstance(usage, dict):
        return None
    sent, answered = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if sent is None or answered is None:
        return None
    details = usage.get("prompt_tokens_details")
    cached = usage.get("prompt_cache_hit_tokens", details.get("cached_tokens") if isinstance(details, dict) else None)
    return Tokens(sent, min(sent, _count(cached) or 0), answered)


def _count(number: Any) -> int | None:
    """A number of tokens that an answer can have; None for nonsense (`Infinity`, -5, "many"): a negative number would
    let the budget grow, an endless one would use it up at once.
    """
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= _MOST_TOKENS:
        return None
    return int(number)


def _seconds(wait: str) -> float | None:
    """What `Retry-After` says, in seconds or as a date; None when it says nothing."""
    wait = wait.strip()
    if wait.isascii() and wait.isdigit():
        return float(wait)
    try:
        return max(0.0, (parsedate_to_datetime(wait) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _pause_of(number: int, wait: float | None, chance: random.Random) -> float:
    """Twice as long after every try, half of it by chance, so that many do not come back at once; what the server asks
    for is waited for, up to a minute.
    """
    if wait is not None:
        return float(min(_LONGEST_PAUSE, wait * (1 + 0.1 * chance.random())))
    longest: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**number)
    return longest * (0.5 + 0.5 * chance.random())
