"""Routes for those who run the service: probes, figures, the description of the API."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from veridical.errors import VeridicalError
from veridical.service.api.answers import answers, content
from veridical.service.api.auth import Allow, Principal, allow
from veridical.service.api.state import ServiceDep
from veridical.service.transactions import ProblemError
from veridical.store.histograms import count_raised, count_unwatched
from veridical.store.jobs import count_jobs
from veridical.store.outbox import count_letters
from veridical.verification.needs import NotFitError
from veridical.wire import Alive, Ready

__all__ = ["router"]

router = APIRouter(tags=["operations"])

_DAY_MS = 86_400_000


@router.get("/livez", summary="Is the process alive?", **answers("livez", Alive))
async def livez() -> dict[str, str]:
    """Answered by the event loop itself: it says nothing about models or the database."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    summary="Would this replica serve: models, keys, database, disk, signing key, housekeeping?",
    **answers("readyz", Ready),
)
def readyz(service: ServiceDep) -> dict[str, object]:
    """503 until it is; `model.required` where a policy in force could never accept.

    `missing` names models of the profile that are not there, `lacks` the checks of policies in
    force that want one.
    """
    if service.loader.failure == NotFitError.default_code:
        raise ProblemError(
            503, NotFitError.default_code, "a required model is missing; see the server's log"
        )
    verifier = service.loader.get()
    if service.readiness is not None:
        try:
            service.readiness.require()
        except VeridicalError as error:
            raise ProblemError(503, error.code, str(error), 5) from error
    return {
        "status": "ready",
        "profile": verifier.profile,
        "missing": dict(verifier.missing),
        "lacks": [asdict(lack) for lack in verifier.lacks],
    }


@router.get(
    "/metrics",
    summary="Figures in the format of Prometheus",
    response_class=Response,
    **content("metrics", "text/plain", "Prometheus text format"),
)
def metrics(
    service: ServiceDep, principal: Annotated[Principal, Depends(allow("metrics:read"))]
) -> Response:
    """Of this process; queue and webhooks of all replicas."""
    del principal
    if service.transactions is not None:
        with service.transactions.resources.database.reading() as connection:
            service.metrics.waiting.set(count_jobs(connection))
            waiting, given_up = count_letters(connection)
            raised = count_raised(connection)
            unwatched = count_unwatched(
                connection, service.transactions.resources.clock() - _DAY_MS
            )
        service.metrics.drift.clear()  # what was cleared must not stay at its last figure
        for (alert, series), count in raised.items():
            service.metrics.drift.labels(alert, series).set(count)
        service.metrics.unwatched.set(unwatched)
        service.metrics.webhooks.labels("waiting").set(waiting)
        service.metrics.webhooks.labels("given_up").set(given_up)
        if service.retention is not None:
            service.metrics.failing_rows.set(service.retention.failing)
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/openapi.json", include_in_schema=False)
async def openapi(
    request: Request, principal: Annotated[Principal, Depends(Allow((), anybody=True))]
) -> dict[str, Any]:
    """The description of the API, for everybody with a key."""
    del principal
    described: dict[str, Any] = request.app.openapi()
    return described
