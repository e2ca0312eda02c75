"""Routes for those who run the service: probes, figures, the description of the API."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from veridical.errors import VeridicalError
from veridical.service.api.answers import answers, content
from veridical.service.api.auth import DEFAULT_TENANT, Allow, Principal, allow
from veridical.service.api.requirements import open_to_all
from veridical.service.api.state import Service, ServiceDep
from veridical.store.histograms import count_raised, count_unwatched
from veridical.store.jobs import age_of_queue, count_jobs
from veridical.store.outbox import count_letters
from veridical.store.transactions import most_overdue
from veridical.transactions import ProblemError
from veridical.verification.needs import NotFitError
from veridical.wire import Alive, Ready

__all__ = ["readiness", "router"]

router = APIRouter(tags=["operations"])

_DAY_MS = 86_400_000
Monitor = Annotated[Principal, Depends(allow("metrics:read"))]


@router.get("/livez", summary="Is the process alive?", **answers("livez", Alive))
@open_to_all
async def livez() -> dict[str, str]:
    """Answered by the event loop itself: it says nothing about models or the database."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    summary="Would this replica serve: models, keys, database, disk, signing key, housekeeping?",
    **answers("readyz", Ready),
)
@open_to_all
def readyz(service: ServiceDep) -> dict[str, object]:
    """503 until it is; `model.required` where a policy in force could never accept.

    `missing` names models of the profile that are not there, `lacks` the checks of policies in
    force that want one.
    """
    return readiness(service)


def readiness(service: Service) -> dict[str, object]:
    """What a service that is ready tells of itself.

    Raises:
        ProblemError: `service.not_ready`, `model.required`.
        StoreError: The database is not there.
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
def metrics(service: ServiceDep, principal: Monitor) -> Response:
    """Of this process; queue, webhooks and drift of all replicas.

    A tenant is told its own; the operator, with a key of the tenant `default`, those of all.
    """
    whole = principal.tenant == DEFAULT_TENANT
    figures = service.metrics.whole if whole else service.metrics.of(principal.tenant)
    if service.transactions is not None:
        resources, tenant = service.transactions.resources, None if whole else principal.tenant
        with resources.database.reading() as connection:
            now = resources.clock()
            figures.waiting.set(count_jobs(connection, tenant))
            figures.oldest.set(age_of_queue(connection, now, tenant) / 1000)
            waiting, given_up = count_letters(connection, tenant)
            raised = count_raised(connection, tenant)
            if whole:
                service.metrics.running.late.set(most_overdue(connection, now) / 1000)
            unwatched = count_unwatched(connection, now - _DAY_MS, tenant)
        figures.drift.clear()  # what was cleared must not stay at its last figure
        for (alert, series), count in raised.items():
            figures.drift.labels(alert, series).set(count)
        figures.unwatched.set(unwatched)
        figures.webhooks.labels("waiting").set(waiting)
        figures.webhooks.labels("given_up").set(given_up)
        if whole and service.retention is not None:
            figures.failing_rows.set(service.retention.failing)
    return Response(figures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/openapi.json", include_in_schema=False)
async def openapi(
    request: Request, principal: Annotated[Principal, Depends(Allow((), anybody=True))]
) -> dict[str, Any]:
    """The description of the API, for everybody with a key."""
    del principal
    described: dict[str, Any] = request.app.openapi()
    return described
