"""What goes over the wire: requests and answers of the HTTP API.

A field that a client may send and that this server does not act on is an error, not a silence; the exceptions are the
values that ask for nothing (`n: 1`, `frequency_penalty: 0`), because clients send them by default.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator


def _well_formed(value: str) -> str:
    """JSON can write half of a surrogate pair; no tokenizer and no file can."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no text") from None
    return value


String = Annotated[str, AfterValidator(_well_formed)]
Name = Annotated[str, StringConstraints(max_length=64), AfterValidator(_well_formed)]


class Wire(BaseModel):
    """Base of all shapes on the wire: numbers are finite, unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())


# ---------------------------------------------------------------------------------------------- requests


class TextPart(Wire):
    """A piece of a message in the long form."""

    type: Literal["text"]
    text: String


class Message(Wire):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant"]
    content: String | list[TextPart] | None
    """Nothing at all only for a turn of the assistant, as clients send it."""
    name: Name | None = None
    """Taken and not used: it may name a person."""

    def text(self) -> str:
        """The turn as one string."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or [])

    @model_validator(mode="after")
    def _says_something(self) -> Message:
        if self.content is None and self.role != "assistant":
            raise ValueError("content is missing")
        return self


class StreamOptions(Wire):
    """Options of a stream."""

    include_usage: bool = False


class TextFormat(Wire):
    """The only format of answers: text."""

    type: Literal["text"]


class ChatRequest(Wire):
    """`POST /v1/chat/completions`."""

    messages: list[Message] = Field(min_length=1, max_length=256)
    model: Name = ""
    """Alias to answer with; the first that is served when empty."""
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    """The newer name of `max_tokens`; it wins when both are given."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """0 takes the likeliest token each time. Other servers default to 1; a fitted classifier should not gamble."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    stop: String | Annotated[list[String], Field(max_length=8)] | None = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] = 1
    frequency_penalty: Literal[0] = 0
    presence_penalty: Literal[0] = 0
    logprobs: Literal[False] = False
    response_format: TextFormat | None = None
    user: Name | None = None
    """Who is asking. It is recorded as a keyed pseudonym only, so that the customer's requests can be erased."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, given: Any) -> Any:
        """Clients send null for what they do not set."""
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given

    def stops(self) -> list[str]:
        """Strings that end the answer; empty ones end nothing."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [stop for stop in given if stop]


Input = String | dict[String, String]


class ClassifyRequest(Wire):
    """`POST /v1/classify`: one message or a list; a string where the task has one field, else field -> text."""

    input: Input | Annotated[list[Input], Field(min_length=1)]
    model: Name = ""
    user: Name | None = None
    """Who is asking, as for the chat."""

    def inputs(self) -> list[str | dict[str, str]]:
        """The messages as a list."""
        return list(self.input) if isinstance(self.input, list) else [self.input]


class RankRequest(Wire):
    """`POST /v1/rank`: what is known of a customer or asked in a search; a string where the task has one field, else
    field -> text, or a list of titles, newest first. Nothing at all asks for what suits everybody.
    """

    input: String | dict[String, String | list[String]] = Field(default_factory=dict)
    candidates: Annotated[list[String], Field(min_length=1)] | None = None
    """Titles to rank; without them the model's own tables propose some."""
    most: int = Field(default=10, ge=1, le=1000)
    """Titles in the answer at most."""
    personal: bool = True
    """False leaves out what the customer bought and looked at."""
    model: Name = ""
    user: Name | None = None
    """Who is asking, as for the chat."""


class WriteRequest(ClassifyRequest):
    """`POST /v1/write`: what `/v1/classify` takes, answered in free text: a question, facts and history, attributes."""


# ---------------------------------------------------------------------------------------------- answers


class WrittenAnswer(Wire):
    """One answer of `/v1/write`."""

    text: str
    """With its visible mark, where the task asks for one."""
    finish_reason: Literal["stop", "length"]
    """`length`: it was cut at the longest of training (but for one in a hundred)."""
    ai_generated: bool = False
    """Whether the answer is marked as made by a machine."""
    truncated: int = 0
    """Tokens of the input that were cut off to fit the length of training."""


class Classified(Wire):
    """One answer of `/v1/classify`; `probabilities` are calibrated and sum to 1."""

    label: str
    probabilities: dict[str, float]
    confidence: float
    abstained: bool = False
    """The model is not sure enough for the precision that its task wants: hand the message to a person."""
    truncated: int = 0
    """Tokens of the message that were cut off to fit the length of training."""


class RankedGoods(Wire):
    """One title of a ranking; scores are comparable within it only."""

    title: str
    score: float


class Ranking(Wire):
    """Answer of `/v1/rank`, best first."""

    goods: list[RankedGoods]


class ModelCard(Wire):
    """One entry of `/v1/models`."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "fittingroom"
    root: str
    """Name of the recipe."""
    parent: str
    """The base model."""
    release: int


class ModelList(Wire):
    """`GET /v1/models`."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Usage(Wire):
    """Tokens counted."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(Wire):
    """The model's turn."""

    role: Literal["assistant"] = "assistant"
    content: str


class Choice(Wire):
    """The one answer."""

    index: int = 0
    message: AnswerMessage
    finish_reason: Literal["stop", "length"]


class ChatAnswer(Wire):
    """`POST /v1/chat/completions`, not streamed."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    ai_generated: bool | None = None
    """True where the task marks its answers as made by a machine; else it is left out."""


class Health(Wire):
    """`GET /health`."""

    status: Literal["ok", "starting"]


class Problem(Wire):
    """What is wrong with a request."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorBody(Wire):
    """The body of every error."""

    error: Problem


def chunk(key: str, created: int, model: str, delta: dict[str, str], finish: str | None) -> dict[str, Any]:
    """One event of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": key, "object": "chat.completion.chunk", "created": created, "model": model, "choices": [choice]}


FIELDS = {
    name for shape in (ChatRequest, ClassifyRequest, RankRequest, Message, TextPart, StreamOptions, TextFormat)
    for name in shape.model_fields
}  # fmt: skip
"""Names of our own fields: the only ones that an error may repeat."""
