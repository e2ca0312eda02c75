"""How does the service describe itself? OpenAPI, written from the routes and the wire's models."""

from typing import Any

from fastapi import FastAPI

from veridical.wire import DriftEvent, Problem, TransactionEvent

__all__ = ["PROBLEMS", "SERVERS", "TAGS", "describe"]

SERVERS = [
    {"url": "/", "description": "The installation that gives out this description"},
    {"url": "http://127.0.0.1:8080", "description": "`veridical serve --dev` on this machine"},
]
TAGS = [
    {"name": "transactions", "description": "Verify an applicant: start, hand in, submit, look."},
    {"name": "journeys", "description": "Lead an applicant through the page, device to device."},
    {"name": "reviews", "description": "What is left to a person."},
    {"name": "evidence", "description": "The signed chain of what was decided."},
    {"name": "guidance", "description": "What to change before a picture is taken."},
    {"name": "verify", "description": "Everything in one request."},
    {"name": "analysis", "description": "Single checks; nothing is kept."},
    {"name": "galleries", "description": "Enrolled faces."},
    {"name": "lists", "description": "What is allowed or denied."},
    {"name": "catalogue", "description": "Policies and models."},
    {"name": "administration", "description": "Tenants, limits and keys."},
    {"name": "webhooks", "description": "Where events are told, and whether they arrived."},
    {"name": "operations", "description": "Probes, figures and drift."},
]
_PROBLEM: dict[str, Any] = {
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request was refused (RFC 9457)", **_PROBLEM},
    "5XX": {"description": "The service failed, or is not ready (RFC 9457)", **_PROBLEM},
}
"""How every route describes its problems."""


def describe(app: FastAPI) -> None:
    """Give an application its description, and the webhooks it sends."""
    _describe_webhooks(app)
    written = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = written()
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            found["components"]["schemas"] |= {**schema.pop("$defs", {}), "Problem": schema}
            for path in found["paths"].values():
                for operation in path.values():
                    _require_digest(operation)
        described: dict[str, Any] = app.openapi_schema or {}
        return described

    app.openapi = openapi  # type: ignore[method-assign]


def _require_digest(operation: dict[str, Any]) -> None:
    """Say that an upload wants its digest: the route itself asks, with a code of its own."""
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "content-digest":
            parameter["required"] = True
            parameter["schema"].pop("default", None)


def _describe_webhooks(app: FastAPI) -> None:
    @app.webhooks.post("transaction", operation_id="on_transaction", tags=["transactions"])
    def on_transaction(body: TransactionEvent) -> None:
        """Posted to the tenant's webhook and the transaction's callback, signed."""

    @app.webhooks.post("drift", operation_id="on_drift", tags=["operations"])
    def on_drift(body: DriftEvent) -> None:
        """Posted to the tenant's webhook, signed."""
