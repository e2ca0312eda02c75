"""The route of drift: how a tenant's scores and reasons stand against their baselines."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from veridical.service.api.answers import answers
from veridical.service.api.auth import Principal, allow
from veridical.service.api.state import TransactionsDep
from veridical.transactions.drift_views import overview
from veridical.wire import DriftOverview

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["operations"])


@router.get(
    "/drift", summary="Have scores and reasons drifted?", **answers("get_drift", DriftOverview)
)
def drift(
    transactions: TransactionsDep,
    principal: Annotated[Principal, Depends(allow("metrics:read", "reviews"))],
) -> dict[str, Any]:
    """Raised alerts, every series with its baseline, and the counts to draw them; of one tenant."""
    resources = transactions.resources
    return overview(resources.database, principal.tenant, resources.clock())
