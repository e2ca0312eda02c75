"""Who judges the transactions that were submitted?"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, Protocol

from veridical.analysis.analysis import Analysis
from veridical.catalogue import Trait, checks_with
from veridical.chip import read_chip
from veridical.errors import InputError, StoreError, VeridicalError
from veridical.liveness.arrivals import arrivals_of
from veridical.liveness.fingerprint import is_copy, picture_codes
from veridical.media import read_audio, read_clip, read_image, read_image_with_info, sniff
from veridical.result import Outcome
from veridical.signals import COMPARING, SignalFacts
from veridical.signals.ledger import Keep
from veridical.store.jobs import Job, claim_job, finish_job, is_waiting, renew_job
from veridical.store.transactions import (
    StoredTransaction,
    change_transaction,
    find_transaction,
    keep_explanation,
    locked_transaction,
    note_failure,
)
from veridical.store.uploads import media_of, read_medium
from veridical.store.vault import Vault, opened_vault
from veridical.tracing import span
from veridical.transactions.customers import FACES, VOICES
from veridical.transactions.enrolment import (
    CONFLICT,
    Enrolling,
    enrolling,
    not_enrolled,
)
from veridical.transactions.explain import explain
from veridical.transactions.live import LiveChallenge
from veridical.transactions.recordings import (
    MEDIUM,
    Judge,
    judge_recording,
    recording_view,
    stamped,
)
from veridical.transactions.records import record
from veridical.transactions.resources import ProblemError, Resources
from veridical.transactions.sandbox import SANDBOX, is_scripted, script_of, scripted_verdict
from veridical.transactions.service import TransactionService
from veridical.transactions.shadow import Shadows
from veridical.types import Arrival, Clip
from veridical.verification import Policy, Transaction, Verdict, Verifier, verdict_to_json
from veridical.verification.evidence import verdict_body
from veridical.wire import KeptRequest

__all__ = ["Meters", "NoMeters", "Observe", "Worker", "left_to_a_person", "load_transaction"]

log = logging.getLogger("veridical.service.worker")

LEASE_MS = 30_000
RENEW_S = 8.0
JUDGING_S = 180.0
RECORDING_S = 3_600.0
"""From the moment a transaction is taken up: what was not judged by then a person looks at."""
MOST_LEASES = 4
"""How often a transaction is tried whose judge dies; then a person looks at it."""
_IDLE_S = 0.5


Run = Callable[[Callable[[], None]], Future[None]]
"""Runs something in a thread."""
Observe = Callable[[str, Verdict], None]
"""Told of every verdict on a real applicant, with its tenant."""


class Meters(Protocol):
    """Counts what was judged."""

    def judged(self, tenant: str, verdict: Verdict) -> None:
        """Note a verdict."""
        ...

    def lost_lease(self) -> None:
        """Note that somebody else finished what was being judged here."""
        ...


class NoMeters:
    """Counts nothing."""

    def judged(self, tenant: str, verdict: Verdict) -> None:
        """Note nothing."""

    def lost_lease(self) -> None:
        """Note nothing."""


class Worker:
    """Takes transactions from the queue and has them judged.

    Any number of processes may work at one queue. A transaction whose judge dies is taken up again
    by another when its lease is over; only one of them ever finishes it.

    Args:
        transactions: The transactions.
        verifier: Gives the verifier; raises while there is none.
        place: Held while one is judged: bounds them together with what else runs.
        meters: Counts verdicts.
        observe: Told of verdicts, but for those of sandbox transactions.
        recordings: Gives what judges recordings; a person looks at them when None.
    """

    def __init__(
        self,
        transactions: TransactionService,
        verifier: Callable[[], Verifier],
        place: Callable[[], AbstractContextManager[None]],
        meters: Meters | None = None,
        observe: Observe | None = None,
        recordings: Judge | None = None,
    ) -> None:
        self._transactions = transactions
        self._recordings = recordings
        self._verifier = verifier
        self._place = place
        self._meters = meters or NoMeters()
        self._observe = observe
        self._shadows = Shadows(transactions.resources)
        self._stop = threading.Event()
        self._wake = threading.Semaphore(0)
        self._held: dict[int, tuple[Job, float]] = {}
        self._judged: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._taker: threading.Thread | None = None
        self._renewer = threading.Thread(target=self._renew, name="renew-leases", daemon=True)

    def start(self, run: Run) -> None:
        """Begin to work.

        Args:
            run: Has one judged in a thread: one that answers requests at other times, so that
                there are not two for every core.
        """
        self._taker = threading.Thread(
            target=self._work, args=(run,), name="take-jobs", daemon=True
        )
        self._taker.start()
        self._renewer.start()

    def wake(self) -> None:
        """Say that there is work, so that nobody has to look for it."""
        self._wake.release()

    def stop(self, patience_s: float) -> None:
        """Take nothing more, and wait for what is being judged; the rest others take up."""
        until = time.monotonic() + patience_s
        self._stop.set()
        self._wake.release()
        with self._lock:
            judged = set(self._judged)
        wait(judged, patience_s)
        for thread in (self._taker, self._renewer):
            if thread is not None and thread.is_alive():
                # One that takes a job now would hand it to a loop that has ended.
                thread.join(max(0.1, until - time.monotonic()))

    def _work(self, run: Run) -> None:
        while not self._stop.is_set():
            try:
                if not self._take(run):
                    self._wake.acquire(timeout=_IDLE_S)
            except VeridicalError as error:
                # Such as a full disk or models still loading: the job comes back by its lease.
                if not isinstance(error, ProblemError):
                    log.error("a job was not taken", extra={"code": error.code})
                self._stop.wait(_IDLE_S)
            except Exception:
                log.exception("a job was not taken")
                self._stop.wait(_IDLE_S)

    def _renew(self) -> None:
        resources = self._transactions.resources
        while not self._stop.wait(RENEW_S):
            now = time.monotonic()
            with self._lock:
                held = [job for job, until in self._held.values() if now < until]
                late = [job for job, until in self._held.values() if now >= until]
            for job in late:
                self._give_up(job)
            try:
                with resources.database.writing() as connection:
                    for job in held:
                        renew_job(connection, job, resources.clock() + LEASE_MS)
            except VeridicalError as error:
                log.error("leases were not renewed", extra={"code": error.code})

    def _take(self, run: Run) -> bool:
        """Take one transaction that waits, and have it judged; whether there was one."""
        verifier = self._verifier()  # nothing is taken that could not be judged
        resources = self._transactions.resources
        with resources.database.reading() as connection:
            if not is_waiting(connection, resources.clock()):
                return False
        with ExitStack() as undo:
            # A place first: a job that is claimed and waits for one is kept from replicas that have
            # one. And before a thread: one that waits there would keep others from theirs.
            undo.enter_context(self._place())
            with resources.database.writing() as connection:
                job = claim_job(connection, resources.clock(), LEASE_MS)
            if job is None:
                return False
            if self._is_scripted(job):  # no model runs: it is done before a thread would be found
                self._judge_held(verifier, job, undo.pop_all())
                return True
            with self._lock:
                self._held[job.id] = (job, time.monotonic() + self._patience_s(job))
            undo.callback(self._let_go, job)
            end = undo.pop_all()
            try:
                judged = run(lambda: self._judge_held(verifier, job, end))
            except BaseException:
                end.close()  # such as of a service that ends
                raise
        with self._lock:
            self._judged.add(judged)
        judged.add_done_callback(self._forget)
        return True

    def _is_scripted(self, job: Job) -> bool:
        transactions, resources = self._transactions, self._transactions.resources
        with resources.database.reading() as connection:
            row = find_transaction(connection, job.transaction)
            if row is None or not row.sandbox:
                return False
            try:
                vault = opened_vault(connection, resources.keys, job.tenant, job.transaction)
                request = transactions.request_of(row, vault) if vault is not None else None
            except (StoreError, ProblemError):
                return False  # damaged: judged like any other, which gives it up
        return request is not None and is_scripted(request.subject_ref, sandbox=True)

    def _let_go(self, job: Job) -> None:
        with self._lock:
            self._held.pop(job.id, None)

    def _patience_s(self, job: Job) -> float:
        """How long one may be judged."""
        with self._transactions.resources.database.reading() as connection:
            row = find_transaction(connection, job.transaction)
        return RECORDING_S if row is not None and row.kind == MEDIUM else JUDGING_S

    def _give_up(self, job: Job) -> None:
        """Leave a transaction that is judged for too long to a person.

        Its thread cannot be ended; what it finds, should it ever end, finds the job gone.
        """
        self._let_go(job)
        resources = self._transactions.resources
        try:
            with resources.database.reading() as connection:
                row = find_transaction(connection, job.transaction)
                vault = opened_vault(connection, resources.keys, job.tenant, job.transaction)
                media = {m.kind: m.sha256.hex() for m in media_of(connection, job.transaction)}
            if row is not None and vault is not None and row.state == "processing":
                error = InputError("judging it took too long", "service.not_judged")
                self._finish_unusable(job, row, vault, media, error)
                log.error("judging took too long", extra={"transaction": job.transaction})
        except VeridicalError as error:
            log.error("a job was not given up", extra={"code": error.code})

    def _forget(self, judged: Future[None]) -> None:
        with self._lock:
            self._judged.discard(judged)
        error = None if judged.cancelled() else judged.exception()
        if error is not None:
            log.error("a job was not given back", exc_info=error)

    def _judge_held(self, verifier: Verifier, job: Job, end: ExitStack) -> None:
        resources = self._transactions.resources
        with end, span("judge", {"veridical.transaction": job.transaction}):
            try:
                self._judge(verifier, job)
            except Exception as error:
                if isinstance(error, VeridicalError):
                    log.error("a job was not finished", extra={"code": error.code})
                else:
                    log.exception("a job was not finished")
                if job.leases > MOST_LEASES:
                    self._leave_unread(job)
                    return
                with resources.database.writing() as connection:  # let somebody try again soon
                    renew_job(connection, job, resources.clock() + 1_000)

    def _leave_unread(self, job: Job) -> None:
        """Leave a transaction to a person that nothing can be read of; nothing is opened for it."""
        resources, cause = self._transactions.resources, "service.not_judged"
        with resources.database.writing() as connection:
            now = resources.clock()
            row = locked_transaction(connection, job.transaction)
            if not finish_job(connection, job) or row is None or row.state != "processing":
                return
            body = {
                "event": "verdict",
                "kind": row.kind,
                "sandbox": row.sandbox,
                "transaction": row.id,
                "outcome": str(Outcome.REVIEW),
                "first_cause": cause,
                "attempt": row.attempt,
            }
            record(connection, resources, row.tenant, body)
            keep_ms = int(self._transactions.settings.keep.total_seconds() * 1000)
            changed: dict[str, Any] = {
                "state": "completed",
                "outcome": str(Outcome.REVIEW),
                "first_cause": cause,
                "completed_at": now,
                "keep_until": now + keep_ms,
            }
            change_transaction(connection, row.id, changed)
            after = replace(row, state="completed", outcome=str(Outcome.REVIEW))
            self._transactions.tell(connection, after, "transaction.completed", now)

    def _judge(self, verifier: Verifier, job: Job) -> None:
        transactions, resources = self._transactions, self._transactions.resources
        with resources.database.reading() as connection:
            row = find_transaction(connection, job.transaction)
            vault = opened_vault(connection, resources.keys, job.tenant, job.transaction)
            media = {m.kind: m.sha256.hex() for m in media_of(connection, job.transaction)}
        if row is None or vault is None or row.state != "processing":
            with resources.database.writing() as connection:
                finish_job(connection, job)
            return
        request = transactions.request_of(row, vault)
        policy = transactions.policy_of(row, request)
        try:
            if job.leases > MOST_LEASES:
                raise InputError("judging it failed again and again", "service.not_judged")
            if row.kind == MEDIUM and not is_scripted(request.subject_ref, sandbox=row.sandbox):
                verdict, told = self._recorded(row, vault, request, policy)
                analysis = None
            else:
                verdict, analysis = self._verdict(verifier, row, vault, request, policy)
                told = verdict_to_json(verdict)
        except InputError as error:
            self._finish_unusable(job, row, vault, media, error)
            return
        keeps, conflict = [_keeping(row, policy, analysis)], False
        if verdict.outcome is Outcome.ACCEPT and analysis is not None:
            enrolled = self._enrolling(row, request, analysis, verifier, policy)
            keeps.append(enrolled.keep)
            if conflict := bool(enrolled.cause):
                verdict = not_enrolled(verdict, enrolled.cause)
                told = verdict_to_json(verdict)
        if not row.sandbox:
            keeps.append(self._shadows.keeping(row.tenant, request.policy.id, told))
        if verdict.outcome is Outcome.REVIEW and analysis is not None:
            keeps.append(_explaining(row, vault, analysis, verdict))
        events = (CONFLICT,) if conflict else ()
        self._finish(job, row, vault, told, verdict_body(told, media), keeps, events)
        self._meters.judged(row.tenant, verdict)
        if self._observe is not None and not row.sandbox:
            self._observe(row.tenant, verdict)

    def _verdict(
        self,
        verifier: Verifier,
        row: StoredTransaction,
        vault: Vault,
        request: KeptRequest,
        policy: Policy,
    ) -> tuple[Verdict, Analysis | None]:
        subject = request.subject_ref or ""
        if is_scripted(subject, sandbox=row.sandbox):
            if script_of(subject) == "unreadable":
                raise InputError("scripted by the sandbox", "media.undecodable")
            return scripted_verdict(row.id, subject, policy, row.attempt), None
        transaction = load_transaction(self._transactions, verifier, row, vault, request)
        self._refuse_copy(row, transaction)
        analysis = verifier.analyse(transaction)
        verdict = verifier.judge(analysis, policy)
        if need := transaction.metadata.get("accommodation"):
            verdict = left_to_a_person(verdict, need)
        if row.sandbox:
            verdict = replace(verdict, stamps=(*verdict.stamps, SANDBOX))
        return verdict, analysis

    def _refuse_copy(self, row: StoredTransaction, transaction: Transaction) -> None:
        """Refuse a picture that served another transaction, encoded anew: a camera was asked.

        Raises:
            InputError: `media.replayed`.
        """
        memory, selfie = self._transactions.memory, transaction.selfie
        if memory is None or selfie is None or row.sandbox:
            return
        seen = memory.of("picture", row.tenant)
        # Before the search: of two that come at once, neither is missed.
        seen.remember(row.id, picture_codes(selfie))
        if is_copy(selfie, seen, row.id):
            raise InputError(
                "this picture was handed in before; take a new one for this transaction",
                "media.replayed",
            )

    def _recorded(
        self, row: StoredTransaction, vault: Vault, request: KeptRequest, policy: Policy
    ) -> tuple[Verdict, dict[str, Any]]:
        """The verdict on a recording, and as it is kept: with its timeline."""
        if self._recordings is None:
            raise InputError("this service judges no recordings", "service.not_judged")
        asked = self._transactions.challenge_of(row, vault)
        result = judge_recording(
            self._recordings(),
            self._transactions.resources,
            self._transactions.customers,
            row,
            vault,
            request,
            asked.digits if asked is not None else "",
            policy,
        )
        capture = vault.unseal_json(row.sealed_capture, "capture") if row.sealed_capture else {}
        if need := capture.get("accommodation"):
            result = replace(result, verdict=left_to_a_person(result.verdict, need))
        if row.sandbox:
            result = stamped(result, SANDBOX)
        return result.verdict, recording_view(result)

    def _enrolling(
        self,
        row: StoredTransaction,
        request: KeptRequest,
        analysis: Analysis,
        verifier: Verifier,
        policy: Policy,
    ) -> Enrolling:
        """What is to be enrolled of an accepted applicant who agreed to it."""
        subject = request.subject_ref
        agreed = request.consent is not None and request.consent.enrol
        if row.kind != "onboarding" or not agreed or subject is None:
            return Enrolling()
        customers = self._transactions.customers
        return enrolling(customers, row.tenant, subject, analysis, verifier, policy)

    def _finish(
        self,
        job: Job,
        row: StoredTransaction,
        vault: Vault,
        told: dict[str, Any],
        body: Mapping[str, Any],
        keeps: Sequence[Keep | None] = (),
        events: Sequence[str] = (),
    ) -> None:
        """Keep a verdict: all that follows from it, or nothing."""
        transactions, resources = self._transactions, self._transactions.resources
        with resources.database.writing() as connection:
            now = resources.clock()
            current = locked_transaction(connection, row.id)
            if not finish_job(connection, job) or current is None or current.state != "processing":
                self._meters.lost_lease()
                raise ProblemError(
                    409, "transaction.state", "somebody else finished this transaction"
                )
            if told["outcome"] in (Outcome.RETRY, Outcome.REJECT) and not row.sandbox:
                who = [d for d in (row.subject_digest, row.device_digest) if d is not None]
                note_failure(connection, row.tenant, who, now)
            record(
                connection,
                resources,
                row.tenant,
                {"event": "verdict", "kind": row.kind, "sandbox": row.sandbox, **body},
            )
            changed: dict[str, Any] = {
                "outcome": str(told["outcome"]),
                "first_cause": told["first_cause"],
                "sealed_verdict": vault.seal_json(told, "verdict"),
            }
            if told["outcome"] == Outcome.RETRY and row.attempt < row.attempts:
                changed |= {
                    "state": "collecting",
                    "attempt": row.attempt + 1,
                    "expires_at": now
                    + int(transactions.settings.lifetime_of(row.kind).total_seconds() * 1000),
                }
            else:
                final = None if told["outcome"] == Outcome.REVIEW else str(told["outcome"])
                changed |= {
                    "state": "completed",
                    "completed_at": now,
                    "keep_until": now + int(transactions.settings.keep.total_seconds() * 1000),
                    "final_outcome": final,
                }
            change_transaction(connection, row.id, changed)
            for keep in filter(None, keeps):
                keep(connection)
            after = replace(
                row,
                state=changed["state"],
                outcome=changed["outcome"],
                final_outcome=changed.get("final_outcome"),
            )
            event = "completed" if after.state == "completed" else "retry"
            for name in (f"transaction.{event}", *events):
                transactions.tell(connection, after, name, now)
        log.info(
            "judged",
            extra={"transaction": row.id, "outcome": after.outcome, "attempt": row.attempt},
        )

    def _finish_unusable(
        self,
        job: Job,
        row: StoredTransaction,
        vault: Vault,
        media: Mapping[str, str],
        error: InputError,
    ) -> None:
        """Keep that an attempt could not be judged: it is tried again, or a person looks."""
        again = row.attempt < row.attempts and error.code != "service.not_judged"
        problem = {"code": error.code, "detail": str(error)}
        body = {
            "transaction": row.id,
            "outcome": str(Outcome.RETRY if again else Outcome.REVIEW),
            "first_cause": error.code,
            "attempt": row.attempt,
            "media_sha256": dict(media),
        }
        told = {**problem, "outcome": body["outcome"], "first_cause": error.code}
        self._finish(job, row, vault, told, body)


def left_to_a_person(verdict: Verdict, need: str) -> Verdict:
    """The verdict on somebody who could not do what was asked; a rejection stays one.

    Args:
        verdict: Of the chain.
        need: The reason code that says why.
    """
    if verdict.outcome is Outcome.REJECT:
        return verdict
    cause = f"accommodation:{need}"
    return replace(
        verdict, outcome=Outcome.REVIEW, first_cause=cause, causes=(cause, *verdict.causes)
    )


def load_transaction(
    transactions: TransactionService,
    verifier: Verifier,
    row: StoredTransaction,
    vault: Vault,
    request: KeptRequest,
) -> Transaction:
    """What an applicant handed in, decrypted and decoded.

    Raises:
        InputError: A medium cannot be decoded.
        ProblemError: `transaction.no_media`: they are not kept any more.
        StoreError: A medium was altered.
    """
    media = _decrypted(transactions.resources, row, vault)
    if not media:
        raise ProblemError(
            404, "transaction.no_media", "the media of this transaction are not kept any more"
        )
    subject = request.subject_ref or ""
    reverify = row.kind == "reverify"
    customers = transactions.customers
    front = media.get("document_front")
    document = read_image_with_info(front) if front is not None else None
    capture = vault.unseal_json(row.sealed_capture, "capture") if row.sealed_capture else {}
    if "clip" in media:  # whatever the capture says of its file
        capture["file_type"] = sniff(media["clip"][:192])
    clip = read_clip(media["clip"]) if "clip" in media else None
    live = transactions.live_of(row, vault)
    return Transaction(
        id=row.id,
        document_front=document[0] if document else None,
        document_info=document[1] if document else None,
        document_back=read_image(media["document_back"]) if "document_back" in media else None,
        chip=read_chip(media["chip"]) if "chip" in media else None,
        selfie=read_image(media["selfie"]) if "selfie" in media else None,
        clip=clip,
        voice=read_audio(media["voice"]) if "voice" in media else None,
        challenge=live.challenge if live is not None else None,
        arrivals=_arrivals(clip, live),
        signals=_facts_of(row, request, capture),
        statement=request.statement,
        language=request.locale if request.statement else "",
        face_reference=customers.template(row.tenant, subject, FACES, verifier.face_model)
        if reverify
        else None,
        voice_reference=customers.template(row.tenant, subject, VOICES, verifier.voice_model)
        if reverify
        else None,
        attempt=row.attempt,
        sample=row.sandbox,
        metadata=capture,
        facts=request.facts,
    )


def _arrivals(clip: Clip | None, live: LiveChallenge | None) -> tuple[Arrival, ...]:
    """When the slices of the clip were here; none where it came as a whole."""
    if clip is None or live is None or not live.whole:
        return ()
    slices = live.slices
    return arrivals_of(clip, [one.size for one in slices], [one.arrived_ms for one in slices])


def _facts_of(
    row: StoredTransaction, request: KeptRequest, capture: Mapping[str, str]
) -> SignalFacts:
    """What signals look at: the capture's facts, and in their place what the caller said itself.

    Raises:
        InputError: `metadata.invalid`: the capture's are none.
    """
    subject = request.subject_ref or ""
    facts = SignalFacts.from_metadata(capture, tenant=row.tenant, subject=subject)
    said = {**request.signals.model_dump(), "device": request.device_ref or ""}
    return replace(facts, **{name: value for name, value in said.items() if value})


def _keeping(row: StoredTransaction, policy: Policy, analysis: Analysis | None) -> Keep | None:
    """What keeps an attempt for later signals; nothing where the policy asks for none of them."""
    asked = checks_with(Trait.SIGNAL).intersection(policy.checks)
    if analysis is None or row.sandbox or not asked:
        return None
    ledger, sighting = analysis.ledger, analysis.sighting
    if ledger is None or sighting is None:
        return None
    return ledger.keeping(sighting, analysis.face_template if asked & COMPARING else None)


def _explaining(
    row: StoredTransaction, vault: Vault, analysis: Analysis, verdict: Verdict
) -> Keep | None:
    """What keeps for the reviewer what was seen and heard; nothing where it cannot be drawn."""
    try:
        sealed = vault.seal_json(explain(analysis, verdict), f"explanation {row.attempt}")
    except Exception:  # a picture for a person must not cost the verdict
        log.exception("an attempt was not explained")
        return None
    return lambda connection: keep_explanation(connection, row.id, row.attempt, sealed)


def _decrypted(resources: Resources, row: StoredTransaction, vault: Vault) -> dict[str, bytes]:
    """The bytes of every medium, as they were handed in."""
    found = {}
    with resources.database.reading() as connection:
        for medium in media_of(connection, row.id):
            data = read_medium(connection, vault, medium)
            if hashlib.sha256(data).digest() != medium.sha256:
                raise InputError(
                    "a medium is not what was uploaded; upload it again", "media.changed"
                )
            found[medium.kind] = data
    return found
