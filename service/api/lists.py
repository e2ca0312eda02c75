"""Routes of lists: numbers, phones and devices that are allowed or denied."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from veridical.service.api.answers import answers
from veridical.service.api.auth import Principal, allow
from veridical.service.api.requirements import takes
from veridical.service.api.state import TransactionsDep
from veridical.signals.keys import keyed
from veridical.signals.listing import checked_label
from veridical.store.lists import add_entries, list_sizes, remove_entries
from veridical.store.vault import made_vault
from veridical.transactions.resources import iso
from veridical.wire import ListAdded, ListEffect, ListKind, ListRemoved, ListSizes, ListValues

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["lists"])

Reader = Annotated[Principal, Depends(allow("lists:read"))]
Writer = Annotated[Principal, Depends(allow("lists:write"))]


@router.get("/lists", summary="How much is on which list?", **answers("list_sizes", ListSizes))
def sizes(transactions: TransactionsDep, principal: Reader) -> dict[str, Any]:
    """By effect, kind and label."""
    with transactions.resources.database.reading() as connection:
        found = list_sizes(connection, principal.tenant)
    return {
        "items": [
            {
                "effect": size.effect,
                "kind": size.kind,
                "label": size.label,
                "entries": size.entries,
                "newest_at": iso(size.newest_at),
            }
            for size in found
        ]
    }


@router.post(
    "/lists/{effect}/{kind}", summary="Put values on a list", **answers("add_to_list", ListAdded)
)
@takes(4 * 2**20)
def put(
    transactions: TransactionsDep,
    principal: Writer,
    effect: ListEffect,
    kind: ListKind,
    body: ListValues,
) -> dict[str, int]:
    """One that is on it stays as it is. A million at once: `veridical lists import`."""
    resources, label = transactions.resources, checked_label(body.label)
    with resources.database.writing() as connection:
        vault = made_vault(connection, resources.keys, principal.tenant)
        keys = {keyed(vault, kind, value) for value in body.values}
        now = resources.clock()
        added = add_entries(connection, principal.tenant, effect, kind, keys, label, now)
    return {"added": added, "known": len(keys) - added}


@router.post(
    "/lists/{effect}/{kind}/remove",
    summary="Take values off a list",
    **answers("remove_from_list", ListRemoved),
)
@takes(4 * 2**20)
def remove(
    transactions: TransactionsDep,
    principal: Writer,
    effect: ListEffect,
    kind: ListKind,
    body: ListValues,
) -> dict[str, int]:
    """A POST, so that no log of addresses holds a number."""
    resources = transactions.resources
    with resources.database.writing() as connection:
        vault = made_vault(connection, resources.keys, principal.tenant)
        keys = {keyed(vault, kind, value) for value in body.values}
        gone = remove_entries(connection, principal.tenant, effect, keys)
    return {"removed": gone}
