"""The HTTP application: one-call verification and the probes an operator needs."""

import contextlib
import hashlib
import hmac
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, File, Form, Header, HTTPException, Request, UploadFile
from fastapi.responses import JSONResponse
from pydantic import SecretStr

import veridical
from veridical.errors import InputError, VeridicalError
from veridical.media import read_audio, read_clip, read_image, read_image_with_info
from veridical.service.api import problems
from veridical.service.api.limits import BodyLimit
from veridical.service.wire import parse_schedule
from veridical.types import Challenge
from veridical.verification import Transaction, Verifier, load_policy, verdict_to_json
from veridical.verification.evidence import EvidenceLog

__all__ = ["create_app"]

log = logging.getLogger("veridical.service")

Build = Callable[[], Verifier]


class Gate:
    """Lets a bounded number of verifications run; the rest are told when to come back.

    Work waiting in threads helps nobody: it only makes every answer late.

    Args:
        capacity: Verifications at once.
    """

    def __init__(self, capacity: int) -> None:
        self._free = threading.BoundedSemaphore(capacity)

    @contextlib.contextmanager
    def entered(self) -> Any:  # noqa: ANN401
        """Hold one place.

        Raises:
            HTTPException: 429 when none is free.
        """
        if not self._free.acquire(blocking=False):
            raise HTTPException(
                429, "the service works at its capacity; try again", {"Retry-After": "2"}
            )
        try:
            yield
        finally:
            self._free.release()


class Loader:
    """Builds the verifier beside the event loop, so that probes answer from the first moment."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self.verifier: Verifier | None = None
        self.failure = ""

    def load(self) -> None:
        """Load the models and self-test them; remember why when that fails."""
        try:
            self.verifier = self._build()
        except VeridicalError as error:
            self.failure = error.code
            log.error("not ready: %s %s", error.code, error)
        except Exception:
            # Left alone, the thread would end and the probe say forever that models are loading.
            self.failure = "internal.error"
            log.exception("not ready: an unforeseen error")

    def get(self) -> Verifier:
        """The verifier.

        Raises:
            HTTPException: 503 while it is loading or when it could not be loaded.
        """
        if self.verifier is None:
            why = "models are being loaded"
            if self.failure:
                why = f"models could not be loaded ({self.failure}); see the server's log"
            raise HTTPException(503, why, {"Retry-After": "5"})
        return self.verifier


def create_app(
    build: Build,
    *,
    api_key: SecretStr | None = None,
    evidence: EvidenceLog | None = None,
    max_body_bytes: int = 64 * 2**20,
    capacity: int = 2,
) -> FastAPI:
    """Make the application.

    Args:
        build: Makes the verifier; called once, in a thread, when the service starts.
        api_key: When given, every request but the probes must bear it.
        evidence: Where every verdict is recorded; None keeps no records.
        max_body_bytes: Largest request.
        capacity: Verifications at once; further ones get 429 with Retry-After.
    """
    loader, gate = Loader(build), Gate(capacity)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=loader.load, name="load-models", daemon=True).start()
        yield

    app = FastAPI(
        title="veridical",
        version=veridical.__version__,
        description="Self-hosted biometric identity verification.",
        lifespan=lifespan,
        # The framework's pages of documentation load scripts from elsewhere; its description of
        # the API would be given out without the key.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    problems.install(app)

    def authorised(authorization: Annotated[str, Header()] = "") -> None:
        if api_key is None:
            return
        wanted = f"Bearer {api_key.get_secret_value()}"
        if not hmac.compare_digest(authorization.encode(), wanted.encode()):
            raise HTTPException(
                401,
                "send the API key as `Authorization: Bearer KEY`",
                {"WWW-Authenticate": "Bearer"},
            )

    @app.get("/livez", summary="Is the process alive?")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", summary="Are the models loaded and self-tested?")
    async def readyz() -> dict[str, object]:
        verifier = loader.get()
        return {"status": "ready", "profile": verifier.profile, "missing": dict(verifier.missing)}

    @app.get("/openapi.json", include_in_schema=False, dependencies=[Depends(authorised)])
    async def openapi() -> dict[str, Any]:
        return app.openapi()

    @app.post(
        "/v1/verify", summary="Verify one applicant in one call", dependencies=[Depends(authorised)]
    )
    def verify(
        request: Request,
        policy: Annotated[str, Form(description="name of a shipped policy")] = "",
        document_front: Annotated[UploadFile | None, File()] = None,
        document_back: Annotated[UploadFile | None, File()] = None,
        selfie: Annotated[UploadFile | None, File()] = None,
        clip: Annotated[UploadFile | None, File()] = None,
        voice: Annotated[UploadFile | None, File()] = None,
        digits: Annotated[str, Form(description="the digits the applicant was asked to read")] = "",
        language: Annotated[str, Form()] = "en",
        schedule: Annotated[str, Form(description="JSON list: when each digit was shown, ms")] = "",
        attempt: Annotated[int, Form(ge=1)] = 1,
    ) -> JSONResponse:
        verifier = loader.get()
        if not any((document_front, document_back, selfie, clip, voice)):
            raise InputError(
                "nothing to verify: send document_front and selfie or clip as files",
                "request.no_media",
            )
        if policy and policy not in verifier.policies:
            # A path is an operator's to give, never a client's.
            raise InputError(
                f"no policy of that name; there are {', '.join(verifier.policies)}",
                "policy.unknown",
            )
        with gate.entered():
            uploads = {
                "document_front": document_front,
                "document_back": document_back,
                "selfie": selfie,
                "clip": clip,
                "voice": voice,
            }
            media = {kind: upload.file.read() for kind, upload in uploads.items() if upload}
            front = read_image_with_info(media["document_front"]) if document_front else None
            transaction = Transaction(
                id=problems.request_id(request),
                document_front=front[0] if front else None,
                document_info=front[1] if front else None,
                document_back=read_image(media["document_back"]) if document_back else None,
                selfie=read_image(media["selfie"]) if selfie else None,
                clip=read_clip(media["clip"]) if clip else None,
                voice=read_audio(media["voice"]) if voice else None,
                challenge=Challenge(digits, language, parse_schedule(schedule)) if digits else None,
                attempt=attempt,
            )
            verdict = verifier.verify(transaction, load_policy(policy) if policy else None)
            if evidence is not None:
                # Written before it is told: nobody holds a verdict that can't be proven.
                digests = {kind: hashlib.sha256(data).hexdigest() for kind, data in media.items()}
                evidence.append(verdict, digests)
        return JSONResponse(verdict_to_json(verdict))

    return app
