"""Routes of policies and models: what is judged by, and by which versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from fastapi import Path as PathParameter

from veridical import wire
from veridical.errors import InputError
from veridical.models import ModelStore
from veridical.policy.lint import lint_policy
from veridical.policy.replay import replay
from veridical.policy.verdict import FORMAT
from veridical.service.api.answers import answers
from veridical.service.api.auth import Principal, allow
from veridical.service.api.requirements import takes
from veridical.service.api.state import ServiceDep, TransactionsDep
from veridical.transactions import PolicyRepository, ProblemError
from veridical.transactions.rules import LARGEST_POLICY_BYTES
from veridical.verification import Policy

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["catalogue"])

Name = Annotated[str, PathParameter(min_length=1, max_length=200, pattern=r"^[ -.0-~]+$")]
Catalogue = Annotated[Principal, Depends(allow("catalogue:read"))]
Author = Annotated[Principal, Depends(allow("policies:write"))]


def _shown(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.id,
        "version": policy.version,
        "sha256": policy.sha256,
        "description": policy.description,
        "attempts": policy.attempts,
        "reviewers": policy.reviewers,
        "required": list(policy.required),
        "optional": list(policy.optional),
        "facts": list(policy.facts),
        "rules": [
            {
                "id": rule.id,
                "when": rule.when.text,
                "then": str(rule.then),
                "unknown": "ignore" if rule.ignore_unknown else "review",
                "reason": rule.reason,
            }
            for rule in policy.rules.rules
        ],
    }


def _find(book: PolicyRepository, tenant: str, name: str, version: int | None = None) -> Policy:
    try:
        return book.find(tenant, name, version)
    except ProblemError as error:
        raise ProblemError(404, error.code, str(error)) from error


@router.get(
    "/policies",
    summary="Every version of every policy",
    **answers("list_policies", wire.PolicyList),
)
def policies(transactions: TransactionsDep, principal: Catalogue) -> dict[str, Any]:
    """The newest version of each first."""
    return {"items": [_shown(policy) for policy in transactions.book.all_of(principal.tenant)]}


@router.get(
    "/policies/{policy}",
    summary="One policy in its newest version",
    **answers("get_policy", wire.PolicyView),
)
def policy_of(transactions: TransactionsDep, principal: Catalogue, policy: Name) -> dict[str, Any]:
    """Its checks, in the order in which causes are looked for."""
    return _shown(_find(transactions.book, principal.tenant, policy))


@router.put(
    "/policies/{policy}",
    status_code=201,
    summary="Store a version of a policy",
    **answers("store_policy", wire.PolicyStored),
)
@takes(LARGEST_POLICY_BYTES)
def store_policy(
    service: ServiceDep,
    transactions: TransactionsDep,
    principal: Author,
    policy: Name,
    content: Annotated[str, Body(media_type="application/toml", max_length=LARGEST_POLICY_BYTES)],
    shadow: bool = False,
) -> dict[str, Any]:
    """TOML, as policy files are. A version that is stored never changes.

    Its examples must end as they say. One in the place of a shipped policy of its name wants
    `shadow=true`. `warnings` tells what `veridical policy lint` would.
    """
    stored = transactions.book.add(
        principal.tenant, policy, content.encode(), service.loader.fit, shadow=shadow
    )
    return {**_shown(stored), "warnings": lint_policy(stored)}


@router.post(
    "/policies/{policy}/evaluate",
    summary="How would a policy have decided?",
    **answers("evaluate_policy", wire.PolicyReplay),
)
@takes(8 * 2**20, most_values=500_000)
def evaluate(
    transactions: TransactionsDep, principal: Catalogue, policy: Name, body: wire.Verdicts
) -> dict[str, Any]:
    """Decides stored verdicts again, without media."""
    chosen = _find(transactions.book, principal.tenant, policy, body.version)
    if any(verdict.get("format") != FORMAT for verdict in body.verdicts):
        raise InputError(f"verdicts of format {FORMAT} are wanted", "policy.not_a_verdict")
    try:
        found = replay(body.verdicts, chosen, {})
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError(
            "a verdict is not as the service told it", "policy.not_a_verdict"
        ) from None
    return {
        "n": found.n,
        "outcomes": [
            {"before": before, "after": after, "n": count}
            for (before, after), count in sorted(found.outcomes.items())
        ],
        "changes": [
            {
                "transaction": change.transaction,
                "before": change.before,
                "after": change.after,
                "cause": change.cause,
            }
            for change in found.changes
        ],
        "unmeasured": dict(found.unmeasured),
    }


@router.get(
    "/models",
    summary="The models in use: hash, licence, operating points",
    **answers("list_models", wire.ModelList),
)
def models(request: Request, service: ServiceDep, principal: Catalogue) -> dict[str, Any]:
    """Those of the profile that the verifier runs."""
    del principal
    store: ModelStore | None = request.app.state.models
    if store is None:
        raise ProblemError(404, "request.not_found", "this service names no models")
    profile = store.profile(service.loader.get().profile)
    items = []
    for name in profile.models:
        card = store.card(name)
        items.append(
            {
                "name": card.name,
                "sha256": card.ref.sha256,
                "licence": card.licence,
                "commercial": card.commercial,
                "roles": sorted(role for role, names in profile.roles.items() if name in names),
                "operating_points": {
                    check: {
                        "accept_at": found.point.accept_at,
                        "reject_below": found.point.reject_below,
                        "source": found.point.source,
                    }
                    for check, found in card.operating_points.items()
                },
                "present": store.has(name),
            }
        )
    return {"profile": profile.name, "items": items}
