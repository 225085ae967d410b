"""The door: every request passes here first, and only `/health` passes without the token.

The token is checked before the body is read, for every path, known or not (deny by default). It is kept and compared
as a SHA-256 digest in constant time, so that neither memory nor timing gives it away. Each request gets an id, a line
in the log (route, status, time; never a path, a header or a text) and its numbers in the metrics. A fault inside is
answered with 500 and logged by its class and place: the text of a foreign error may quote a customer.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import secrets
import time
import traceback
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.errors import UserError
from fittingroom.serving.limits import Limits, RateLimit
from fittingroom.serving.problems import ApiError, body_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fittingroom.serving.metrics import Metrics

TOKEN = "FITTINGROOM_TOKEN"
OPEN_PATHS = frozenset({"/health"})
_SHORTEST = 16

log = logging.getLogger("fittingroom.serving")


class Token:
    """A bearer token, kept as its digest."""

    def __init__(self, value: str) -> None:
        """Raises UserError when the token is too short to be one."""
        if len(value) < _SHORTEST or not value.isascii() or any(sign.isspace() for sign in value):
            raise UserError(
                f"needs at least {_SHORTEST} ASCII characters without blanks; unset it and one is made",
                f"至少需要 {_SHORTEST} 个不含空白的 ASCII 字符；不设置则自动生成",
                place=TOKEN,
            )
        self._digest = hashlib.sha256(value.encode()).digest()

    @staticmethod
    def generated() -> str:
        """A new token of 256 bits."""
        return secrets.token_urlsafe(32)

    def opens(self, header: bytes | None) -> bool:
        """Whether an `Authorization` header carries this token."""
        scheme, _, given = (header or b"").partition(b" ")
        same = hmac.compare_digest(hashlib.sha256(given.strip()).digest(), self._digest)
        return same and scheme.lower() == b"bearer"


class Door:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, token: Token, limits: Limits, metrics: Metrics) -> None:
        self.app = app
        self.token = token
        self.rate = RateLimit(limits.requests_per_minute)
        self.max_body_bytes = limits.max_body_bytes
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        visit = _Visit(send)
        try:
            self._admit(scope)
            await self.app(scope, self._bounded(receive), visit.send)
        except ApiError as error:
            await visit.answer(error)
        except Exception as error:
            log.error("fault %s at %s request %s", type(error).__name__, _place(error), visit.id)
            await visit.answer(ApiError(500, "something went wrong on the server; see its log", code="internal_error"))
        finally:
            seconds = time.perf_counter() - visit.started
            route = _route(scope)
            self.metrics.request(route, visit.status, seconds)
            log.info("%s %d %.1f ms request %s", route, visit.status, seconds * 1000, visit.id)

    def _admit(self, scope: Scope) -> None:
        if scope["path"] in OPEN_PATHS:
            return
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1 or not self.token.opens(given[0]):
            error = ApiError(401, "send the token: `Authorization: Bearer …`", code="invalid_token")
            error.headers["WWW-Authenticate"] = "Bearer"
            raise error
        wait = self.rate.take()
        if wait:
            self.metrics.refused("rate")
            raise ApiError(429, "too many requests per minute", code="rate_limit", retry_after=wait)

        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if length.isdigit() and int(length) > self.max_body_bytes:
            raise ApiError(413, "the body is too large", code="body_too_large")

    def _bounded(self, receive: Receive) -> Receive:
        """`receive` that counts: a body may come in pieces and say nothing of its length."""
        from starlette.exceptions import HTTPException

        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.max_body_bytes:
                raise HTTPException(413)
            return message

        return counted


class _Visit:
    """One request on its way out: the answer's headers get the id, the status is remembered."""

    def __init__(self, send: Send) -> None:
        self.id = uuid.uuid4().hex
        self.started = time.perf_counter()
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.id.encode()),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)

    async def answer(self, error: ApiError) -> None:
        """Answer with an error, unless the answer has begun; then it is cut off, which the client sees."""
        from starlette.responses import JSONResponse

        if self.status:
            return
        body = body_of(error.status, error.message, error.code, error.param)
        response = JSONResponse(body, status_code=error.status, headers=error.headers)
        await response(_NO_SCOPE, _never, self.send)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _route(scope: Scope) -> str:
    """The route's template, never the path that was sent."""
    route: Any = scope.get("route")
    path = getattr(route, "path", None)
    if path is None and scope["path"] in OPEN_PATHS:
        path = scope["path"]
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    return f"{method} {path or 'unmatched'}"


def _place(error: Exception) -> str:
    """File and line where a fault arose; no source text and no message."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"


async def _never() -> Message:
    return {"type": "http.disconnect"}


_NO_SCOPE: Scope = {"type": "http"}
_METHODS = {"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}
