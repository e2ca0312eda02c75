"""The life of a transaction, as its callers drive it."""

import hashlib
import hmac
import itertools
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from veridical.consent_recording import parse_script, parse_times
from veridical.errors import StoreError
from veridical.media import Limits
from veridical.policy.media import Wanted, wanted_media
from veridical.signals import SignalFacts
from veridical.signals.ledger import forget
from veridical.store import Connection, MediaMemory
from veridical.store.chain import last_link
from veridical.store.devices import token_device
from veridical.store.endpoints import webhook_urls
from veridical.store.errors import StoreFullError
from veridical.store.fingerprints import forget_media
from veridical.store.jobs import add_job, jobs_by_tenant
from veridical.store.outbox import Message
from veridical.store.tenants import look_of
from veridical.store.transactions import (
    OPEN,
    IdempotentAnswer,
    StoredTransaction,
    add_transaction,
    change_transaction,
    count_failures,
    drop_answer,
    erase_transaction,
    find_answer,
    find_explanation,
    find_transaction,
    keep_answer,
    keep_explanation,
    list_transactions,
    locked_transaction,
    note_failure,
    review_queue,
    see_media,
)
from veridical.store.uploads import (
    Medium,
    Upload,
    drop_media,
    drop_pieces,
    keep_piece,
    keep_upload,
    media_of,
    media_piece,
)
from veridical.store.vault import Vault, made_vault, opened_vault
from veridical.transactions import views
from veridical.transactions.customers import Customers
from veridical.transactions.links import check_return_url, new_link
from veridical.transactions.live import SLICE_MS, LiveChallenge, draw
from veridical.transactions.recordings import chosen_script, script_view
from veridical.transactions.records import act, record, tell
from veridical.transactions.resources import (
    Principal,
    ProblemError,
    Resources,
    TransactionSettings,
    iso,
)
from veridical.transactions.rules import PolicyRepository, with_checks
from veridical.transactions.sandbox import (
    BACK_OFF,
    is_scripted,
    late_ms_of,
    lifetime_ms_of,
    wait_ms_of,
)
from veridical.transactions.webhooks import check_address
from veridical.types import Challenge
from veridical.verification import CHECKS, Policy
from veridical.voiceprint.wording import units
from veridical.wire import ChallengeWish, KeptRequest, NewTransaction, ReviewDecision, Submission

__all__ = ["TOKEN_WORD", "Sought", "TransactionService", "cursor_of", "place_of"]

log = logging.getLogger("veridical.transactions")

TOKEN_WORD = "vu_"  # noqa: S105  the beginning of every upload token
_ID_CHARACTERS = 34
_ONCE = ("clip", "voice", "selfie", "recording")
"""Recorded for one transaction: the same bytes never serve another."""
_SPOKEN = ("clip", "voice", "recording")
"""What answers a challenge, and is void with it."""

_MOST_CLIP_BYTES = Limits().max_clip_bytes
DIGITS = 6
"""Digits of a challenge, where no script says how many."""

CLAIM_MS = 900_000
"""For how long a case is a reviewer's who has taken it up."""
_BURST, _BURST_MS = 5, 180_000
"""Failed attempts within this time after which a subject or device has to wait."""
_FIRST_WAIT_MS, _LONGEST_WAIT_MS = 30_000, 900_000


@dataclass(frozen=True, slots=True)
class Sought:
    """Which transactions a list is to hold; what is None does not matter.

    Attributes:
        state: Such as `completed`.
        outcome: Of the newest verdict.
        policy: By its id.
        subject_ref: Whose, by the caller's reference.
        since_ms: Created from here on, ms since 1970.
        until_ms: Created before.
    """

    state: str | None = None
    outcome: str | None = None
    policy: str | None = None
    subject_ref: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class TransactionService:
    """Takes transactions in, and tells how they stand. Safe in many threads and processes.

    Args:
        resources: The database and its keys.
        book: The policies.
        settings: Bounds.
        fit: Refuses policies that the installation could not judge by.
    """

    def __init__(
        self,
        resources: Resources,
        book: PolicyRepository,
        settings: TransactionSettings,
        fit: Callable[[Policy], None] = lambda _: None,
    ) -> None:
        self._fit = fit
        self.resources = resources
        self.book = book
        self.settings = settings
        self.customers = Customers(resources)
        self.memory = (
            MediaMemory(resources.database, settings.keep_codes, lambda: resources.clock() / 1000)
            if settings.keep_codes
            else None
        )

    # --- start -----------------------------------------------------------------------------------

    def create(
        self, caller: Principal, asked: NewTransaction, idempotency_key: str = ""
    ) -> tuple[dict[str, Any], bool]:
        """Start a transaction.

        Returns:
            The answer, with the upload token and the challenge; and whether it is that of an
            earlier request with the same idempotency key.

        Raises:
            ProblemError: `consent.missing`, `callback.refused`, `return_url.refused`,
                `policy.unknown`, `policy.not_fit`, `gallery.unknown_subject`, `challenge.back_off`,
                `idempotency.mismatch`.
        """
        if is_scripted(asked.subject_ref, sandbox=caller.sandbox) and asked.subject_ref == BACK_OFF:
            raise _back_off(_FIRST_WAIT_MS)
        if len(idempotency_key) > 200:
            raise ProblemError(
                422,
                "request.malformed",
                "an Idempotency-Key has 1 to 200 characters",
                pointer="/header/idempotency-key",
            )
        # Without what an older release did not know: keys outlive an upgrade.
        unknown = {name for name in ("metadata", "return_url") if not getattr(asked, name)}
        told = asked.model_dump_json(exclude=unknown)
        digest = hashlib.sha256(f"{caller.sandbox}{told}".encode()).digest()
        before = ""
        try:
            if idempotency_key:
                known, before = self._replayed(caller, idempotency_key, digest)
                if known:
                    return known, True
            return self._create(caller, asked, idempotency_key, digest, before), False
        except StoreError as error:
            # The same key came in twice at once: the other one made the transaction.
            if error.code == "store.conflict" and idempotency_key:
                known, _ = self._replayed(caller, idempotency_key, digest)
                if known:
                    return known, True
            raise

    def _create(
        self,
        caller: Principal,
        asked: NewTransaction,
        idempotency_key: str,
        digest: bytes,
        before: str = "",
    ) -> dict[str, Any]:
        if asked.consent is not None and not asked.consent.biometrics:
            raise ProblemError(
                422,
                "consent.missing",
                "face and voice are processed only with the applicant's consent: ask for it, and "
                "offer another way to those who decline",
                pointer="/body/consent/biometrics",
            )
        enrol = asked.consent is not None and asked.consent.enrol
        if asked.subject_ref is None and (asked.kind == "reverify" or enrol):
            raise ProblemError(
                422,
                "request.malformed",
                "reverify and enrolment want body.subject_ref",
                pointer="/body/subject_ref",
            )
        if asked.callback is not None:
            check_address(asked.callback, self.settings.allowed_callbacks)
        if asked.return_url:
            with self.resources.database.reading() as connection:
                allowed = look_of(connection, caller.tenant).return_urls
            check_return_url(asked.return_url, allowed)
        SignalFacts(**asked.signals.model_dump())
        policy = with_checks(
            self.book.find(caller.tenant, asked.policy or self.book.default_for(asked.kind)),
            asked.checks,
        )
        if not is_scripted(asked.subject_ref, sandbox=caller.sandbox):
            self._fit(policy)
        if (
            asked.kind == "reverify"
            and not is_scripted(asked.subject_ref, sandbox=caller.sandbox)
            and not self.customers.knows(caller.tenant, asked.subject_ref or "")
        ):
            raise ProblemError(
                404,
                "gallery.unknown_subject",
                "nobody is enrolled under this subject_ref: onboard with consent.enrol first",
            )
        read_aloud = asked.statement or any(
            CHECKS[check].prompt == "statement" for check in policy.required
        )
        if read_aloud and not units(asked.statement):
            raise ProblemError(
                422,
                "request.malformed",
                "body.statement wants the words that are to be read aloud",
                pointer="/body/statement",
            )
        spoken: str = asked.locale
        kept = asked.model_dump(mode="json")
        kept["policy"] = _quoted(policy)
        kept["replaces"] = before or None
        if policy.for_recordings != (asked.kind == "recording"):
            raise ProblemError(
                422,
                "policy.other_kind",
                f"policy {policy.id!r} is not for transactions of kind {asked.kind}",
                pointer="/body/policy",
            )
        if asked.kind == "recording":
            script, kept["script_text"] = chosen_script(asked.script, asked.script_text)
            kept["script_digits"] = script.digits.length if script.digits else 0
            spoken = script.language
        settled = KeptRequest.model_validate(kept)
        wanted = wanted_media(policy, asked.kind, settled.script_digits)
        if wanted.challenge and asked.kind == "reverify" and asked.subject_ref:
            spoken = self.customers.language(caller.tenant, asked.subject_ref) or spoken
        now = self.resources.clock()
        lifetime = _ms(self.settings.lifetime_of(asked.kind))
        if is_scripted(asked.subject_ref, sandbox=caller.sandbox):
            lifetime = lifetime_ms_of(asked.subject_ref or "") or lifetime
        transaction = f"t_{secrets.token_hex(16)}"
        secret = secrets.token_urlsafe(32)
        with self.resources.database.writing() as connection:
            own = made_vault(connection, self.resources.keys, caller.tenant)
            who = {
                word: own.digest(word, reference)
                for word, reference in (
                    ("subject", asked.subject_ref),
                    ("device", asked.device_ref),
                )
                if reference is not None
            }
            self._refuse_burst(connection, caller.tenant, list(who.values()), now)
            vault = made_vault(connection, self.resources.keys, caller.tenant, transaction)
            settled = settled.model_copy(update={"spoken": spoken})
            row = StoredTransaction(
                id=transaction,
                tenant=caller.tenant,
                kind=asked.kind,
                policy=policy.id,
                state="created",
                sandbox=caller.sandbox,
                created_at=now,
                expires_at=now + lifetime,
                completed_at=None,
                keep_until=None,
                erased_at=None,
                attempt=1,
                attempts=policy.attempts,
                outcome=None,
                final_outcome=None,
                first_cause=None,
                upload_digest=_sha256(secret),
                nonce=None,
                challenge_expires_at=None,
                challenges=0,
                subject_digest=who.get("subject"),
                device_digest=who.get("device"),
                sealed_request=vault.seal_json(settled.model_dump(mode="json"), "request"),
                sealed_challenge=None,
                sealed_capture=None,
                sealed_verdict=None,
                sealed_review=None,
            )
            add_transaction(connection, row)
            challenge = None
            if wanted.challenge:
                challenge = self._draw(connection, vault, row, spoken, now)
            answer = {
                "id": transaction,
                "kind": row.kind,
                "state": row.state,
                "sandbox": row.sandbox,
                "created_at": iso(row.created_at),
                "expires_at": iso(row.expires_at),
                "policy": settled.policy.model_dump(),
                "upload_token": f"{TOKEN_WORD}{transaction}_{secret}",
                "link": new_link(connection, transaction, now),
                "media": views.wanted_view(wanted),
                "attempt": 1,
                "retries_left": max(0, policy.attempts - 1),
                "challenge": challenge,
                "replaces": before or None,
            }
            if asked.kind == "recording":
                answer["script"] = script_view(settled.script_text)
            if idempotency_key:
                sealed = vault.seal_json(answer, "answer")
                if before:
                    drop_answer(connection, caller.tenant, idempotency_key, before)
                keep_answer(
                    connection,
                    caller.tenant,
                    idempotency_key,
                    IdempotentAnswer(digest, transaction, sealed),
                    now,
                )
        return answer

    def _replayed(
        self, caller: Principal, key: str, digest: bytes
    ) -> tuple[dict[str, Any] | None, str]:
        """What was answered to the same request, and nothing; or nothing, and what is over.

        Raises:
            ProblemError: `idempotency.mismatch`.
        """
        with self.resources.database.reading() as connection:
            known = find_answer(connection, caller.tenant, key)
            if known is None:
                return None, ""
            row = find_transaction(connection, known.transaction)
            vault = opened_vault(connection, self.resources.keys, caller.tenant, known.transaction)
        if not hmac.compare_digest(known.request_digest, digest):
            raise ProblemError(
                422,
                "idempotency.mismatch",
                "this Idempotency-Key came with another request; take a new key for a new request",
            )
        # Of one that is over the answer helps nobody: its token and challenge are dead.
        now = self.resources.clock()
        waits = row is not None and row.state in OPEN and row.expires_at > now
        if vault is None or row is None or not (waits or row.state == "processing"):
            return None, known.transaction
        answer: dict[str, Any] = vault.unseal_json(known.sealed_answer, "answer")
        return answer, ""

    def holder(self, token: str) -> Principal | None:
        """Who holds an upload token; None when it is none, or of a transaction long gone."""
        words = token.removeprefix(TOKEN_WORD)
        transaction, secret = words[:_ID_CHARACTERS], words[_ID_CHARACTERS + 1 :]
        digest = _sha256(secret)
        with self.resources.database.reading() as connection:
            row = find_transaction(connection, transaction)
            device = token_device(connection, transaction, digest)
        first = hmac.compare_digest(digest, row.upload_digest if row else bytes(32))
        if row is None or row.state == "erased" or not (first or device is not None):
            return None
        return Principal(
            row.tenant,
            frozenset(),
            row.sandbox,
            row.id,
            "upload",
            device=device.id if device is not None else "",
            watches=row.device != (device.id if device is not None else None),
        )

    # --- collect ---------------------------------------------------------------------------------

    def begin_upload(self, caller: Principal, transaction: str, kind: str) -> Upload:
        """Begin to take a medium.

        Raises:
            ProblemError: `transaction.not_found`, `transaction.state`, `transaction.expired`;
                `media.not_wanted`.
        """
        with self.resources.database.reading() as connection:
            row = self._mine(find_transaction(connection, transaction, caller.tenant), caller)
            self._refuse_closed(row)
            vault = self._vault(connection, row)
        self._refuse_unasked(row, vault)
        wanted = self._wanted(row, vault)
        if kind not in (*wanted.required, *wanted.optional):
            raise ProblemError(
                422,
                "media.not_wanted",
                f"the policy of this transaction takes no {kind}; it takes "
                f"{', '.join((*wanted.required, *wanted.optional))}",
            )
        return Upload(self.resources.database, vault)

    def finish_upload(self, caller: Principal, transaction: str, medium: Medium) -> None:
        """Keep a medium whose bytes are all there.

        Raises:
            ProblemError: As `begin_upload`, for what changed meanwhile.
        """
        now = self.resources.clock()
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            self._refuse_closed(row)
            keep_upload(connection, transaction, medium, now)
            if row.state == "created":
                change_transaction(connection, transaction, {"state": "collecting"})

    def take_back(self, caller: Principal, transaction: str, kind: str) -> None:
        """Delete a medium that was handed in, as long as nothing was submitted.

        Raises:
            ProblemError: `media.not_there`; `transaction.not_found`, `transaction.state`,
                `transaction.expired`.
        """
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            self._refuse_closed(row)
            if kind not in {medium.kind for medium in media_of(connection, transaction)}:
                raise ProblemError(404, "media.not_there", f"no {kind} was handed in")
            drop_media(connection, transaction, (kind,))

    def challenge(
        self,
        caller: Principal,
        transaction: str,
        wish: ChallengeWish = ChallengeWish(),  # noqa: B008
    ) -> dict[str, Any]:
        """Draw a new challenge; what answered the old one is dropped.

        Told stepwise, only what begins within the first moments is answered; slices of the
        recording bring the rest.

        Raises:
            ProblemError: `challenge.not_wanted`, `challenge.too_many`, `challenge.back_off`,
                `transaction.not_found`, `transaction.state`, `transaction.expired`.
        """
        now = self.resources.clock()
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            self._refuse_closed(row)
            vault = self._vault(connection, row)
            self._refuse_unasked(row, vault)
            if not self._wanted(row, vault).challenge:
                raise ProblemError(
                    409, "challenge.not_wanted", "the policy of this transaction asks for none"
                )
            if row.challenges >= self.settings.most_challenges:
                raise ProblemError(
                    409,
                    "challenge.too_many",
                    f"{row.challenges} challenges were drawn; start a new transaction",
                )
            self._refuse_burst(connection, row.tenant, _who(row), now)
            drop_media(connection, transaction, _SPOKEN)
            if (before := self._live(row, vault)) is not None and before.upload:
                drop_pieces(connection, before.upload)
            request = self._request(row, vault)
            # None in a request that an older version took.
            spoken = request.spoken or request.locale
            if wish.language is not None and row.kind == "onboarding":
                spoken = wish.language
            return self._draw(
                connection, vault, row, spoken, now, stepwise=wish.reveal == "stepwise"
            )

    def take_slice(
        self, caller: Principal, transaction: str, number: int, data: bytes, *, last: bool
    ) -> dict[str, Any]:
        """Take one slice of a recording while it is made; answers what is told since.

        The same slice sent again is answered again: a connection may break at any moment.

        Raises:
            ProblemError: `slices.not_stepwise`, `slices.order`, `slices.too_many`,
                `challenge.spent`, `challenge.expired`, `request.too_large`,
                `transaction.not_found`, `transaction.state`, `transaction.expired`.
        """
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            self._refuse_closed(row)
            vault = self._vault(connection, row)
            now = self.resources.clock()
            before = self._live(row, vault)
            if before is None or row.nonce is None:
                raise ProblemError(409, "challenge.spent", "draw a challenge first")
            newest = before.slices[-1].arrived_ms if before.slices else 0.0
            if now - before.issued_at < newest:
                raise _too_old()  # the clock was set back: what arrived when is not known
            after = before.taking(number, data, now, last=last)
            if after is not before:
                if sum(one.size for one in after.slices) > _MOST_CLIP_BYTES:
                    raise ProblemError(
                        413, "request.too_large", f"a clip may have {_MOST_CLIP_BYTES} bytes"
                    )
                keep_piece(connection, vault, after.upload, number, data, now)
                changed: dict[str, Any] = {
                    "sealed_challenge": vault.seal_json(after.as_json(), "challenge")
                }
                if row.state == "created":
                    changed["state"] = "collecting"
                change_transaction(connection, transaction, changed)
                if last:
                    keep_upload(connection, transaction, after.medium(connection, vault), now)
        taken = after.slices[number]
        return {
            "number": number,
            "sha256": taken.sha256,
            "arrived_ms": taken.arrived_ms,
            **after.view(),
        }

    def _draw(
        self,
        connection: Connection,
        vault: Vault,
        row: StoredTransaction,
        language: str,
        now: int,
        *,
        stepwise: bool = False,
    ) -> dict[str, Any]:
        request = self._request(row, vault)
        policy = self.policy_of(row, request)
        prompts = wanted_media(policy, row.kind, request.script_digits).prompts
        drawn = LiveChallenge(
            draw(policy, prompts, language, request.script_digits or DIGITS),
            now,
            stepwise,
            secrets.token_hex(16) if stepwise else "",
        )
        nonce = secrets.token_urlsafe(24)
        expires_at = now + _ms(self.settings.challenge_lifetime_of(row.kind))
        change_transaction(
            connection,
            row.id,
            {
                "nonce": nonce,
                "challenge_expires_at": expires_at,
                "challenges": row.challenges + 1,
                "sealed_challenge": vault.seal_json(drawn.as_json(), "challenge"),
            },
        )
        answer = {
            **drawn.view(),
            "language": language,
            "nonce": nonce,
            "expires_at": iso(expires_at),
        }
        return answer | ({"reveal": "stepwise", "slice_ms": SLICE_MS} if stepwise else {})

    def submit(self, caller: Principal, transaction: str, sent: Submission) -> None:
        """Ask for an attempt to be judged; when this returns it will be, whoever dies.

        Raises:
            ProblemError: `challenge.unknown`, `challenge.spent`, `challenge.expired`,
                `media.missing`, `media.changed`, `media.replayed`, `service.at_capacity`,
                `transaction.not_found`, `transaction.state`, `transaction.expired`.
        """
        replayed = False
        with self.resources.database.writing() as connection:
            now = self.resources.clock()
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            self._refuse_closed(row)
            vault = self._vault(connection, row)
            wanted = self._wanted(row, vault)
            if sent.accommodation is not None:
                wanted = wanted.without_speech()
            if wanted.challenge:
                self._refuse_nonce(row, sent.nonce, now)
            media = media_of(connection, transaction)
            if missing := wanted.missing([medium.kind for medium in media]):
                raise ProblemError(
                    422, "media.missing", f"upload these first: {', '.join(missing)}"
                )
            there = {medium.kind: medium.sha256.hex() for medium in media}
            if changed := sorted(
                kind for kind, digest in sent.media_sha256.items() if there.get(kind) != digest
            ):
                raise ProblemError(
                    409,
                    "media.changed",
                    f"other bytes were uploaded than this submission names: {', '.join(changed)}",
                )
            if not self._has_room(connection, row.tenant):
                raise ProblemError(
                    429,
                    "service.at_capacity",
                    "as many transactions wait for a verdict as are served in time; try again",
                    2,
                )
            request = self._request(row, vault)
            if row.kind == "recording":
                script = parse_script(request.script_text.encode(), "the script")
                parse_times({"segments": [one.model_dump() for one in sent.segments]}, script)
            if not row.sandbox:  # samples come again and again
                own = made_vault(connection, self.resources.keys, row.tenant)
                once = [medium.sha256 for medium in media if medium.kind in _ONCE]
                replayed = see_media(connection, own, transaction, once, now)
            if replayed:
                # Kept although the request fails: trying on is what the count is for.
                note_failure(connection, row.tenant, _who(row), now)
            else:
                capture: dict[str, Any] = {
                    **sent.capture,
                    "nonce": row.nonce or "",
                    "session_ms": str(self._session_ms(vault, row, now)),
                }
                if sent.accommodation is not None:
                    capture["accommodation"] = sent.accommodation
                if row.kind == "recording":
                    capture["segments"] = [one.model_dump() for one in sent.segments]
                change_transaction(
                    connection,
                    transaction,
                    {
                        "state": "processing",
                        "nonce": None,
                        "sealed_capture": vault.seal_json(capture, "capture"),
                    },
                )
                late = is_scripted(request.subject_ref, sandbox=row.sandbox)
                late_ms = wait_ms_of(request.subject_ref or "") if late else 0
                add_job(connection, row.tenant, transaction, now + late_ms)
        if replayed:
            raise ProblemError(
                409,
                "media.replayed",
                "this recording was handed in before; record anew for this transaction",
            )

    def _has_room(self, connection: Connection, tenant: str) -> bool:
        """Whether one more of a tenant may wait: who takes less than a fair share always may."""
        waiting, most = jobs_by_tenant(connection), self.settings.most_waiting
        share = max(1, most // len(waiting.keys() | {tenant}))
        return sum(waiting.values()) < most or waiting.get(tenant, 0) < share

    def _session_ms(self, vault: Vault, row: StoredTransaction, now: int) -> int:
        """Time from drawing the challenge to now, by this server's clock; 0 without one."""
        if row.sealed_challenge is None:
            return 0
        return max(0, now - int(vault.unseal_json(row.sealed_challenge, "challenge")["issued_at"]))

    # --- look ------------------------------------------------------------------------------------

    def state(self, transaction: str) -> str:
        """The state of a transaction that is known to be the caller's."""
        with self.resources.database.reading() as connection:
            row = find_transaction(connection, transaction)
        return "erased" if row is None else row.state

    def view(self, caller: Principal, transaction: str) -> dict[str, Any]:
        """How a transaction stands, as the caller may see it.

        Raises:
            ProblemError: `transaction.not_found`.
        """
        with self.resources.database.reading() as connection:
            row = self._mine(find_transaction(connection, transaction, caller.tenant), caller)
            link = last_link(connection, row.tenant, row.id)
            media = media_of(connection, row.id)
            vault = opened_vault(connection, self.resources.keys, row.tenant, row.id)
        if row.state == "erased" or vault is None:
            return views.erased_view(row, link)
        request = self._request(row, vault)
        wanted = self._wanted(row, vault)
        view = views.applicant_view(row, wanted, media, request.locale)
        if caller.transaction:
            view["here"] = not caller.watches
        if row.kind == "recording":
            view["script"] = script_view(request.script_text)
        if not caller.sees_scores:
            return view
        return views.operator_view(
            view,
            row,
            media,
            request,
            verdict=_opened(vault, row.sealed_verdict, "verdict"),
            review=_opened(vault, row.sealed_review, "review"),
            link=link,
        )

    def page(self, caller: Principal, asked: "Sought", cursor: str, limit: int) -> dict[str, Any]:
        """Transactions of a tenant, newest first.

        Raises:
            ProblemError: `request.malformed`: the cursor is none of ours.
        """
        with self.resources.database.reading() as connection:
            only: dict[str, object] = {
                "state": asked.state,
                "outcome": asked.outcome,
                "policy": asked.policy,
            }
            if asked.subject_ref is not None:
                own = opened_vault(connection, self.resources.keys, caller.tenant)
                if own is None:
                    return {"items": [], "next": None}
                only["subject_digest"] = own.digest("subject", asked.subject_ref)
            span = asked.since_ms, asked.until_ms
            rows = list_transactions(
                connection, caller.tenant, only, span, place_of(cursor), limit + 1
            )
            items = [
                {**views.listed(row), **self._asked(row, self._opening(connection, row))}
                for row in rows[:limit]
            ]
        return {
            "items": items,
            "next": cursor_of(rows[limit - 1]) if len(rows) > limit else None,
        }

    def _opening(
        self, connection: Connection, row: StoredTransaction
    ) -> Callable[[], Vault | None]:
        """Opens a row's vault, once for all who ask; a failure is met by each of them."""
        return cache(lambda: opened_vault(connection, self.resources.keys, row.tenant, row.id))

    def _asked(self, row: StoredTransaction, opening: Callable[[], Vault | None]) -> dict[str, Any]:
        """What a line of a list says of the caller's; nulls of one that is erased or damaged."""
        subject, policy, metadata = None, None, {}
        try:
            vault = opening()
            if vault is not None and row.sealed_request is not None:
                request = self._request(row, vault)
                subject, policy = request.subject_ref, request.policy.model_dump()
                metadata = request.metadata
        except (StoreError, ValueError):
            log.error("a request does not open", extra={"transaction": row.id})
        return {"subject_ref": subject, "policy": policy, "metadata": metadata}

    def queue(self, caller: Principal, cursor: str, limit: int) -> dict[str, Any]:
        """Transactions that wait for a reviewer, longest first.

        Raises:
            ProblemError: `request.malformed`: the cursor is none of ours.
        """
        with self.resources.database.reading() as connection:
            rows = review_queue(connection, caller.tenant, place_of(cursor), limit + 1)
            items = [self._queued(row, self._opening(connection, row)) for row in rows[:limit]]
        return {"items": items, "next": cursor_of(rows[limit - 1]) if len(rows) > limit else None}

    def _queued(
        self, row: StoredTransaction, opening: Callable[[], Vault | None]
    ) -> dict[str, Any]:
        return {
            **views.queued(row, self._told(row, opening)),
            **self._asked(row, opening),
            "first_decision_by": self._decided_by(row, opening),
        }

    def _told(self, row: StoredTransaction, opening: Callable[[], Vault | None]) -> dict[str, Any]:
        """The verdict of a row in a list; one that is damaged hides none of the others."""
        try:
            vault = opening()
            told = _opened(vault, row.sealed_verdict, "verdict") if vault else None
        except StoreError as error:
            log.error("a verdict does not open", extra={"transaction": row.id})
            return {"causes": [error.code]}
        return told or {}

    def _decided_by(
        self, row: StoredTransaction, opening: Callable[[], Vault | None]
    ) -> str | None:
        if row.sealed_review is None:
            return None
        try:
            vault = opening()
            first = _opened(vault, row.sealed_review, "review") if vault else None
        except StoreError as error:
            log.error("a review does not open", extra={"transaction": row.id})
            return error.code
        return first["decided_by"] if first else None

    def opened(self, caller: Principal, transaction: str) -> tuple[StoredTransaction, Vault]:
        """A transaction that is over, and what opens it; for a reviewer.

        Raises:
            ProblemError: `transaction.not_found`, `transaction.erased`, `transaction.state`.
        """
        with self.resources.database.reading() as connection:
            row = self._mine(find_transaction(connection, transaction, caller.tenant), caller)
            vault = self._vault(connection, row)
        if row.state != "completed":
            raise ProblemError(
                409, "transaction.state", f"the transaction is {row.state}, not completed"
            )
        return row, vault

    def claim(self, caller: Principal, transaction: str) -> None:
        """Note which reviewer has taken a case up.

        Raises:
            ProblemError: `transaction.not_found`; `review.not_open`; `review.claimed`: by another.
        """
        now = self.resources.clock()
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            _refuse_decided(row)
            held = row.claimed_at is not None and now - row.claimed_at < CLAIM_MS
            if held and row.claimed_by != caller.acts_as:
                raise ProblemError(
                    409, "review.claimed", f"{row.claimed_by} has taken this case up; take the next"
                )
            change_transaction(
                connection, transaction, {"claimed_by": caller.acts_as, "claimed_at": now}
            )

    def verdict_of(self, row: StoredTransaction, vault: Vault) -> dict[str, Any] | None:
        """The verdict as it was kept; None where nothing was judged."""
        found: dict[str, Any] | None = _opened(vault, row.sealed_verdict, "verdict")
        return found

    def explanation_of(self, row: StoredTransaction, vault: Vault) -> dict[str, object] | None:
        """What the reviewer of the newest attempt is shown; None when it was not kept."""
        with self.resources.database.reading() as connection:
            sealed = find_explanation(connection, row.id, row.attempt)
        if sealed is None:
            return None
        kept: dict[str, object] = vault.unseal_json(sealed, f"explanation {row.attempt}")
        return kept

    def keep_explanation(
        self, row: StoredTransaction, vault: Vault, made: Mapping[str, object]
    ) -> None:
        """Keep what was made for a reviewer, unless the transaction was erased meanwhile."""
        sealed = vault.seal_json(made, f"explanation {row.attempt}")
        with self.resources.database.writing() as connection:
            now = locked_transaction(connection, row.id)
            if now is not None and (now.state, now.attempt) == (row.state, row.attempt):
                keep_explanation(connection, row.id, row.attempt, sealed)

    def fetch(
        self, caller: Principal, transaction: str, kind: str
    ) -> tuple[Medium, Iterator[bytes]]:
        """A medium, and its bytes piece by piece; that it was asked for is recorded.

        Raises:
            ProblemError: `transaction.not_found`, `transaction.erased`, `media.not_there`.
        """
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            vault = self._vault(connection, row)
            there = {medium.kind: medium for medium in media_of(connection, transaction)}
            if kind not in there:
                raise ProblemError(404, "media.not_there", f"no {kind} is kept")
            act(connection, self.resources, row.tenant, caller, "media.read", kind, row.id)
        return there[kind], self._pieces(vault, there[kind])

    def _pieces(self, vault: Vault, medium: Medium) -> Iterator[bytes]:
        """Each is read by itself: who receives slowly holds no connection to the database."""
        for number in itertools.count():
            with self.resources.database.reading() as connection:
                piece = media_piece(connection, vault, medium, number)
            if piece is None:
                return
            yield piece

    # --- end -------------------------------------------------------------------------------------

    def cancel(self, caller: Principal, transaction: str) -> None:
        """Break a transaction off; its media are deleted.

        Raises:
            ProblemError: `transaction.not_found`; `transaction.state`: it is being judged or
                is over.
        """
        now = self.resources.clock()
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            if row.state == "cancelled":
                return
            if row.state not in OPEN:
                raise _wrong_state(row)
            drop_media(connection, transaction)
            change_transaction(
                connection,
                transaction,
                {
                    "state": "cancelled",
                    "nonce": None,
                    "completed_at": now,
                    "keep_until": now + _ms(self.settings.keep),
                },
            )

    def erase(self, caller: Principal, transaction: str) -> dict[str, Any]:
        """Erase a transaction for good; a tombstone and its evidence stay.

        Raises:
            ProblemError: `transaction.not_found`.
        """
        try:
            return self._erase(caller, transaction, pieces=True)
        except StoreFullError:
            # Less is written without the media, and the reserve is for this.
            self.resources.database.free_reserve()
            return self._erase(caller, transaction, pieces=False)

    def _erase(self, caller: Principal, transaction: str, *, pieces: bool) -> dict[str, Any]:
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            if row.state != "erased":
                row = self.erase_row(connection, row, asked=True, pieces=pieces)
            link = last_link(connection, row.tenant, row.id)
        return {
            "id": row.id,
            "state": row.state,
            "erased_at": iso(row.erased_at),
            "evidence": views.link_view(link),
        }

    def erase_row(
        self,
        connection: Connection,
        row: StoredTransaction,
        *,
        asked: bool,
        pieces: bool = True,
    ) -> StoredTransaction:
        """Erase one transaction within a database transaction, and record that.

        Args:
            connection: Within which.
            row: The transaction.
            pieces: Whether media are overwritten at once; see `erase_transaction`.
            asked: Whether somebody asked for it: then no code of its media is kept either. When
                its time is over, codes stay for as long as they are kept.
        """
        now = self.resources.clock()
        urls, _ = self._hearers(connection, row, "transaction.erased")
        erase_transaction(connection, row, now, pieces=pieces)
        body = {"event": "erasure", "transaction": row.id, "erased_at": iso(now)}
        record(connection, self.resources, row.tenant, body)
        # After the chain, as where a verdict is kept: two that end at once never wait in a ring.
        forget(connection, row.tenant, row.id)
        if asked:
            forget_media(connection, row.tenant, row.id)
        gone = replace(row, state="erased", erased_at=now)
        tell(connection, gone, "transaction.erased", urls, now)
        return gone

    def review(self, caller: Principal, transaction: str, decided: ReviewDecision) -> None:
        """Record what a reviewer decided.

        Where the policy wants two persons, a decision counts once another person has decided the
        same; until then the newest one waits in the queue.

        The chain names who decided what: the person the key is bound to, the key itself where it is
        bound to nobody, and apart from it what the client typed. The reason may speak of the
        applicant: the chain holds a commitment to it, and the salt that opens it is erased with the
        transaction.

        Raises:
            ProblemError: `transaction.not_found`; `review.not_open`; `review.other_person`;
                `review.unnamed`, `review.same_person`.
        """
        if caller.person and decided.operator not in ("", caller.person):
            raise ProblemError(
                403, "review.other_person", "this key is bound to another person than body.operator"
            )
        now = self.resources.clock()
        with self.resources.database.writing() as connection:
            row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
            _refuse_decided(row)
            vault = self._vault(connection, row)
            awaits = self._awaits_second(caller, row, vault, decided)
            salt = secrets.token_bytes(32)
            body = {
                "event": "review",
                "transaction": row.id,
                "operator": caller.acts_as,
                "operator_said": decided.operator,
                "api_key": caller.name,
                "environment": "sandbox" if caller.sandbox else "live",
                "outcome": decided.outcome,
                "reason_commitment": hmac.digest(salt, decided.reason.encode(), "sha256").hex(),
                "decided_at": iso(now),
                "sandbox": row.sandbox,
                "awaits_second": awaits,
            }
            link = record(connection, self.resources, row.tenant, body)
            kept = {
                "operator": caller.person or decided.operator or caller.acts_as,
                "decided_by": caller.acts_as,
                "outcome": decided.outcome,
                "reason": decided.reason,
                "reason_salt": salt.hex(),
                "decided_at": iso(now),
                "evidence": views.link_view(link),
                "awaits_second": awaits,
            }
            changed: dict[str, Any] = {"sealed_review": vault.seal_json(kept, "review")}
            if awaits:
                change_transaction(connection, transaction, changed)
                return
            changed["final_outcome"] = decided.outcome
            change_transaction(connection, transaction, changed)
            told = replace(row, final_outcome=decided.outcome)
            self.tell(connection, told, "transaction.reviewed", now)

    def taken(
        self, connection: Connection, caller: Principal, transaction: str
    ) -> tuple[StoredTransaction, Vault]:
        """An open transaction of the caller, and what opens it, within a writing transaction.

        Raises:
            ProblemError: `transaction.not_found`, `transaction.state`, `transaction.expired`.
        """
        row = self._mine(locked_transaction(connection, transaction, caller.tenant), caller)
        self._refuse_closed(row)
        return row, self._vault(connection, row)

    def started_with(self, row: StoredTransaction) -> KeptRequest:
        """What a transaction was started with.

        Raises:
            ProblemError: `transaction.erased`.
        """
        with self.resources.database.reading() as connection:
            return self._request(row, self._vault(connection, row))

    def _awaits_second(
        self,
        caller: Principal,
        row: StoredTransaction,
        vault: Vault,
        decided: ReviewDecision,
    ) -> bool:
        """Whether a decision counts only once another person has decided the same."""
        if self.policy_of(row, self._request(row, vault)).reviewers < 2:
            return False
        if not caller.person:
            raise ProblemError(
                403,
                "review.unnamed",
                "this policy wants two persons: decide with a key that is bound to one, or by a "
                "proxy that names who asks",
            )
        first = _opened(vault, row.sealed_review, "review")
        if first is not None and first["decided_by"] == caller.person:
            raise ProblemError(
                403, "review.same_person", "you decided already; another person is waited for"
            )
        return first is None or first["outcome"] != decided.outcome

    # --- within ----------------------------------------------------------------------------------

    def request_of(self, row: StoredTransaction, vault: Vault) -> KeptRequest:
        """What a transaction was started with."""
        return self._request(row, vault)

    def policy_of(self, row: StoredTransaction, request: KeptRequest) -> Policy:
        """The policy a transaction was started under, in the version of then.

        Raises:
            ProblemError: `policy.unknown`: this server has no such version.
        """
        policy = self.book.find(row.tenant, request.policy.id, request.policy.version)
        return with_checks(policy, request.checks)

    def challenge_of(self, row: StoredTransaction, vault: Vault) -> Challenge | None:
        """What the applicant was asked to read or do."""
        live = self._live(row, vault)
        return live.challenge if live is not None else None

    def live_of(self, row: StoredTransaction, vault: Vault) -> LiveChallenge | None:
        """The same, with what arrived of a recording that was sent while it was made."""
        return self._live(row, vault)

    def _live(self, row: StoredTransaction, vault: Vault) -> LiveChallenge | None:
        kept = _opened(vault, row.sealed_challenge, "challenge")
        return None if kept is None else LiveChallenge.from_json(kept)

    def tell(self, connection: Connection, row: StoredTransaction, event: str, now: int) -> None:
        """Write the webhooks of an event; see `records.tell`."""
        urls, late_ms = self._hearers(connection, row, event)
        tell(connection, row, event, urls, now, late_ms)

    def _hearers(
        self, connection: Connection, row: StoredTransaction, event: str
    ) -> tuple[list[str], int]:
        """Where an event is told, and how much later than it could be."""
        callback, late_ms = None, 0
        try:
            vault = opened_vault(connection, self.resources.keys, row.tenant, row.id)
            if vault is not None:
                request = self._request(row, vault)
                callback = request.callback
                if is_scripted(request.subject_ref, sandbox=row.sandbox):
                    late_ms = late_ms_of(request.subject_ref or "")
        except (StoreError, ValueError):
            # Damaged: it is ended, erased and told of to the tenant all the same.
            log.error("a request does not open", extra={"transaction": row.id})
        urls = webhook_urls(connection, row.tenant, event)
        return [*urls, callback] if callback else urls, late_ms

    def _request(self, row: StoredTransaction, vault: Vault) -> KeptRequest:
        kept = _opened(vault, row.sealed_request, "request")
        if kept is None:
            raise _gone()
        return KeptRequest.model_validate(kept)

    def _wanted(self, row: StoredTransaction, vault: Vault) -> Wanted:
        request = self._request(row, vault)
        policy = self.policy_of(row, request)
        return wanted_media(policy, row.kind, request.script_digits)

    def _vault(self, connection: Connection, row: StoredTransaction) -> Vault:
        vault = opened_vault(connection, self.resources.keys, row.tenant, row.id)
        if vault is None:
            raise _gone()
        return vault

    def _mine(self, row: StoredTransaction | None, caller: Principal) -> StoredTransaction:
        """The transaction, when the caller may know that it is there."""
        other = caller.transaction and (row is None or row.id != caller.transaction)
        if row is None or other:
            raise ProblemError(404, "transaction.not_found", "no such transaction")
        return row

    def _refuse_closed(self, row: StoredTransaction) -> None:
        expired = row.state in OPEN and row.expires_at <= self.resources.clock()
        if expired or row.state == "expired":
            raise ProblemError(
                410, "transaction.expired", "the time of this transaction is over; start a new one"
            )
        if row.state == "erased":
            raise _gone()
        if row.state not in OPEN:
            raise _wrong_state(row)

    def _refuse_unasked(self, row: StoredTransaction, vault: Vault) -> None:
        if self._request(row, vault).consent is None:
            raise ProblemError(
                409,
                "consent.missing",
                "the applicant has not agreed yet: PUT /v1/transactions/{id}/consent first",
            )

    def _refuse_nonce(self, row: StoredTransaction, nonce: str | None, now: int) -> None:
        if row.nonce is None:
            raise ProblemError(
                409, "challenge.spent", "the challenge was answered already; draw a new one"
            )
        if not hmac.compare_digest(row.nonce, nonce or ""):
            raise ProblemError(
                409,
                "challenge.unknown",
                "this is not the nonce of the transaction's current challenge; answer that one",
            )
        if row.challenge_expires_at is not None:
            # One of the future was drawn before the clock was set back: its age is not known.
            left_ms = row.challenge_expires_at - now
            if not 0 < left_ms <= _ms(self.settings.challenge_lifetime_of(row.kind)):
                raise _too_old()

    def _refuse_burst(
        self, connection: Connection, tenant: str, who: list[bytes], now: int
    ) -> None:
        """Make a subject or device wait that failed too often, longer with every failure."""
        if not who:
            return
        lately, _ = count_failures(connection, tenant, who, now - _BURST_MS)
        count, newest = count_failures(connection, tenant, who, now - _LONGEST_WAIT_MS)
        if lately < _BURST and count <= _BURST:
            return
        wait_ms = min(_LONGEST_WAIT_MS, _FIRST_WAIT_MS * 2 ** min(count - _BURST, 10))
        left_ms = min(newest, now) + wait_ms - now  # whatever the clock did since
        if left_ms > 0:
            raise _back_off(left_ms)


def _refuse_decided(row: StoredTransaction) -> None:
    if (row.state, row.outcome) != ("completed", "review") or row.final_outcome:
        raise ProblemError(409, "review.not_open", "this transaction does not wait for a reviewer")


def _who(row: StoredTransaction) -> list[bytes]:
    return [digest for digest in (row.subject_digest, row.device_digest) if digest is not None]


def _opened(vault: Vault, sealed: bytes | None, place: str) -> Any:  # noqa: ANN401
    return None if sealed is None else vault.unseal_json(sealed, place)


def _quoted(policy: Policy) -> dict[str, Any]:
    return {"id": policy.id, "version": policy.version, "sha256": policy.sha256}


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _ms(time: Any) -> int:  # noqa: ANN401
    return int(time.total_seconds() * 1000)


def cursor_of(row: StoredTransaction | Message) -> str:
    """Where a list that ends with a row goes on; see `place_of`."""
    return f"{row.created_at}.{row.id}"


def place_of(cursor: str) -> tuple[int, str] | None:
    """Time and id of the last one that was told, by its cursor.

    Raises:
        ProblemError: `request.malformed`: the cursor is none of ours.
    """
    if not cursor:
        return None
    time, _, name = cursor.partition(".")
    if not (time.isascii() and time.isdigit() and len(time) < 16 and name):
        raise ProblemError(
            422, "request.malformed", "missing or malformed: query.cursor", pointer="/query/cursor"
        )
    return int(time), name


def _too_old() -> ProblemError:
    return ProblemError(409, "challenge.expired", "the challenge is too old; draw a new one")


def _back_off(left_ms: int) -> ProblemError:
    return ProblemError(
        429,
        "challenge.back_off",
        "too many attempts failed in a short time; try again later",
        -(-left_ms // 1000),
    )


def _gone() -> ProblemError:
    return ProblemError(410, "transaction.erased", "this transaction was erased")


def _wrong_state(row: StoredTransaction) -> ProblemError:
    return ProblemError(
        409, "transaction.state", f"the transaction is {row.state}; this is not possible any more"
    )
