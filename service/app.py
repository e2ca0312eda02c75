"""The HTTP application: transactions, single checks, galleries, and what an operator needs."""

import asyncio
import contextlib
import functools
import hashlib
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Annotated, Any, TypeVar

from anyio.to_thread import current_default_thread_limiter, run_sync
from fastapi import Depends, FastAPI, File, Form, Request, UploadFile
from fastapi.middleware.cors import CORSMiddleware
from pydantic import SecretStr
from starlette.formparsers import MultiPartParser

import veridical
from veridical import wire
from veridical.chip import read_chip
from veridical.errors import InputError
from veridical.media import read_audio, read_clip, read_image, read_image_with_info
from veridical.models import ModelStore
from veridical.service.api import (
    administration,
    analysis,
    catalogue,
    galleries,
    guidance,
    journeys,
    lists,
    operations,
    problems,
    webhooks,
)
from veridical.service.api import description as descriptions
from veridical.service.api import drift as drift_routes
from veridical.service.api import evidence as evidence_routes
from veridical.service.api import transactions as transaction_routes
from veridical.service.api.answers import answers
from veridical.service.api.auth import Access, Principal, allow
from veridical.service.api.entry import Doors, Entry
from veridical.service.api.limits import ByteBudget
from veridical.service.api.metrics import Metrics
from veridical.service.api.observe import Observed
from veridical.service.api.state import Build, Gate, Loader, Service, ServiceDep, SharedGate
from veridical.service.pages.routes import mount
from veridical.signals import SignalFacts
from veridical.transactions import (
    DriftWatch,
    PolicyRepository,
    Resources,
    RetentionJob,
    TransactionService,
    TransactionSettings,
    WebhookDispatcher,
    Worker,
)
from veridical.transactions.readiness import Readiness
from veridical.transactions.recordings import Judge
from veridical.transactions.records import record
from veridical.transactions.webhooks import Poster
from veridical.types import Challenge
from veridical.verification import Transaction, load_policy, verdict_to_json
from veridical.verification.drift import line_of
from veridical.verification.evidence import EvidenceLog, verdict_body
from veridical.verification.inputs import parse_facts, parse_schedule

__all__ = ["create_app"]

T = TypeVar("T")
PATIENCE_S = 25.0
"""How long a service that is told to end waits for what it is judging."""
THREADS_BESIDE = 1
"""Threads for requests that verify nothing and take milliseconds, beside one for every verification
at once."""


def create_app(
    build: Build,
    *,
    api_key: SecretStr | None = None,
    proxy_secret: SecretStr | None = None,
    evidence: EvidenceLog | None = None,
    max_body_bytes: int = 64 * 2**20,
    held_body_bytes: int = 256 * 2**20,
    capacity: int = 2,
    resources: Resources | None = None,
    transactions: TransactionSettings = TransactionSettings(),  # noqa: B008
    policy: str = "spoken",
    open_to_everyone: bool = False,
    capture_origins: Sequence[str] = (),
    hosts: Sequence[str] = (),
    snapshots: Path = Path("galleries"),
    models: ModelStore | None = None,
    qa_dir: Path | None = None,
    recordings: Judge | None = None,
    public_url: str = "",
) -> FastAPI:
    """Make the application.

    Args:
        build: Makes the verifier; called once, in a thread, when the service starts.
        api_key: A key of the default tenant with every scope, beside those in the database.
        proxy_secret: Proves that a proxy says by `X-Veridical-Person` who asks.
        evidence: File to which every verdict of the one-call form is recorded as well.
        max_body_bytes: Largest form; bodies of other kinds have bounds of their routes.
        held_body_bytes: Bodies under way may hold so much together, those of one tenant half.
        capacity: Verifications at once; further ones get 429 with Retry-After, or wait their turn
            in the queue of transactions.
        resources: The database; without it there are only stateless routes.
        transactions: Bounds of transactions.
        policy: Name or path of the policy of transactions that name none.
        open_to_everyone: Let callers in without any key. A service without a database and without
            `api_key` is open in any case: it is somebody's own, in process.
        capture_origins: Origins of pages that may capture with an upload token (CORS).
        hosts: Names by which the service may be called; any when there is none.
        snapshots: Folder of the galleries' snapshots.
        models: For the catalogue of models; none is told without.
        qa_dir: Folder that takes recordings of the demo page's QA mode; off without.
        recordings: Gives what judges recordings of a script; a person looks at them without.
        public_url: Where the service is reached from outside, for links; as called when empty.
    """
    gate, metrics = Gate(capacity), Metrics()
    loader = Loader(build, metrics)
    if resources is not None:
        resources.database.meter = metrics.running.database
    found = (
        TransactionService(
            resources, PolicyRepository(resources, policy), transactions, fit=loader.fit
        )
        if resources is not None
        else None
    )
    worker, retention, drift = None, None, None
    if found is not None:
        if transactions.keep_counts:
            drift = DriftWatch(found.resources, transactions.keep_counts, _installation(models))
        observe = drift.observe if drift is not None else None
        worker = Worker(found, loader.get, gate.awaited, metrics, observe, recordings)
        dispatcher = WebhookDispatcher(found.resources, Poster(transactions.allowed_callbacks))
        retention = RetentionJob(found, dispatcher, drift)
    readiness = Readiness(found.resources, retention.faults) if found and retention else None
    everyone = open_to_everyone or (resources is None and api_key is None)
    service = Service(
        loader=loader,
        gate=gate,
        guidance=SharedGate(max(1, capacity) + 1),
        access=Access(found, api_key, proxy_secret, everyone=everyone),
        metrics=metrics,
        evidence=evidence,
        transactions=found,
        worker=worker,
        drift=drift,
        readiness=readiness,
        retention=retention,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # One set of threads for verifications, asked for by requests or taken from the queue, and
        # for what is short beside them: more would wait for cores, not work.
        current_default_thread_limiter().total_tokens = capacity + THREADS_BESIDE
        loop = asyncio.get_running_loop()

        def in_thread(work: Callable[[], T]) -> Future[T]:
            return run_in(loop, work)

        loader.executor = lambda work: None if gate.full else in_thread(work)
        threading.Thread(target=loader.load, name="load-models", daemon=True).start()
        if worker is not None and retention is not None:
            worker.start(in_thread)
            retention.start()
        yield
        if worker is not None and retention is not None:
            await run_sync(worker.stop, PATIENCE_S)
            retention.stop(1.0)

    # A part of a form is held in memory, within the budget: never in plain on a disk.
    MultiPartParser.spool_max_size = sys.maxsize
    app = FastAPI(
        title="veridical",
        version=veridical.__version__,
        description="Self-hosted biometric identity verification.",
        lifespan=lifespan,
        # The framework's pages of documentation load scripts from elsewhere; its description of
        # the API would be given out without a key.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=descriptions.PROBLEMS,
        servers=descriptions.SERVERS,
        openapi_tags=descriptions.TAGS,
        redirect_slashes=False,
        form_limits={"max_files": 8, "max_fields": 16, "max_part_size": 128 * 1024},
    )
    app.state.service = service
    app.state.retention = retention
    app.state.models = models
    app.state.public_url = public_url
    app.state.registry = (
        galleries.GalleryRegistry(resources, snapshots) if resources is not None else None
    )
    app.add_middleware(
        Entry,
        application=app,
        access=service.access,
        budget=ByteBudget(held_body_bytes, max(max_body_bytes, held_body_bytes // 2)),
        doors=Doors(frozenset(hosts), frozenset(capture_origins)),
        form_bytes=max_body_bytes,
    )
    if capture_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(capture_origins),
            allow_methods=["GET", "POST", "PUT"],
            allow_headers=[
                "Accept-Language",
                "Authorization",
                "Content-Digest",
                "Content-Type",
                "Idempotency-Key",
            ],
            expose_headers=["RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(Observed, metrics=metrics)
    problems.install(app)
    app.include_router(operations.router)
    if found is not None:
        for room in (
            transaction_routes,
            journeys,
            evidence_routes,
            galleries,
            catalogue,
            guidance,
            drift_routes,
            lists,
            administration,
            webhooks,
        ):
            app.include_router(room.router)
    app.include_router(analysis.router)
    if found is not None:
        mount(app, qa_dir, policy)
    app.post(
        "/v1/verify",
        tags=["verify"],
        summary="Verify one applicant in one call",
        **answers("verify", wire.Verdict, "The verdict, whatever it is"),
    )(verify)
    descriptions.describe(app)
    return app


def run_in(loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> Future[T]:
    """Run something in one of a loop's threads.

    Raises:
        RuntimeError: The loop has ended.
    """
    waiting = run_sync(work)
    try:
        return asyncio.run_coroutine_threadsafe(waiting, loop)
    except RuntimeError:
        waiting.close()  # else Python complains of it later, in the midst of something else
        raise


def _installation(models: ModelStore | None) -> Callable[[str], str]:
    """How counts of reasons name the models of a profile, missing ones included."""

    @functools.cache
    def line(profile: str) -> str:
        if models is None:
            return profile
        refs = tuple(models.card(name).ref for name in models.profile(profile).models)
        return f"{profile}: {line_of(refs)}"

    return line


def verify(
    request: Request,
    service: ServiceDep,
    principal: Annotated[Principal, Depends(allow("verify"))],
    policy: Annotated[str, Form(description="name of a shipped policy")] = "",
    document_front: Annotated[UploadFile | None, File()] = None,
    document_back: Annotated[UploadFile | None, File()] = None,
    chip: Annotated[UploadFile | None, File(description="zip of the chip's files")] = None,
    selfie: Annotated[UploadFile | None, File()] = None,
    clip: Annotated[UploadFile | None, File()] = None,
    voice: Annotated[UploadFile | None, File()] = None,
    digits: Annotated[str, Form(description="the digits the applicant was asked to read")] = "",
    language: Annotated[str, Form()] = "en",
    schedule: Annotated[str, Form(description="JSON list: when each digit was shown, ms")] = "",
    attempt: Annotated[int, Form(ge=1)] = 1,
    facts: Annotated[str, Form(description="JSON object: numbers the policy's rules ask for")] = "",
) -> dict[str, Any]:
    """Everything in one request; nothing is kept but the signed record of the verdict.

    The caller vouches for challenge, attempts and nonce: where an applicant's own device sends the
    media, use transactions.
    """
    verifier = service.loader.get()
    if not any((document_front, document_back, chip, selfie, clip, voice)):
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
    if policy:
        service.loader.fit(load_policy(policy))
    with service.gate.entered():
        uploads = {
            "document_front": document_front,
            "document_back": document_back,
            "chip": chip,
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
            chip=read_chip(media["chip"]) if chip else None,
            selfie=read_image(media["selfie"]) if selfie else None,
            clip=read_clip(media["clip"]) if clip else None,
            voice=read_audio(media["voice"]) if voice else None,
            challenge=Challenge(digits, language, parse_schedule(schedule)) if digits else None,
            attempt=attempt,
            sample=principal.sandbox,
            facts=parse_facts(facts),
            signals=SignalFacts(tenant=principal.tenant),
        )
        verdict = verifier.verify(transaction, load_policy(policy) if policy else None)
    digests = {kind: hashlib.sha256(data).hexdigest() for kind, data in media.items()}
    # Written before it is told: nobody holds a verdict that can't be proven.
    if service.evidence is not None:
        service.evidence.append(verdict, digests)
    if service.transactions is not None:
        resources = service.transactions.resources
        body = {"event": "verdict", "kind": "one_call", "sandbox": principal.sandbox}
        body |= verdict_body(verdict_to_json(verdict), digests)
        with resources.database.writing() as connection:
            record(connection, resources, principal.tenant, body)
    service.metrics.judged(principal.tenant, verdict)
    if service.drift is not None and not principal.sandbox:
        service.drift.observe(principal.tenant, verdict)
    return verdict_to_json(verdict)
