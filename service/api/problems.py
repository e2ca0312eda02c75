"""Errors on the wire: RFC 9457 problem documents with stable codes, never a traceback."""

import functools
import logging
import re
import uuid
from collections.abc import Sequence
from typing import get_args

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from veridical.errors import ModelError, StoreError, VeridicalError
from veridical.transactions import ProblemError
from veridical.verification import CHECKS
from veridical.wire import Problem, ProblemPlace

__all__ = ["document", "headers_of", "install", "places_of", "problem", "request_id"]

log = logging.getLogger("veridical.service")

UNKNOWN = "as sent"
"""Stands for a name that is none of ours."""
_QUOTED = re.compile(r"'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"")

_OF_A_KEY = "[key]"
"""Ends the place of a fault that is one of a name."""
_QUOTING = ("value_error", "assertion_error")
"""Faults whose words are not the framework's own."""
MOST_PLACES = 100
"""A list of thousands that is wrong in each place says no more than this."""

_HTTP_CODES = {404: "request.not_found", 405: "request.method"}


def request_id(request: Request) -> str:
    """The id of one request, made at its first use."""
    if not hasattr(request.state, "request_id"):
        request.state.request_id = uuid.uuid4().hex
    return str(request.state.request_id)


def document(
    status: int,
    code: str,
    detail: str,
    request: str,
    errors: Sequence[ProblemPlace] = (),
) -> dict[str, object]:
    """What a problem document says; see `problem`.

    Args:
        status: HTTP status.
        code: Stable code for machines.
        detail: What was wanted, what came, what to do.
        request: Id of the request.
        errors: What is wrong with which part of it.
    """
    told = Problem(
        type=f"urn:veridical:problem:{code}",
        title=code.replace(".", ": ").replace("_", " "),
        status=status,
        detail=detail,
        code=code,
        request_id=request,
        retryable=status in (408, 429, 503, 507),
        errors=tuple(errors),
    )
    return told.model_dump(exclude=None if errors else {"errors"})


def problem(
    status: int,
    code: str,
    detail: str,
    request: Request,
    headers: dict[str, str] | None = None,
    errors: Sequence[ProblemPlace] = (),
) -> JSONResponse:
    """One problem document.

    Args:
        status: HTTP status.
        code: Stable code for machines.
        detail: What was wanted, what came, what to do. Never personal data.
        request: The request it answers.
        headers: Further headers, such as Retry-After.
        errors: What is wrong with which part of the request.
    """
    return JSONResponse(
        document(status, code, detail, request_id(request), errors),
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


def places_of(error: VeridicalError, detail: str) -> tuple[ProblemPlace, ...]:
    """Which part of a request an error is about; of a 422 alone."""
    if error.http_status != 422:
        return ()
    pointer = error.pointer if isinstance(error, ProblemError) else ""
    return (ProblemPlace(pointer=pointer, detail=detail),)


def headers_of(error: VeridicalError) -> dict[str, str]:
    """Headers that go with an error."""
    headers = {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, ProblemError) and error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    elif error.http_status in (503, 507):
        headers["Retry-After"] = "5"
    return headers


def _unquoted(detail: str, sent: bytes) -> str:
    """A message without what it quotes of the text that was sent: it ends in logs of others."""

    def told(quoted: re.Match[str]) -> str:
        word = quoted.group()[1:-1]
        return f"({UNKNOWN})" if word.encode() in sent and word not in CHECKS else quoted.group()

    return _QUOTED.sub(told, detail) if sent else detail


@functools.cache
def _words_of(app: FastAPI) -> frozenset[str]:
    """Every name that the routes of an application give to what they are sent."""
    found = {"body", "query", "path", "header"}
    for route in iter_route_contexts(app.routes):
        waiting = [route.dependant] if hasattr(route, "dependant") else []
        while waiting:
            dependant = waiting.pop()
            waiting += dependant.dependencies
            for field in (
                *dependant.path_params,
                *dependant.query_params,
                *dependant.header_params,
                *dependant.body_params,
            ):
                found |= {field.alias, *_names(field.field_info.annotation)}
    return frozenset(found)


def _names(kind: object) -> set[str]:
    """Names of the fields of a model, and of those within."""
    found: set[str] = set()
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            found |= {name, *_names(field.annotation)}
    for inner in get_args(kind):
        found |= _names(inner)
    return found


def install(app: FastAPI) -> None:
    """Make every error of an application answer with a problem document."""

    @app.exception_handler(VeridicalError)
    def known(request: Request, error: VeridicalError) -> JSONResponse:
        if isinstance(error, ModelError | StoreError):
            log.error("%s %s", error.code, error, extra={"request": request_id(request)})
        detail = _unquoted(str(error), getattr(request.state, "sent", b""))
        return problem(
            error.http_status,
            error.code,
            detail,
            request,
            headers_of(error),
            places_of(error, detail),
        )

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        # The offending values may be personal, and so may be a key that nobody asked for: only
        # places are named, by the words of our own description.
        known = _words_of(app)
        places = {
            tuple(
                str(part) if isinstance(part, int) or part in known else f"({UNKNOWN})"
                for part in fault["loc"]
                if part != _OF_A_KEY
            ): "this value is refused" if fault["type"] in _QUOTING else str(fault["msg"])
            for fault in error.errors()[:MOST_PLACES]
        }
        named = ", ".join(sorted(".".join(place) for place in places))
        errors = [
            ProblemPlace(pointer="".join(f"/{part}" for part in place), detail=why)
            for place, why in sorted(places.items())
        ]
        return problem(
            422, "request.malformed", f"missing or malformed: {named}", request, errors=errors
        )

    @app.exception_handler(ResponseValidationError)
    def broken(request: Request, error: ResponseValidationError) -> JSONResponse:
        places = sorted({".".join(str(part) for part in e["loc"]) for e in error.errors()})
        log.error("an answer is not as described: %s request=%s", places, request_id(request))
        return problem(
            500, "internal.error", "an unforeseen error; its cause is in the server's log", request
        )

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP_CODES.get(error.status_code, "request.refused")
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, code, str(error.detail), request, headers)

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> JSONResponse:
        # The exception's text may quote input: its type and place are enough to find it.
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
        log.error(
            "unforeseen %s at %s request=%s", type(error).__name__, place, request_id(request)
        )
        return problem(
            500, "internal.error", "an unforeseen error; its cause is in the server's log", request
        )
