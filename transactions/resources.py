"""What transactions rest on, who asks for them, and how they are refused."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from veridical.errors import VeridicalError
from veridical.store import Database, KeyProvider
from veridical.verification.evidence import SigningKey
from veridical.verification.signers import registered_keys

__all__ = ["Principal", "ProblemError", "Resources", "TransactionSettings", "iso", "now_ms"]


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def iso(time_ms: int | None) -> str | None:
    """A time as JSON has it; None stays None."""
    if time_ms is None:
        return None
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ProblemError(VeridicalError):
    """A request that the state of things does not allow.

    Args:
        status: HTTP status.
        code: Stable code for machines.
        message: What was wanted, what came, what to do. Never personal data.
        retry_after_s: When it may be allowed; None when waiting does not help.
        pointer: JSON pointer to the part of the request that is wrong; empty for the whole.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        retry_after_s: int | None = None,
        *,
        pointer: str = "",
    ) -> None:
        super().__init__(message, code)
        self.http_status = status
        self.retry_after_s = retry_after_s
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        tenant: For whom.
        scopes: What the key allows; empty for the holder of an upload token.
        sandbox: Whether the key makes sandbox transactions.
        transaction: The one transaction an upload token is for; empty for a key.
        name: Prefix of the key, for logs and evidence.
        person: Who alone uses the key; empty for a key of a machine.
        device: Which device bears the token, if it came by a link.
        watches: Whether another device goes on with its transaction.
    """

    tenant: str
    scopes: frozenset[str]
    sandbox: bool = False
    transaction: str = ""
    name: str = ""
    person: str = ""
    device: str = ""
    watches: bool = False

    @property
    def acts_as(self) -> str:
        """Who it is that decides, as far as that is known: never what a client types."""
        return self.person or f"key {self.name}"

    @property
    def sees_scores(self) -> bool:
        """Whether verdicts are shown with their scores."""
        return "transactions:read" in self.scopes


@dataclass(frozen=True, slots=True)
class Resources:
    """What outlives a request.

    Attributes:
        database: Upgraded.
        keys: Master keys.
        signing: Signs evidence.
        clock: ms since 1970.
    """

    database: Database
    keys: KeyProvider
    signing: SigningKey
    clock: Callable[[], int] = now_ms

    @property
    def public_keys(self) -> bytes:
        """PEM of every key that ever signed evidence, whichever replica it did so at.

        Raises:
            StoreError: The database cannot be read.
        """
        return registered_keys(self.database) or self.signing.public_pem


@dataclass(frozen=True, slots=True)
class TransactionSettings:
    """Bounds of transactions.

    Attributes:
        lifetime: From the start, or from a verdict `retry`, to the last moment media are taken.
        challenge_lifetime: From drawing a challenge to the last moment it may be answered.
        recording_lifetime: Both of the above for recordings, which take minutes.
        keep: For how long media and verdicts are kept once a transaction is over.
        most_challenges: Challenges drawn for one transaction.
        most_waiting: Transactions that may wait for a verdict; more are told to come back.
        keep_codes: For how long codes of pictures are kept to know them again; zero keeps none.
        keep_counts: For how long counts of scores and reasons are kept; zero counts nothing.
        allowed_callbacks: Hosts that callbacks may lead to although they are private or not https.
    """

    lifetime: timedelta = timedelta(minutes=20)
    challenge_lifetime: timedelta = timedelta(seconds=90)
    recording_lifetime: timedelta = timedelta(seconds=900)
    keep: timedelta = timedelta(days=30)
    keep_codes: timedelta = timedelta(days=90)
    keep_counts: timedelta = timedelta(days=35)
    most_challenges: int = 10
    most_waiting: int = 16
    allowed_callbacks: frozenset[str] = frozenset()

    def lifetime_of(self, kind: str) -> timedelta:
        """From the start of a transaction of a kind to the last moment media are taken."""
        return self.recording_lifetime if kind == "recording" else self.lifetime

    def challenge_lifetime_of(self, kind: str) -> timedelta:
        """From drawing a challenge to the last moment it may be answered."""
        return self.recording_lifetime if kind == "recording" else self.challenge_lifetime
