"""Routes of galleries: enrolled faces, searched and deleted."""

import hashlib
import json
import threading
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi import Path as PathParameter

from veridical import wire
from veridical.errors import InputError
from veridical.gallery import Attributes, Gallery
from veridical.media import read_image
from veridical.service.api import problems
from veridical.service.api.answers import answers, nothing
from veridical.service.api.auth import Principal, allow
from veridical.service.api.state import Service, ServiceDep, TransactionsDep
from veridical.signals.ledger import SEEN, SEEN_WORD
from veridical.store import erase_subject, galleries_of
from veridical.transactions import ProblemError, Resources
from veridical.transactions.customers import FACES, VOICES
from veridical.types import Template
from veridical.verification import Transaction

__all__ = ["GalleryRegistry", "router"]

router = APIRouter(prefix="/v1", tags=["galleries"])

Name = Annotated[str, PathParameter(min_length=1, max_length=200, pattern=r"^[ -.0-~]+$")]
INTERNAL = frozenset({FACES, VOICES, SEEN})
"""Kept by transactions alone: whoever could write here could put a face in a customer's place."""


def _named(gallery: Name) -> str:
    """A gallery of the caller's own.

    Raises:
        ProblemError: `gallery.internal`.
    """
    if gallery in INTERNAL:
        raise ProblemError(
            403,
            "gallery.internal",
            "this gallery is kept by transactions: customers are enrolled by an onboarding with "
            "consent.enrol, compared by a reverify, and erased with DELETE /v1/subjects",
        )
    return gallery


def _referred(subject: Name) -> str:
    """A subject of the caller's own.

    Raises:
        ProblemError: `gallery.unknown_subject`: it is what is kept of a transaction.
    """
    if subject.startswith(SEEN_WORD):
        raise ProblemError(404, "gallery.unknown_subject", "no such subject")
    return subject


Named = Annotated[str, Depends(_named)]
Referred = Annotated[str, Depends(_referred)]
Searcher = Annotated[Principal, Depends(allow("galleries:read"))]
Keeper = Annotated[Principal, Depends(allow("galleries:write"))]


class GalleryRegistry:
    """The galleries that were opened, so that each index is loaded once a process.

    Args:
        resources: Where they are kept.
        snapshots: Folder of the indexes' snapshots.
    """

    def __init__(self, resources: Resources, snapshots: Path) -> None:
        self._resources = resources
        self._snapshots = snapshots
        self._open: dict[tuple[str, str, str], Gallery] = {}
        self._lock = threading.Lock()

    def gallery(self, tenant: str, name: str, model: str) -> Gallery:
        """One gallery of a tenant; made when it is not there."""
        with self._lock:
            found = self._open.get((tenant, name, model))
            if found is None:
                # Names may hold anything: a file name is made of their hash.
                digest = hashlib.sha256(json.dumps([tenant, name, model]).encode()).hexdigest()
                found = Gallery(
                    self._resources.database,
                    self._resources.keys,
                    name,
                    model,
                    tenant=tenant,
                    snapshot=self._snapshots / f"{digest[:32]}.index",
                )
                self._open[tenant, name, model] = found
        return found


def _registry(request: Request) -> GalleryRegistry:
    registry: GalleryRegistry | None = request.app.state.registry
    if registry is None:
        raise ProblemError(404, "request.not_found", "this service runs without a database")
    return registry


GalleriesDep = Annotated[GalleryRegistry, Depends(_registry)]


def _model(service: Service) -> str:
    model = service.loader.get().face_model
    if not model:
        raise ProblemError(503, "model.missing", "no model of faces is installed", 60)
    return model


def _template(service: Service, request: Request, image: UploadFile) -> Template:
    """The template of the one face of a picture.

    Raises:
        InputError: `gallery.no_face`: there is none, or no single one.
    """
    verifier = service.loader.get()
    with service.gate.entered():
        selfie = read_image(image.file.read())
        analysis = verifier.analyse(Transaction(problems.request_id(request), selfie=selfie))
        template = analysis.face_template
    if template is None:
        raise InputError("a picture with one whole face is wanted", "gallery.no_face")
    return template


@router.put(
    "/galleries/{gallery}/subjects/{subject}",
    status_code=201,
    summary="Enrol a subject",
    **answers("enrol_subject", wire.Enrolled),
)
def enrol(
    request: Request,
    service: ServiceDep,
    registry: GalleriesDep,
    principal: Keeper,
    gallery: Named,
    subject: Referred,
    image: Annotated[UploadFile, File()],
    birth_year: Annotated[int | None, Form(ge=1850, le=2199)] = None,
    sex: Annotated[str, Form(pattern="^[FMX]?$")] = "",
    replace: Annotated[bool, Form()] = False,
) -> dict[str, str]:
    """By a picture; the template is kept, the picture is not."""
    entries = registry.gallery(principal.tenant, gallery, _model(service))
    template = _template(service, request, image)
    attributes = Attributes(birth_year, sex)
    try:
        entries.enrol(subject, template, attributes)
    except InputError as error:
        if error.code != "gallery.exists":
            raise
        if not replace:
            raise ProblemError(409, error.code, str(error)) from error
        entries.update(subject, template, attributes)
    return {"gallery": gallery, "subject": subject}


@router.delete(
    "/galleries/{gallery}/subjects/{subject}",
    summary="Delete a subject",
    **nothing("delete_subject", "Deleted"),
)
def delete(
    service: ServiceDep,
    registry: GalleriesDep,
    principal: Keeper,
    gallery: Named,
    subject: Referred,
) -> Response:
    """From this gallery; from every index before its next search."""
    resources = registry.gallery(principal.tenant, gallery, _model(service))
    if not resources.delete(subject):
        raise ProblemError(404, "gallery.unknown_subject", "no such subject in this gallery")
    return Response(status_code=204)


@router.delete(
    "/subjects/{subject}",
    summary="Erase a subject from every gallery",
    **answers("erase_subject", wire.SubjectErased),
)
def erase(transactions: TransactionsDep, principal: Keeper, subject: Referred) -> dict[str, int]:
    """Its key is deleted: nothing opens what was kept of it."""
    return {"erased": erase_subject(transactions.resources.database, principal.tenant, subject)}


@router.get(
    "/subjects/{subject}",
    summary="Where is a subject enrolled?",
    **answers("get_subject", wire.SubjectGalleries),
)
def subject_of(
    transactions: TransactionsDep, principal: Searcher, subject: Referred
) -> dict[str, list[str]]:
    """Names of galleries: what a person who asks for their data is told."""
    return {"galleries": galleries_of(transactions.resources.database, principal.tenant, subject)}


@router.post(
    "/galleries/{gallery}/search",
    summary="Who is this?",
    **answers("search_gallery", wire.SearchResult),
)
def search(
    request: Request,
    service: ServiceDep,
    registry: GalleriesDep,
    principal: Searcher,
    gallery: Named,
    image: Annotated[UploadFile, File()],
    limit: Annotated[int, Form(ge=1, le=100)] = 10,
) -> dict[str, Any]:
    """The subjects most alike, most alike first."""
    entries = registry.gallery(principal.tenant, gallery, _model(service))
    hits = entries.search(_template(service, request, image), limit)
    return {
        "hits": [{"subject": hit.subject, "similarity": round(hit.similarity, 4)} for hit in hits],
        "entries": entries.statistics().entries,
    }


@router.get(
    "/galleries/{gallery}",
    summary="What does a gallery hold?",
    **answers("get_gallery", wire.GalleryStatistics),
)
def statistics(
    service: ServiceDep, registry: GalleriesDep, principal: Searcher, gallery: Named
) -> dict[str, int]:
    """Its size."""
    found = registry.gallery(principal.tenant, gallery, _model(service)).statistics()
    return {
        "entries": found.entries,
        "other_models": found.other_models,
        "revision": found.revision,
        "index_bytes": found.index_bytes,
    }
