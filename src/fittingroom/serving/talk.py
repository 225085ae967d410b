"""A chat answer on its way out: in one body, or as a stream of events."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from starlette.responses import JSONResponse, Response, StreamingResponse

from fittingroom.serving.champions import Served
from fittingroom.serving.generation import Reply, Stream
from fittingroom.serving.wire import AnswerMessage, ChatAnswer, Choice, Usage, chunk

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

T = TypeVar("T")


AI_HEADER = "x-ai-generated"
"""Header of answers that carry a mark of being made by a machine: the mark in the metadata."""


class Work(Protocol):
    """Does something slow away from the event loop."""

    async def __call__(self, do: Callable[[], T]) -> T: ...


class Talk:
    """One answer, made piece by piece; `ended` is told the whole, unless the client went away before."""

    def __init__(self, served: Served, stream: Stream, work: Work, ended: Callable[[Reply], None]) -> None:
        self._served = served
        self._stream = stream
        self._pieces = iter(stream)
        self._work = work
        self._ended = ended
        self._key = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())

    async def whole(self, request: Request) -> Response:
        """The answer in one body; when the client goes away, the work stops."""
        async for _ in self._made():
            if await request.is_disconnected():
                return Response(status_code=204)
        reply = self._reply()
        answer = ChatAnswer(
            id=self._key,
            created=self._created,
            model=self._served.alias,
            choices=[Choice(message=AnswerMessage(content=reply.text), finish_reason=reply.finish_reason)],
            usage=_usage(reply),
            ai_generated=True if self._served.predictor.marks else None,
        )
        return JSONResponse(answer.model_dump(exclude_none=True), headers=self.headers())

    def headers(self) -> dict[str, str]:
        """Which release answers, and whether the answer is marked as made by a machine."""
        marks = {AI_HEADER: "true"} if self._served.predictor.marks else {}
        return {"x-release": str(self._served.release.version), **marks}

    async def events(self, usage: bool) -> AsyncIterator[str]:
        """The answer as server-sent events, ended by `[DONE]`."""
        yield self._event({"role": "assistant", "content": ""})
        async for piece in self._made():
            yield self._event({"content": piece})
        reply = self._reply()
        yield self._event({}, reply.finish_reason)
        if usage:
            last = chunk(self._key, self._created, self._served.alias, {}, None)
            yield _data(last | {"choices": [], "usage": _usage(reply).model_dump()})
        yield "data: [DONE]\n\n"

    async def _made(self) -> AsyncIterator[str]:
        while (piece := await self._work(lambda: next(self._pieces, None))) is not None:
            yield piece
        reply = self._reply()
        await self._work(lambda: self._ended(reply))

    def _reply(self) -> Reply:
        assert self._stream.reply is not None
        return self._stream.reply

    def _event(self, delta: dict[str, str], finish: str | None = None) -> str:
        return _data(chunk(self._key, self._created, self._served.alias, delta, finish))


class HeldStream(StreamingResponse):
    """A stream that gives back what it holds when it ends, however it ends."""

    def __init__(self, events: AsyncIterator[str], held: ExitStack, headers: dict[str, str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


def _usage(reply: Reply) -> Usage:
    total = reply.prompt_tokens + reply.completion_tokens
    return Usage(prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens, total_tokens=total)


def _data(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
