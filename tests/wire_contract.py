"""A test client that holds every answer of a service against the models of the wire."""

from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import BaseModel
from starlette.routing import BaseRoute

from veridical.wire import Problem

__all__ = ["ContractClient", "flat", "strays"]


def flat(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    """Every route, also of routers that were included as a whole."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from flat(getattr(getattr(route, "original_router", route), "routes", []))


def strays(told: object, place: str = "") -> list[str]:
    """Places of members that a model does not know."""
    found: list[str] = []
    if isinstance(told, BaseModel):
        found += [f"{place}.{name}" for name in told.model_extra or {}]
        for name in type(told).model_fields:
            found += strays(getattr(told, name), f"{place}.{name}")
    elif isinstance(told, tuple | list):
        for one in told:
            found += strays(one, f"{place}[]")
    elif isinstance(told, dict):
        for value in told.values():
            found += strays(value, f"{place}{{}}")
    return sorted(set(found))


class ContractClient(TestClient):
    """Fails the test in which a service tells more, less or otherwise than it describes."""

    def request(self, method: str, url: Any, **more: Any) -> Response:  # type: ignore[override]  # noqa: ANN401
        answer = super().request(method, url, **more)
        kind = answer.headers.get("content-type", "")
        if kind == "application/problem+json":
            self._hold(Problem, answer)
        elif kind == "application/json" and answer.is_success:
            app: Any = self.app
            path = answer.request.url.path
            for route in flat(app.routes):
                if method in (route.methods or ()) and route.path_regex.match(path):
                    if isinstance(route.response_model, type) and route.include_in_schema:
                        self._hold(route.response_model, answer)
                    break
        return answer

    def _hold(self, model: type[BaseModel], answer: Response) -> None:
        told = model.model_validate(answer.json())
        assert not strays(told), f"{answer.request.url.path} tells what {model.__name__} lacks"
        assert told.model_dump(mode="json", by_alias=True, exclude_unset=True) == answer.json()
