"""What can go wrong between a client and the service, as types.

The service's problem documents (RFC 9457) become errors with the same stable `code`s that the
library raises in process, and of the same families: `except InputError` catches bad media whether
the verifier runs here or behind the network.
"""

import email.utils
import json
import time
from collections.abc import Mapping

from veridical.errors import ChallengeError, InputError, ModelError, StoreError, VeridicalError

__all__ = [
    "ApiError",
    "AuthError",
    "ChallengeRefused",
    "ConflictError",
    "ConnectionFailed",
    "InputRefused",
    "ModelUnavailable",
    "NotFoundError",
    "NotReadyError",
    "PendingError",
    "RateLimited",
    "ServiceFailed",
    "StoreUnavailable",
    "WebhookError",
    "error_of",
]


class ApiError(VeridicalError):
    """The service answered with a problem.

    Attributes:
        http_status: HTTP status of the answer.
        request_id: Quote it to the operator: the server's log has it; empty when none was given.
        retry_after_s: Seconds after which the service asks to be tried again; None without.
        attempts: How often it was tried.
        address: Of the service that was asked, without path or query: these may name a person.
        errors: Of a 422: what is wrong, each as a JSON pointer into the request and a reason.
    """

    default_code = "service.refused"

    def __init__(
        self,
        message: str,
        code: str | None = None,
        http_status: int = 0,
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code)
        self.http_status = http_status
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.attempts = 1
        self.address = ""
        self.errors: tuple[tuple[str, str], ...] = ()


class AuthError(ApiError):
    """The key or token is missing, unknown, revoked, expired, or may not do this (401, 403)."""


class NotFoundError(ApiError):
    """There is no such thing, or it belongs to another tenant (404)."""


class ConflictError(ApiError):
    """It is too late or too early for this: submitted, cancelled, erased (409, 410)."""


class InputRefused(ApiError, InputError):
    """Media or arguments cannot be used: mend the request (400, 413, 415, 422)."""


class ChallengeRefused(ApiError, ChallengeError):
    """A challenge is unknown, spent or too old: ask for a new one (`challenge.*`)."""


class RateLimited(ApiError):
    """Too many requests, still after every retry (429)."""


class NotReadyError(ApiError):
    """The service or something it needs is down, still after every retry (502, 503, 504)."""


class ModelUnavailable(NotReadyError, ModelError):
    """A model of the service is missing or altered (`model.*`)."""


class StoreUnavailable(NotReadyError, StoreError):
    """The service's database cannot be read or written (`store.*`, 507)."""


class ServiceFailed(ApiError):
    """An unforeseen error in the service, or an answer that is none of its own."""

    default_code = "internal.error"


class ConnectionFailed(ApiError):
    """The service could not be reached, or the connection broke or took too long."""

    default_code = "connection.failed"


class PendingError(ApiError):
    """A transaction was not completed within the time a caller was ready to wait."""

    default_code = "transaction.pending"


class WebhookError(VeridicalError):
    """A webhook is not signed by who knows the secret, or is too old to be believed."""

    default_code = "webhook.refused"
    http_status = 400


_BY_DOMAIN: Mapping[str, type[ApiError]] = {
    "challenge": ChallengeRefused,
    "model": ModelUnavailable,
    "store": StoreUnavailable,
}
_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InputRefused,
    401: AuthError,
    403: AuthError,
    404: NotFoundError,
    409: ConflictError,
    410: ConflictError,
    413: InputRefused,
    415: InputRefused,
    422: InputRefused,
    429: RateLimited,
    502: NotReadyError,
    503: NotReadyError,
    504: NotReadyError,
    507: StoreUnavailable,
}


def error_of(status: int, headers: Mapping[str, str], body: bytes, address: str = "") -> ApiError:
    """The error an answer stands for.

    Args:
        status: From 400.
        headers: With names in small letters.
        body: A problem document; anything else is not quoted, it may come from a proxy.
        address: Of the service.
    """
    error = _error_of(status, headers, body, address)
    error.address = address
    return error


def _error_of(status: int, headers: Mapping[str, str], body: bytes, address: str) -> ApiError:
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        kind = _BY_STATUS.get(status, ServiceFailed)
        return kind(
            f"the answer {status} of {address or 'the service'} is no problem document; does a "
            "proxy stand between?",
            None,
            status,
            headers.get("x-request-id", ""),
            _retry_after_s(headers),
        )
    code = problem["code"]
    kind = _BY_STATUS.get(status, ServiceFailed)
    if status not in (401, 403, 404, 429):
        kind = _BY_DOMAIN.get(code.partition(".")[0], kind)
    error = kind(
        str(problem.get("detail", code)),
        code,
        status,
        str(problem.get("request_id", "")),
        _retry_after_s(headers),
    )
    error.errors = tuple(
        (str(place.get("pointer", "")), str(place.get("detail", "")))
        for place in problem.get("errors") or ()
        if isinstance(place, dict)
    )
    return error


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
