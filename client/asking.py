"""How is a request of the API written, and its answer read?"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from veridical.client.content import Content, Source
from veridical.client.errors import ServiceFailed
from veridical.client.flow import Flow, Request, Response, Session, exchange
from veridical.wire import Answer as Told

__all__ = [
    "Json",
    "Page",
    "ask",
    "bearer",
    "fetch",
    "form",
    "gallery_path",
    "get",
    "post",
    "put",
    "quoted",
    "transaction_path",
]

T = TypeVar("T")
M = TypeVar("M", bound=Told)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        items: Of this part.
        cursor: Asks for the next part; empty at the end.
    """

    items: tuple[T, ...]
    cursor: str


def ask(session: Session, request: Request, model: type[M]) -> Flow[M]:
    """Send a request, and read what is told.

    Raises:
        ServiceFailed: It is something else: a proxy's page, or a service of another release.
    """
    answer = yield from exchange(session, request)
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as error:
        raise _not_understood(answer, error) from None


def fetch(session: Session, path: str, headers: Mapping[str, str] | None = None) -> Flow[bytes]:
    """The body of an answer, as it came."""
    answer = yield from exchange(session, Request("GET", path, headers or {}))
    return answer.body


def quoted(name: str) -> str:
    """A name as a part of a path that it cannot leave."""
    return quote(name, safe="")


def transaction_path(transaction: str) -> str:
    """Where a transaction is."""
    return f"/v1/transactions/{quoted(transaction)}"


def gallery_path(gallery: str, subject: str = "") -> str:
    """Where a gallery is, or one of its subjects."""
    path = f"/v1/galleries/{quoted(gallery)}"
    return f"{path}/subjects/{quoted(subject)}" if subject else path


def bearer(token: str) -> dict[str, str]:
    """Headers that take the place of the client's key; none for an empty token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def get(path: str, query: Mapping[str, object] | None = None, token: str = "") -> Request:
    """A request that looks; empty members of a query are left out."""
    given = urlencode({name: value for name, value in (query or {}).items() if value})
    return Request("GET", f"{path}?{given}" if given else path, bearer(token))


def post(
    path: str, body: Json, headers: Mapping[str, str] | None = None, patience_s: float = 0.0
) -> Request:
    """A request of JSON."""
    content = Content.of(json.dumps(body).encode())
    headers = {"Content-Type": "application/json", **(headers or {})}
    return Request("POST", path, headers, content, patience_s)


def put(path: str, body: Json, headers: Mapping[str, str] | None = None) -> Request:
    """The same, with PUT."""
    asked = post(path, body, headers)
    return Request("PUT", path, asked.headers, asked.content)


def form(
    path: str,
    files: Mapping[str, Source],
    fields: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Request:
    """A request of multipart/form-data (RFC 7578); empty fields are left out."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (fields or {}).items()
        if value
    ]
    for name, source in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"'
        kind = "Content-Type: application/octet-stream"
        parts += [f"{head}\r\n{kind}\r\n\r\n".encode(), *Content.of(source).chunks(), b"\r\n"]
    content = Content.of(b"".join([*parts, f"--{boundary}--\r\n".encode()]))
    return Request(
        method, path, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, content
    )


def _not_understood(answer: Response, error: ValidationError) -> ServiceFailed:
    """What came instead; values are not quoted, they may be personal."""
    try:
        is_object = isinstance(answer.json(), dict)
    except ValueError:
        is_object = False
    if not is_object:
        why = "is no JSON object; is this the address of the service?"
    else:
        places = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
        why = f"lacks, or has otherwise, {', '.join(places)}; is the service of another release?"
    failed = ServiceFailed(
        f"the answer ({answer.status}) of {answer.address or 'the service'} {why}"
    )
    failed.address = answer.address
    return failed
