"""The application: the task's own route and the routes that clients of OpenAI's API know.

    GET  /health                 no token; whether it answers
    GET  /metrics                numbers for Prometheus
    GET  /v1/models              aliases and their releases
    POST /v1/classify            label, calibrated probabilities, confidence
    POST /v1/rank                goods or titles in their order, for a model that recommends
    POST /v1/write               free answers (`reply`, `copywrite`), to fields as the task has them
    POST /v1/chat/completions    generated answers, whole or as a stream of events

It knows no model, only a provider of predictors; all that a request may ask for is in `wire.py`, all that it may cost
in `limits.py`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from fittingroom.errors import UserError
from fittingroom.serving import problems
from fittingroom.serving.answers import Prediction
from fittingroom.serving.auth import Door, Token
from fittingroom.serving.champions import Provider, Served
from fittingroom.serving.generation import Reply, Sampling
from fittingroom.serving.limits import Limits, Queue
from fittingroom.serving.metrics import CONTENT_TYPE, Metrics
from fittingroom.serving.problems import ApiError
from fittingroom.serving.recorder import Record, Sink
from fittingroom.serving.talk import AI_HEADER, HeldStream, Talk
from fittingroom.serving.wire import (
    ChatAnswer,
    ChatRequest,
    Classified,
    ClassifyRequest,
    ErrorBody,
    Health,
    ModelCard,
    ModelList,
    RankedGoods,
    Ranking,
    RankRequest,
    WriteRequest,
    WrittenAnswer,
)
from fittingroom.serving.writing import Written

if TYPE_CHECKING:
    from anyio import CapacityLimiter

T = TypeVar("T")
log = logging.getLogger("fittingroom.serving")
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 404, 405, 413, 422, 429, 503)
}


def create_app(
    predictors: Provider,
    *,
    token: str,
    recorder: Sink,
    limits: Limits | None = None,
    metrics: Metrics | None = None,
    whose: Callable[[str], str | None] = lambda user: None,
) -> FastAPI:
    """The application around a provider of predictors; it closes the recorder when it shuts down.

    `whose` makes the keyed pseudonym of a customer, under which requests are recorded.

    Raises UserError for a token that is too short.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        recorder.close()

    limits, metrics = limits or Limits(), metrics or Metrics()
    desk = Desk(predictors, recorder, limits, metrics, whose)
    # The pages of /docs would load scripts from another machine.
    app = FastAPI(
        title="fittingroom",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
        responses=_ERRORS,
    )
    problems.install(app)
    app.add_middleware(Door, token=Token(token), limits=limits, metrics=metrics)
    app.add_api_route("/health", desk.health, methods=["GET"], response_model=Health)
    app.add_api_route("/metrics", desk.metrics_page, methods=["GET"], response_class=Response)
    app.add_api_route("/v1/models", desk.models, methods=["GET"], response_model=ModelList)
    app.add_api_route("/v1/classify", desk.classify, methods=["POST"], response_model=list[Classified])
    app.add_api_route("/v1/rank", desk.rank, methods=["POST"], response_model=Ranking)
    app.add_api_route("/v1/write", desk.write, methods=["POST"], response_model=list[WrittenAnswer])
    app.add_api_route("/v1/chat/completions", desk.chat, methods=["POST"], response_model=ChatAnswer)
    return app


class Desk:
    """The routes, and what they share."""

    def __init__(
        self, predictors: Provider, recorder: Sink, limits: Limits, metrics: Metrics, whose: Callable[[str], str | None]
    ) -> None:
        self._whose = whose
        self.predictors = predictors
        self.recorder = recorder
        self.limits = limits
        self.numbers = metrics
        self.queue = Queue(limits.max_waiting)
        metrics.count_inside(lambda: self.queue.taken)
        self._threads: CapacityLimiter | None = None

    # ------------------------------------------------------------------------------------------ routes

    async def health(self) -> Response:
        """Whether the server can answer."""
        ready = self.predictors.current(self.predictors.names()[0]) is not None
        status = Health(status="ok" if ready else "starting")
        return JSONResponse(status.model_dump(), status_code=200 if ready else 503)

    async def metrics_page(self) -> Response:
        """Numbers in Prometheus' text format."""
        return Response(self.numbers.page(), media_type=CONTENT_TYPE)

    async def models(self) -> ModelList:
        """The aliases that are served."""
        served = [self.predictors.current(name) for name in self.predictors.names()]
        return ModelList(data=[_card(item) for item in served if item is not None])

    async def classify(self, asked: ClassifyRequest, response: Response) -> list[Classified]:
        """One answer per message, in their order."""
        started = time.perf_counter()
        served = self._served(asked.model)
        inputs = asked.inputs()
        self._check_size(inputs)
        with self._place():
            found = await self._work(lambda: served.predictor.classify(inputs))
            seconds = time.perf_counter() - started
            said = (served.alias, served.release.version, seconds)
            group = self._group(asked.user)
            records = [Record.now("classify", *said, item.input, item.label, item.confidence, group) for item in found]
            await self._work(lambda: self._keep(records))
        self.numbers.predicted(served.alias, [(item.label, item.confidence) for item in found])
        response.headers["x-release"] = str(served.release.version)
        return [_classified(item) for item in found]

    async def rank(self, asked: RankRequest, response: Response) -> Ranking:
        """Titles in the order in which they suit a customer or a search."""
        started = time.perf_counter()
        served = self._served(asked.model)
        self._check_question(asked)
        with self._place():
            found = await self._work(
                lambda: served.predictor.rank(asked.input, asked.candidates, most=asked.most, personal=asked.personal)
            )
            seconds = time.perf_counter() - started
            said = (served.alias, served.release.version, seconds)
            record = Record.now("rank", *said, found.input, found.titles[0], None, self._group(asked.user))
            await self._work(lambda: self._keep([record]))
        response.headers["x-release"] = str(served.release.version)
        pairs = zip(found.titles, found.scores, strict=True)
        return Ranking(goods=[RankedGoods(title=title, score=score) for title, score in pairs])

    async def write(self, asked: WriteRequest, response: Response) -> list[WrittenAnswer]:
        """One free answer per input, in their order; as long as the longest of training at most."""
        started = time.perf_counter()
        served = self._served(asked.model)
        inputs = asked.inputs()
        self._check_size(inputs)
        with self._place():
            found = await self._work(lambda: served.predictor.write(inputs))
            said = (served.alias, served.release.version, time.perf_counter() - started)
            group = self._group(asked.user)
            records = [Record.now("write", *said, item.input, None, None, group) for item in found]
            await self._work(lambda: self._keep(records))
        response.headers["x-release"] = str(served.release.version)
        if served.predictor.marks:
            response.headers[AI_HEADER] = "true"
        return [_written(item) for item in found]

    async def chat(self, asked: ChatRequest, request: Request) -> Response:
        """A generated answer."""
        started = time.perf_counter()
        served = self._served(asked.model)
        messages, sampling = self._conversation(asked)
        with ExitStack() as stack:
            stack.enter_context(self._place())
            chat = await self._work(lambda: served.predictor.start_chat(messages, sampling))
            talk = Talk(
                served,
                chat.stream,
                self._work,
                lambda reply: self._chatted(served, chat.input, reply, started, self._group(asked.user)),
            )
            if asked.stream:
                usage = asked.stream_options is not None and asked.stream_options.include_usage
                # The place in the queue goes with the stream and is given back at its end.
                return HeldStream(talk.events(usage), stack.pop_all(), talk.headers())
            return await talk.whole(request)

    # ------------------------------------------------------------------------------------------ inside

    def _served(self, model: str) -> Served:
        try:
            served = self.predictors.current(model or self.predictors.names()[0])
        except KeyError:
            raise ApiError(
                404, "no such model; GET /v1/models lists them", code="model_not_found", param="model"
            ) from None
        if served is None:
            raise ApiError(503, "no release is loaded yet", code="starting", retry_after=5)
        return served

    def _check_size(self, inputs: Sequence[str | dict[str, str]]) -> None:
        if len(inputs) > self.limits.max_inputs:
            said = f"at most {self.limits.max_inputs} messages in one request"
            raise ApiError(413, said, code="too_many_inputs", param="input")
        for at, given in enumerate(inputs):
            size = len(given) if isinstance(given, str) else sum(len(text) for text in given.values())
            self._check_length(size, f"input.{at}")

    def _check_question(self, asked: RankRequest) -> None:
        texts = [asked.input] if isinstance(asked.input, str) else list(asked.input.values())
        size = sum(len(text) if isinstance(text, str) else sum(map(len, text)) for text in texts)
        self._check_length(size, "input")
        if len(asked.candidates or ()) > self.limits.max_candidates:
            said = f"at most {self.limits.max_candidates} candidates in one request"
            raise ApiError(413, said, code="too_many_candidates", param="candidates")
        for at, title in enumerate(asked.candidates or ()):
            self._check_length(len(title), f"candidates.{at}")

    def _check_length(self, characters: int, param: str) -> None:
        if characters > self.limits.max_characters:
            said = f"at most {self.limits.max_characters} characters in one message"
            raise ApiError(413, said, code="input_too_long", param=param)

    def _conversation(self, asked: ChatRequest) -> tuple[list[dict[str, str]], Sampling]:
        messages = []
        for at, message in enumerate(asked.messages):
            self._check_length(len(message.text()), f"messages.{at}.content")
            role = "system" if message.role == "developer" else message.role
            messages.append({"role": role, "content": message.text()})
        most = self.limits.max_new_tokens
        wanted = asked.max_completion_tokens or asked.max_tokens or most
        if wanted > most:
            raise ApiError(422, f"at most {most} tokens in one answer", code="invalid_value", param="max_tokens")
        sampling = Sampling(
            max_tokens=wanted,
            temperature=asked.temperature,
            top_p=asked.top_p,
            stop=tuple(asked.stops()),
            seed=asked.seed,
        )
        return messages, sampling

    def _place(self) -> ExitStack:
        """A place in the queue, counted; 503 when there is none."""
        stack = ExitStack()
        try:
            stack.enter_context(self.queue.place())
        except ApiError:
            self.numbers.refused("queue")
            raise
        return stack

    async def _work(self, do: Callable[[], T]) -> T:
        """Do something slow in a thread, so that the door stays open. A UserError becomes an answer."""
        from anyio import CapacityLimiter, to_thread

        if self._threads is None:
            self._threads = CapacityLimiter(self.limits.max_waiting)
        try:
            return await to_thread.run_sync(do, limiter=self._threads)
        except UserError as error:
            raise ApiError(422, error.en, code="invalid_value", param=error.place or None) from None

    def _group(self, user: str | None) -> str | None:
        return self._whose(user.strip()) if user and user.strip() else None

    def _chatted(self, served: Served, given: dict[str, str], reply: Reply, started: float, group: str | None) -> None:
        """Count and record a chat that came to its end."""
        self.numbers.chatted(served.alias, reply.prompt_tokens, reply.completion_tokens)
        label = reply.text.strip() if reply.text.strip() in served.predictor.labels else None
        seconds = time.perf_counter() - started
        said = (served.alias, served.release.version, seconds)
        self._keep([Record.now("chat", *said, given, label, None, group)])

    def _keep(self, records: list[Record]) -> None:
        """Record traffic; an answer is not refused because its record cannot be written."""
        try:
            self.recorder.write(records)
        except OSError as error:
            self.numbers.unrecorded(len(records))
            log.error("%d messages could not be recorded: %s", len(records), type(error).__name__)


def _card(served: Served) -> ModelCard:
    release = served.release
    created = int(datetime.fromisoformat(release.created).timestamp())
    return ModelCard(id=served.alias, created=created, root=release.name, parent=release.base, release=release.version)


def _classified(found: Prediction) -> Classified:
    return Classified(
        label=found.label,
        probabilities=found.probabilities,
        confidence=found.confidence,
        abstained=found.abstained,
        truncated=found.truncated,
    )


def _written(found: Written) -> WrittenAnswer:
    return WrittenAnswer(
        text=found.text,
        finish_reason=found.finish_reason,
        ai_generated=found.ai_generated,
        truncated=found.truncated,
    )
