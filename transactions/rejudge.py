"""What would be said today of somebody who was accepted then? What is stored is judged again.

Lists grow, documents expire, models are replaced. None of that needs the customer: it is asked of
what was kept. Whether somebody is alive before a camera cannot be asked of a file, so nothing that
tests it is judged again; ask the customer anew for that.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from veridical.catalogue import CHECKS
from veridical.catalogue.spec import Bands
from veridical.errors import InputError
from veridical.gallery import Gallery, WatchlistCheck
from veridical.policy import Policy
from veridical.policy.decision import judge
from veridical.policy.rules import Rules
from veridical.result import Measurement, OperatingPoint, Status
from veridical.signals.keys import KINDS
from veridical.signals.ledger import SEEN, subject_of
from veridical.store import Connection
from veridical.store.attempts import keys_of_transactions
from veridical.store.chain import transaction_lines
from veridical.store.lists import find_entries
from veridical.store.transactions import StoredTransaction, accepted_transactions
from veridical.store.vault import Vault, opened_vault
from veridical.transactions.customers import FACES
from veridical.transactions.records import record
from veridical.transactions.resources import ProblemError
from veridical.transactions.service import TransactionService
from veridical.transactions.worker import load_transaction
from veridical.types import Template
from veridical.verification import Verifier
from veridical.wire import KeptRequest

__all__ = ["EVENT", "MODELS", "Finding", "Rejudged", "Rejudgement", "Stored"]

EVENT = "transaction.rejudged"
MODELS = ("document.read", "document.age", "document.chip", "face.match", "watchlist.search")
"""What networks and parsers say of kept media. How they were captured was judged when they were."""
LISTS, WATCHLIST, DOCUMENT = "signals.lists", "watchlist.search", "document.read"
_ENDS = ("valid_to", "expiry")
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that speaks against somebody today.

    Attributes:
        check: Which.
        status: `review` or `fail`.
        reason: Its code.
    """

    check: str
    status: str
    reason: str

    def as_json(self) -> dict[str, str]:
        """Plain values."""
        return {"check": self.check, "status": self.status, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Rejudged:
    """What was found of one transaction.

    Attributes:
        transaction: Its id.
        checked: What could be judged; the rest lacked what it reads.
        findings: What speaks against its holder; empty when the acceptance stands.
        news: Whether this is not what was found the last time.
    """

    transaction: str
    checked: tuple[str, ...]
    findings: tuple[Finding, ...]
    news: bool

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "transaction": self.transaction,
            "checked": list(self.checked),
            "findings": [finding.as_json() for finding in self.findings],
            "news": self.news,
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """What was kept of one accepted transaction, opened.

    Attributes:
        row: The transaction.
        vault: Opens what is sealed of it.
        told: Its verdict.
        request: What it was started with.
    """

    row: StoredTransaction
    vault: Vault
    told: Mapping[str, Any]
    request: KeptRequest


class Rejudgement:
    """Judges a book again, one transaction after the other; every verdict stays as it is.

    A finding that was not there the last time is a link of the tenant's chain and a webhook
    `transaction.rejudged`; one that is still there is neither, so that a run may be repeated.

    Args:
        transactions: The book.
        watchlist: Searches the installation's watchlist; None when it keeps none.
        face_model: Mark of the templates that it searches with.
        verifier: Judges kept media by today's models; None judges none.
        today: For terms of validity.
    """

    def __init__(
        self,
        transactions: TransactionService,
        watchlist: WatchlistCheck | None = None,
        face_model: str = "",
        verifier: Verifier | None = None,
        today: date | None = None,
    ) -> None:
        self._transactions = transactions
        self._watchlist = watchlist
        self._face_model = face_model
        self._verifier = verifier
        self._today = today or datetime.now(UTC).date()

    def run(self, tenant: str, after: str = "") -> Iterator[Rejudged]:
        """Judge every accepted transaction of a tenant that is kept, in the order of their ids.

        Args:
            tenant: Whose.
            after: The id of the last one that was judged by a run that was broken off.

        Raises:
            StoreError: The database cannot be used.
        """
        while True:
            rows = self._rows(tenant, after)
            for row in rows:
                after = row.id
                if (stored := self._open(row)) is not None:
                    yield self._tell(stored, *self.judge(stored))
            if len(rows) < _PAGE:
                return

    def judge(self, stored: Stored) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
        """What could be judged, and what speaks against the acceptance."""
        policy = self._transactions.policy_of(stored.row, stored.request)
        found = dict(self._signals(stored))
        if self._watchlist is not None:
            measured = self._watchlist(self._face(stored))
            found[WATCHLIST] = _judged(measured, policy)
        if self._verifier is not None:
            found |= self._by_models(stored, policy)
        assessed = {check: finding for check, finding in found.items() if finding is not None}
        bad = tuple(f for f in assessed.values() if f.status != Status.PASS)
        return tuple(assessed), bad

    # --- what is stored --------------------------------------------------------------------------

    def _rows(self, tenant: str, after: str) -> list[StoredTransaction]:
        with self._transactions.resources.database.reading() as connection:
            return accepted_transactions(connection, tenant, after, _PAGE)

    def _open(self, row: StoredTransaction) -> Stored | None:
        """A transaction's verdict; None where it is erased meanwhile."""
        resources = self._transactions.resources
        with resources.database.reading() as connection:
            vault = opened_vault(connection, resources.keys, row.tenant, row.id)
        if vault is None or row.sealed_verdict is None:
            return None
        request = self._transactions.request_of(row, vault)
        told = vault.unseal_json(row.sealed_verdict, "verdict")
        return Stored(row, vault, told, request)

    def _signals(self, stored: Stored) -> Iterator[tuple[str, Finding | None]]:
        """Lists by the keyed hashes of the attempt, the term of validity by the fields read."""
        tenant, transaction = stored.row.tenant, stored.row.id
        with self._transactions.resources.database.reading() as connection:
            kept = keys_of_transactions(connection, tenant, [transaction], KINDS)
            keys = kept.get(transaction, {}).values()
            entries = find_entries(connection, tenant, keys) if keys else []
        if keys:
            denied = any(entry.effect == "deny" for entry in entries)
            yield LISTS, Finding(LISTS, "review", "denied") if denied else _passed(LISTS)
        fields = stored.told.get("document") or {}
        ends = [_day(fields[name]["value"]) for name in _ENDS if name in fields]
        if days := [day for day in ends if day is not None]:
            over = min(days) < self._today
            yield DOCUMENT, Finding(DOCUMENT, "fail", "expired") if over else _passed(DOCUMENT)

    def _face(self, stored: Stored) -> Template | None:
        """The face of then: as kept for signals, else as enrolled."""
        resources, tenant = self._transactions.resources, stored.row.tenant
        customer = stored.request.subject_ref
        for gallery, subject in ((SEEN, subject_of(stored.row.id)), (FACES, customer)):
            if not subject:
                continue
            entries = Gallery(
                resources.database, resources.keys, gallery, self._face_model, tenant=tenant
            )
            try:
                return entries.template(subject)
            except InputError:  # none of this model
                continue
        return None

    def _by_models(self, stored: Stored, policy: Policy) -> Mapping[str, Finding | None]:
        """Kept media by today's models: the checks of the policy that ask nothing of a moment."""
        verifier = self._verifier
        again = tuple(check for check in policy.checks if check in MODELS)
        if verifier is None or not again:
            return {}
        try:
            transaction = load_transaction(
                self._transactions, verifier, stored.row, stored.vault, stored.request
            )
        except (InputError, ProblemError):  # not kept any more, or not readable any more
            return {}
        only = replace(
            policy, required=again, optional=(), witnesses=(), rules=Rules(), examples=()
        )
        verdict = verifier.judge(verifier.analyse(transaction), only)
        return {
            result.check: None
            if result.status is Status.NOT_ASSESSED
            else Finding(result.check, str(result.status), result.reason)
            for result in verdict.results
        }

    # --- what is told ----------------------------------------------------------------------------

    def _tell(
        self, stored: Stored, checked: tuple[str, ...], findings: tuple[Finding, ...]
    ) -> Rejudged:
        """Record and tell what was not found before."""
        resources, row = self._transactions.resources, stored.row
        told = [finding.as_json() for finding in findings]
        with resources.database.writing() as connection:
            news = told != _last_found(connection, row)
            if news:
                body = {"event": "rejudged", "transaction": row.id, "findings": told}
                record(connection, resources, row.tenant, body)
                self._transactions.tell(connection, row, EVENT, resources.clock())
        return Rejudged(row.id, checked, findings, news)


def _last_found(connection: Connection, row: StoredTransaction) -> list[dict[str, str]]:
    """Findings of the newest link about this transaction that has some."""
    for line in reversed(transaction_lines(connection, row.tenant, row.id)):
        said = json.loads(line)
        if said.get("event") == "rejudged":
            found: list[dict[str, str]] = said["findings"]
            return found
    return []


def _judged(measured: Measurement, policy: Policy) -> Finding | None:
    point = policy.operating_points.get(measured.check)
    bands = CHECKS[measured.check].point
    if point is None and isinstance(bands, Bands):
        point = OperatingPoint(bands.accept_at, bands.reject_below)
    result = judge(measured, point)
    if result.status is Status.NOT_ASSESSED:
        return None
    return Finding(measured.check, str(result.status), result.reason)


def _passed(check: str) -> Finding:
    return Finding(check, str(Status.PASS), "")


def _day(value: object) -> date | None:
    """A last day of validity; None for one that is written otherwise, such as a long term."""
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
