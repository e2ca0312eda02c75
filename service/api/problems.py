"""Errors on the wire: RFC 9457 problem documents with stable codes, never a traceback."""

import logging
import uuid

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from veridical.errors import ModelError, StoreError, VeridicalError
from veridical.service.transactions import ProblemError
from veridical.wire import Problem

__all__ = ["document", "install", "problem", "request_id"]

log = logging.getLogger("veridical.service")

_HTTP_CODES = {404: "request.not_found", 405: "request.method"}


def request_id(request: Request) -> str:
    """The id of one request, made at its first use."""
    if not hasattr(request.state, "request_id"):
        request.state.request_id = uuid.uuid4().hex
    return str(request.state.request_id)


def document(status: int, code: str, detail: str, request: str) -> dict[str, object]:
    """What a problem document says; see `problem`.

    Args:
        status: HTTP status.
        code: Stable code for machines.
        detail: What was wanted, what came, what to do.
        request: Id of the request.
    """
    told = Problem(
        type=f"urn:veridical:problem:{code}",
        title=code.replace(".", ": ").replace("_", " "),
        status=status,
        detail=detail,
        code=code,
        request_id=request,
        retryable=status in (408, 429, 503, 507),
    )
    return told.model_dump()


def problem(
    status: int, code: str, detail: str, request: Request, headers: dict[str, str] | None = None
) -> JSONResponse:
    """One problem document.

    Args:
        status: HTTP status.
        code: Stable code for machines.
        detail: What was wanted, what came, what to do. Never personal data.
        request: The request it answers.
        headers: Further headers, such as Retry-After.
    """
    return JSONResponse(
        document(status, code, detail, request_id(request)),
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Make every error of an application answer with a problem document."""

    @app.exception_handler(VeridicalError)
    def known(request: Request, error: VeridicalError) -> JSONResponse:
        if isinstance(error, ModelError | StoreError):
            log.error("%s %s", error.code, error, extra={"request": request_id(request)})
        headers = {}
        if error.http_status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, ProblemError) and error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
        elif error.http_status in (503, 507):
            headers["Retry-After"] = "5"
        return problem(error.http_status, error.code, str(error), request, headers)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        # The offending values may be personal: only their places are named.
        places = sorted({".".join(str(part) for part in e["loc"]) for e in error.errors()})
        return problem(
            422, "request.malformed", f"missing or malformed: {', '.join(places)}", request
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
