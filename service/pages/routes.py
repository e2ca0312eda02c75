"""The pages: `/verify` for applicants, `/demo`, `/operator`, `/admin`, and what they load."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response

from veridical.consent_recording import shipped_scripts
from veridical.service.api.auth import Principal, allow
from veridical.service.api.requirements import open_to_all
from veridical.service.pages.labels import labels
from veridical.service.pages.qa import About, QaFolder
from veridical.verification import reasons

__all__ = ["mount"]

TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "mp3": "audio/mpeg",
    "svg": "image/svg+xml",
}
SAFE = {"X-Content-Type-Options": "nosniff"}
# Nothing inline, nothing from elsewhere, no frames: a name read off a document can't become code.
PAGE = {
    **SAFE,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# A bank's own page may load the capture element from here: it is code, and public.
ASSET = {
    **SAFE,
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@dataclass(frozen=True, slots=True)
class _Page:
    """One answer that never changes while the service runs."""

    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, name: str, body: bytes, headers: Mapping[str, str]) -> "_Page":
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        kind = TYPES[name.rpartition(".")[2]]
        return cls(
            body, {**headers, "Content-Type": kind, "ETag": tag, "Cache-Control": "no-cache"}
        )

    def answer(self, request: Request) -> Response:
        if request.headers.get("if-none-match") == self.headers["ETag"]:
            return Response(status_code=304, headers=dict(self.headers))
        return Response(self.body, headers=dict(self.headers))


def mount(app: FastAPI, qa_dir: Path | None = None, policy: str = "") -> None:
    """Add the pages to an application.

    Args:
        app: The service.
        qa_dir: Where consented recordings are kept with their labels; None keeps none.
        policy: What the capture page proposes.
    """
    content = dict(_files(files("veridical.service.pages") / "static"))
    known = {code: reason.operator.as_json() for code, reason in reasons().items()}
    config = {"qa": qa_dir is not None, "policy": policy, "scripts": shipped_scripts()}
    pages = {
        "/demo": _Page.of("demo.html", content.pop("demo.html"), PAGE),
        "/verify": _Page.of("verify.html", content.pop("verify.html"), PAGE),
        "/admin": _Page.of("admin.html", content.pop("admin.html"), PAGE),
        "/operator": _Page.of("operator.html", content.pop("operator.html"), PAGE),
        "/demo/config.json": _Page.of("config.json", json.dumps(config).encode(), SAFE),
        "/demo/labels.json": _Page.of("labels.json", json.dumps(labels()).encode(), SAFE),
        "/demo/reasons.json": _Page.of("reasons.json", json.dumps(known).encode(), SAFE),
    } | {f"/demo/assets/{name}": _Page.of(name, body, ASSET) for name, body in content.items()}
    for path, page in pages.items():
        _serve(app, path, page)
    if qa_dir is not None:
        _keep_recordings(app, QaFolder(qa_dir))


def _serve(app: FastAPI, path: str, page: _Page) -> None:
    @app.get(path, include_in_schema=False)
    @open_to_all
    async def served(request: Request) -> Response:
        return page.answer(request)


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Every file below a folder of the package, by its path."""
    for item in folder.iterdir():
        if item.is_dir():
            yield from _files(item, f"{prefix}{item.name}/")
        elif item.name.rpartition(".")[2] in TYPES:
            yield prefix + item.name, item.read_bytes()


def _keep_recordings(app: FastAPI, folder: QaFolder) -> None:
    @app.post("/demo/qa", include_in_schema=False, status_code=201)
    def keep(
        _: Annotated[Principal, Depends(allow("transactions:write"))],
        about: Annotated[str, Form(max_length=10_000)],
        document_front: Annotated[UploadFile | None, File()] = None,
        document_back: Annotated[UploadFile | None, File()] = None,
        selfie: Annotated[UploadFile | None, File()] = None,
        clip: Annotated[UploadFile | None, File()] = None,
    ) -> JSONResponse:
        uploads = {
            "document_front": document_front,
            "document_back": document_back,
            "selfie": selfie,
            "clip": clip,
        }
        media = {kind: upload.file.read() for kind, upload in uploads.items() if upload}
        return JSONResponse({"id": folder.keep(About.of(about), media)}, status_code=201)
