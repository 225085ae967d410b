"""Errors of the HTTP API, in the shape that clients of OpenAI's API read.

    {"error": {"message": …, "type": …, "param": …, "code": …}}

A message is made of our own words only: what a client sent (a value, an unknown key, a path) may be a customer's
sentence or telephone number, and never comes back in an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.serving.wire import FIELDS

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "overloaded_error",
}
_HTTP = {
    400: ("the body cannot be read as JSON", "bad_request"),
    404: ("there is nothing at this address", "not_found"),
    405: ("this address does not take this method", "method_not_allowed"),
    413: ("the body is too large", "body_too_large"),
}


class ApiError(Exception):
    """A request that is answered with an error; `message` holds nothing that the client sent."""

    def __init__(
        self, status: int, message: str, *, code: str, param: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}


def body_of(status: int, message: str, code: str, param: str | None = None) -> dict[str, Any]:
    """The body of an error answer."""
    kind = _TYPES.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def install(app: FastAPI) -> None:
    """Answer every error of the application in our shape."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    def api_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        body = body_of(error.status, error.message, error.code, error.param)
        return JSONResponse(body, status_code=error.status, headers=error.headers)

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        message, code = _HTTP.get(error.status_code, ("the request cannot be answered", "bad_request"))
        body = body_of(error.status_code, message, code)
        return JSONResponse(body, status_code=error.status_code, headers=error.headers)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        status, message, code, param = _explain(error.errors())
        return JSONResponse(body_of(status, message, code, param), status_code=status)

    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)


def _explain(problems: Sequence[Mapping[str, Any]]) -> tuple[int, str, str, str | None]:
    """The first problem in words, with the client's own keys taken out of its place."""
    first = problems[0]
    kind = str(first["type"])
    if kind == "json_invalid":
        return 400, *_HTTP[400], None
    param = _place(first["loc"])
    if kind == "extra_forbidden":
        return 422, "holds a field that this server does not support", "unknown_field", param
    if kind == "missing":
        return 422, "a required field is missing", "missing_field", param
    # Messages of pydantic hold the rule that was broken, not the value; the few that quote the input are not passed on.
    said = str(first["msg"]).removeprefix("Value error, ") if kind in _QUOTES_NOTHING else "is not valid"
    return 422, said, "invalid_value", param


_QUOTES_NOTHING = {
    "bool_parsing",
    "bool_type",
    "dict_type",
    "finite_number",
    "float_parsing",
    "float_type",
    "greater_than",
    "greater_than_equal",
    "int_from_float",
    "int_parsing",
    "int_type",
    "less_than",
    "less_than_equal",
    "list_type",
    "literal_error",
    "string_too_long",
    "string_too_short",
    "string_type",
    "too_long",
    "too_short",
    "value_error",
}


def _place(steps: Sequence[Any]) -> str | None:
    """`messages.0.content`: positions and names of our own fields; everything else came from the client."""
    kept = [str(step) for step in steps[1:] if isinstance(step, int) or step in FIELDS]
    return ".".join(kept) or None
