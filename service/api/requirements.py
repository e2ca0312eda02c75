"""What does each route ask of a request, before any of its body is read?

It is read off the routes themselves, so that none can be forgotten: one that names neither a scope
nor that it is open to everybody keeps the application from starting.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from re import Pattern
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path

from veridical.service.api.auth import Allow

__all__ = [
    "JSON_BYTES",
    "NO_BODY_BYTES",
    "Bound",
    "Kind",
    "Requirement",
    "Requirements",
    "open_to_all",
    "takes",
]

NO_BODY_BYTES = 1024
"""Some clients send an empty object where nothing is asked for."""
JSON_BYTES = 64 * 1024
JSON_VALUES = 20_000

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_MARK, _OPEN = "__veridical_bound__", "__veridical_open__"


class Kind(Enum):
    """How a body is read."""

    NONE = "none"
    JSON = "json"
    TEXT = "text"
    FORM = "form"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Bound:
    """How much a route takes.

    Attributes:
        most_bytes: Largest body; by a parameter of the path where it depends on one.
        most_values: Values in a JSON body.
        parameter: Name of that parameter.
    """

    most_bytes: int | Mapping[str, int]
    most_values: int = JSON_VALUES
    parameter: str = ""

    def of(self, parameters: Mapping[str, str]) -> int:
        """Largest body at a path with these parameters."""
        if isinstance(self.most_bytes, int):
            return self.most_bytes
        return self.most_bytes.get(parameters.get(self.parameter, ""), NO_BODY_BYTES)


def takes(
    most_bytes: int | Mapping[str, int], *, most_values: int = JSON_VALUES, parameter: str = ""
) -> Callable[[_Endpoint], _Endpoint]:
    """Mark an endpoint that takes other bodies than most do; see `Bound`."""

    def mark(endpoint: _Endpoint) -> _Endpoint:
        setattr(endpoint, _MARK, Bound(most_bytes, most_values, parameter))
        return endpoint

    return mark


def open_to_all(endpoint: _Endpoint) -> _Endpoint:
    """Mark an endpoint that answers without a key."""
    setattr(endpoint, _OPEN, True)
    return endpoint


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one route asks.

    Attributes:
        path: Its template.
        methods: It answers.
        allow: Whom it lets in; None for everybody.
        kind: Of its body.
        bound: On its body.
        queries: Names of its query parameters.
    """

    path: str
    methods: frozenset[str]
    allow: Allow | None
    kind: Kind
    bound: Bound
    queries: frozenset[str]


class Requirements:
    """Those of all routes of an application.

    Args:
        app: With all its routes.
        form_bytes: Largest form.

    Raises:
        RuntimeError: A route says neither whom it lets in nor that it lets in everybody, or takes
            a body as it comes and does not say how much.
    """

    def __init__(self, app: FastAPI, form_bytes: int) -> None:
        self._routes: list[tuple[Pattern[str], Requirement]] = []
        for route in iter_route_contexts(app.routes):
            found = _requirement(route, form_bytes)
            self._routes.append((compile_path(found.path)[0], found))

    def __iter__(self) -> Iterator[Requirement]:
        return (found for _, found in self._routes)

    def at(self, path: str) -> list[tuple[Requirement, dict[str, str]]]:
        """Those of the routes at a path, with the parameters that it holds."""
        return [
            (found, match.groupdict())
            for pattern, found in self._routes
            if (match := pattern.match(path))
        ]


def _requirement(route: Any, form_bytes: int) -> Requirement:  # noqa: ANN401  # of two kinds
    path, dependant = str(route.path), getattr(route, "dependant", None)
    if not isinstance(dependant, Dependant):
        raise RuntimeError(f"{path} is no route that says what it asks")
    allows = [each for each in _calls(dependant) if isinstance(each, Allow)]
    is_open = getattr(route.endpoint, _OPEN, False)
    if len(allows) != (0 if is_open else 1):
        raise RuntimeError(f"{path} says neither whom it lets in nor that it is open to all")
    kind, most = _kind(route), NO_BODY_BYTES
    bound: Bound | None = getattr(route.endpoint, _MARK, None)
    if bound is None:
        if kind in (Kind.STREAM, Kind.TEXT):
            raise RuntimeError(f"{path} does not say how large its body may be")
        most = {Kind.JSON: JSON_BYTES, Kind.FORM: form_bytes}.get(kind, NO_BODY_BYTES)
        bound = Bound(most)
    return Requirement(
        path=path,
        methods=frozenset(route.methods or ()),
        allow=allows[0] if allows else None,
        kind=kind,
        bound=bound,
        queries=frozenset(_queries(dependant)),
    )


def _kind(route: Any) -> Kind:  # noqa: ANN401
    field = route.body_field
    if field is None:
        return Kind.STREAM if "requestBody" in (route.openapi_extra or {}) else Kind.NONE
    if isinstance(field.field_info, Form):
        return Kind.FORM
    media_type = getattr(field.field_info, "media_type", "application/json")
    return Kind.JSON if media_type == "application/json" else Kind.TEXT


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def _queries(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _queries(inner)
