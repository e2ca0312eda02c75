"""Routes of the page for applicants: links, devices, agreement."""

import io
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Depends, Request, Response

from veridical import wire
from veridical.service.api.answers import answers
from veridical.service.api.auth import Allow, Principal
from veridical.service.api.requirements import open_to_all
from veridical.service.api.state import TransactionsDep
from veridical.service.api.transactions import Applicant, Id, address_of
from veridical.transactions.journeys import Journeys
from veridical.transactions.resources import iso

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["journeys"])

Device = Annotated[Principal, Depends(Allow(("transactions:write",), upload=True, watch=True))]


@router.post(
    "/links/open",
    summary="Open a link on a device",
    **answers("open_link", wire.Journey, "The device captures from now on"),
)
@open_to_all
def open_link(transactions: TransactionsDep, body: wire.LinkOpening) -> dict[str, Any]:
    """A link works once. Whatever device captured before only looks on from then."""
    return Journeys(transactions).open(body)


@router.post(
    "/devices/renew",
    summary="Come back on a device that opened a link",
    **answers("renew_device", wire.Journey, "A new upload token; the one before is void"),
)
@open_to_all
def renew(transactions: TransactionsDep, body: wire.DeviceProof) -> dict[str, Any]:
    """After a reload: the device proves that it holds the key it was opened with."""
    return Journeys(transactions).renew(body)


@router.post(
    "/transactions/{transaction}/links",
    status_code=201,
    summary="Make a link for another device",
    **answers("make_link", wire.Link, "For ten minutes"),
)
def make_link(
    request: Request,
    response: Response,
    transactions: TransactionsDep,
    principal: Applicant,
    transaction: Id,
) -> dict[str, Any]:
    """The device that opens it captures; the one that asked for it looks on by itself."""
    link, until = Journeys(transactions).hand_over(principal, transaction)
    url = address_of(request, link)
    response.headers["Location"] = "/verify"
    return {"url": url, "expires_at": iso(until), "qr": _picture(url)}


@router.post(
    "/transactions/{transaction}/take-over",
    summary="Capture on this device again",
    **answers("take_over", wire.Transaction),
)
def take_over(transactions: TransactionsDep, principal: Device, transaction: Id) -> dict[str, Any]:
    """By a device that handed the transaction over; the other one looks on from then."""
    Journeys(transactions).take_over(principal, transaction)
    return {**transactions.view(principal, transaction), "here": True}


@router.put(
    "/transactions/{transaction}/consent",
    summary="Agree, as the applicant",
    **answers("agree", wire.Transaction),
)
def agree(
    transactions: TransactionsDep, principal: Applicant, transaction: Id, body: wire.Agreement
) -> dict[str, Any]:
    """Wanted before any medium where the transaction was started without consent."""
    Journeys(transactions).agree(principal, transaction, body)
    return transactions.view(principal, transaction)


def _picture(url: str) -> str:
    """A QR code as SVG, drawn here: no address leaves this server to be drawn elsewhere."""
    stream = io.BytesIO()
    segno.make(url, error="m", micro=False).save(
        stream, kind="svg", border=4, light="#ffffff", dark="#000000", svgclass=None,
        lineclass=None, xmldecl=False, omitsize=True,
    )  # fmt: skip
    return stream.getvalue().decode()
