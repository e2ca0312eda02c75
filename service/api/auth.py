"""Who calls, may they, and how often?

Every route but the probes names the scopes that open it: `Depends(allow("transactions:read"))`.
"""

import hmac
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from veridical.errors import InputError
from veridical.store.tenants import (
    DEFAULT_TENANT,
    KEY_WORD,
    ApiKey,
    Tenant,
    environment_of,
    find_api_key,
    find_tenant,
)
from veridical.transactions import Principal, ProblemError, TransactionService
from veridical.transactions.service import TOKEN_WORD

__all__ = [
    "DEFAULT_TENANT",
    "ROLES",
    "SCOPES",
    "Access",
    "Allow",
    "Book",
    "Principal",
    "Standing",
    "allow",
    "scopes_of",
]

SCOPES: Mapping[str, str] = {
    "transactions:write": "start transactions, hand in media, submit, cancel",
    "transactions:read": "see transactions with their scores",
    "transactions:erase": "erase transactions",
    "media:read": "fetch media back; each time is recorded",
    "reviews": "see the queue of reviews and decide",
    "evidence:read": "read the chain of evidence",
    "analysis": "single checks without a transaction",
    "galleries:read": "search galleries",
    "galleries:write": "enrol and delete subjects",
    "lists:read": "see how much is on the lists",
    "lists:write": "put values on lists, and take them off",
    "catalogue:read": "read policies and models",
    "policies:write": "store versions of policies",
    "verify": "the one-call verification",
    "metrics:read": "read the figures of the service",
    "webhooks": "say where webhooks go, see whether they arrived, send them again",
    "admin": "make and revoke keys; for keys of the tenant `default` all tenants and their limits",
}
ROLES: Mapping[str, tuple[str, ...]] = {
    "onboarding": ("transactions:write", "catalogue:read"),
    "backend": ("transactions:write", "transactions:read", "transactions:erase", "catalogue:read"),
    "reviewer": ("transactions:read", "reviews", "catalogue:read"),
    "auditor": ("evidence:read", "catalogue:read"),
    "monitor": ("metrics:read",),
    "administrator": ("admin", "webhooks"),
    "all": tuple(SCOPES),
}
"""Sets of scopes that go together."""


def scopes_of(roles: Collection[str], scopes: Collection[str]) -> frozenset[str]:
    """The scopes of roles, and further ones; those of a `backend` when nothing is asked for.

    Raises:
        InputError: `usage.scope`.
    """
    chosen = set(scopes)
    for role in roles or (() if scopes else ("backend",)):
        chosen |= set(ROLES.get(role, (role,)))
    if chosen - SCOPES.keys():
        raise InputError(
            f"no such role or scope; roles are {', '.join(ROLES)}, scopes {', '.join(SCOPES)}",
            "usage.scope",
        )
    return frozenset(chosen)


PERSON_HEADER, PROXY_HEADER = "x-veridical-person", "x-veridical-proxy-secret"
"""Set by a proxy in front that authenticated a person, such as by OpenID Connect."""
NAME_LENGTH = 200
_WINDOW_S = 10
"""So many seconds' requests may come at once."""

_bearer = HTTPBearer(
    auto_error=False,
    description="An API key (`vk_...`) or, where allowed, an upload token (`vu_...`).",
)


def _principal(key: ApiKey) -> Principal:
    """Who bears a key: in its own environment, and by the name that it is bound to."""
    environment = environment_of(key.tenant, sandbox=key.sandbox)
    return Principal(environment, key.scopes, key.sandbox, "", key.prefix, key.person)


class Access:
    """Tells callers by what they bear, and holds each tenant to its limits.

    Limits count at this process: with several replicas each allows as much.

    Args:
        transactions: Keys and upload tokens are its; None for a service without a database.
        api_key: One key of the operator's choice, of the default tenant and with every scope.
        proxy_secret: What proves that a proxy says who asks; None believes none.
        everyone: Whether callers without any key are let in as the default tenant.
    """

    def __init__(
        self,
        transactions: TransactionService | None,
        api_key: SecretStr | None,
        proxy_secret: SecretStr | None = None,
        *,
        everyone: bool,
    ) -> None:
        self._transactions = transactions
        self._api_key = api_key
        self._proxy_secret = proxy_secret
        self.everyone = everyone
        self._books: dict[str, Book] = {}
        self._lock = threading.Lock()

    def nobody(self, credential: str) -> Principal | None:
        """Who comes without any key, where such are let in; None for who bears one.

        Raises:
            ProblemError: `auth.required`: at once, for it is not looked for in the database.
        """
        if credential:
            return None
        if not self.everyone:
            raise ProblemError(
                401, "auth.required", "send an API key as `Authorization: Bearer KEY`"
            )
        return Principal(DEFAULT_TENANT, frozenset(SCOPES), name="nobody")

    def principal(self, credential: str) -> Principal:
        """Who bears a credential; empty for none.

        Raises:
            ProblemError: `auth.required`, `auth.invalid`.
        """
        whole = frozenset(SCOPES)
        key = self._api_key.get_secret_value() if self._api_key is not None else ""
        if key and hmac.compare_digest(credential.encode(), key.encode()):
            return Principal(DEFAULT_TENANT, whole, name="setting")
        if self._transactions is not None:
            if credential.startswith(TOKEN_WORD):
                found = self._transactions.holder(credential)
                if found is not None:
                    return found
            elif credential.startswith(KEY_WORD):
                known = find_api_key(self._transactions.resources.database, credential)
                if known is not None:
                    return _principal(known)
        if (nobody := self.nobody(credential)) is not None:
            return nobody
        raise ProblemError(401, "auth.invalid", "the key is unknown, revoked or expired")

    def named(self, principal: Principal, headers: Mapping[str, str]) -> Principal:
        """Who asks, by name, where a proxy that authenticated a person says so.

        Args:
            principal: By the key.
            headers: Names in small letters, values as they came, each byte a character.

        Raises:
            ProblemError: `auth.proxy`: somebody else says so; `auth.other_person`: the key is bound
                to another person.
        """
        said = headers.get(PERSON_HEADER)
        if said is None:
            return principal
        secret = self._proxy_secret.get_secret_value() if self._proxy_secret is not None else ""
        shown = headers.get(PROXY_HEADER, "").encode("latin-1")
        try:
            person = said.encode("latin-1").decode()
        except UnicodeError:
            person = ""
        genuine = bool(secret) and hmac.compare_digest(shown, secret.encode())
        if not genuine or not 0 < len(person) <= NAME_LENGTH or not person.isprintable():
            raise ProblemError(
                403,
                "auth.proxy",
                f"{PERSON_HEADER} is for the proxy in front alone, which proves itself by "
                f"{PROXY_HEADER}; see VERIDICAL_PROXY_SECRET",
            )
        if principal.transaction:
            return principal
        if principal.person not in ("", person):
            raise ProblemError(
                403, "auth.other_person", "this key is bound to another person than the proxy names"
            )
        return replace(principal, person=person)

    def book(self, tenant: str) -> "Book":
        """What counts the requests of a tenant."""
        with self._lock:
            book = self._books.get(tenant)
            if book is None or book.is_old:
                book = self._books[tenant] = Book(self._limits(tenant), book)
        return book

    def _limits(self, tenant: str) -> Tenant:
        found = (
            find_tenant(self._transactions.resources.database, tenant)
            if self._transactions
            else None
        )
        return found or Tenant(tenant, 6_000, 64)


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a rate is left.

    Attributes:
        most: Requests that may come at once.
        left: Of them, at this moment.
        full_s: Seconds until all may come at once again.
    """

    most: int
    left: int
    full_s: int

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As a client is told.

        Source: draft-ietf-httpapi-ratelimit-headers-10.
        """
        policy, left = f'"requests";q={self.most};w={_WINDOW_S}', f'"requests";r={self.left}'
        return [
            (b"ratelimit-policy", policy.encode()),
            (b"ratelimit", f"{left};t={self.full_s}".encode()),
        ]


class Book:
    """The requests of one tenant: a bucket that fills evenly, and a count of those under way."""

    _FRESH_S = 10.0

    def __init__(self, limits: Tenant, before: "Book | None") -> None:
        self._limits = limits
        self._made = time.monotonic()
        self._filled = self._made
        # Enough for a short burst; a new book takes over what the old one had counted.
        self._most = max(1.0, limits.requests_per_minute * _WINDOW_S / 60)
        self._left: float = min(self._most, before._left) if before else self._most
        self._inside: _Count = before._inside if before else _Count()
        self._lock = threading.Lock()

    @property
    def is_old(self) -> bool:
        """Whether the tenant's limits should be read again."""
        return time.monotonic() - self._made > self._FRESH_S

    def standing(self) -> Standing:
        """How much of the rate is left."""
        with self._lock:
            a_second = self._fill()
            full_s = math.ceil((self._most - self._left) / a_second) if a_second else 60
            return Standing(int(self._most), int(self._left), full_s)

    def _fill(self) -> float:
        """Add what time has brought; answers requests a second."""
        now, a_second = time.monotonic(), self._limits.requests_per_minute / 60
        self._left = min(self._most, self._left + (now - self._filled) * a_second)
        self._filled = now
        return a_second

    def enter(self) -> Callable[[], None]:
        """Count a request in; answers what counts it out again.

        Raises:
            ProblemError: `tenant.rate`, `tenant.concurrency`.
        """
        with self._lock:
            a_second = self._fill()
            if self._left < 1:
                wait_s = int((1 - self._left) / a_second) + 1 if a_second else 60
                raise ProblemError(
                    429,
                    "tenant.rate",
                    f"this tenant may send {self._limits.requests_per_minute} requests a minute",
                    wait_s,
                )
            if not self._inside.add(self._limits.concurrent):
                raise ProblemError(
                    429,
                    "tenant.concurrency",
                    f"this tenant may have {self._limits.concurrent} requests under way",
                    1,
                )
            self._left -= 1
        return self._inside.remove


class _Count:
    """How many are inside."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def add(self, most: int) -> bool:
        with self._lock:
            if self._count >= most:
                return False
            self._count += 1
            return True

    def remove(self) -> None:
        with self._lock:
            self._count -= 1


@dataclass(frozen=True)
class Allow:
    """The dependency of a route that wants one of some scopes.

    Attributes:
        scopes: One of them is enough.
        upload: Whether upload tokens open it too.
        anybody: Whether every key opens it, whatever its scopes.
        watch: Whether a device that handed its transaction over still may.
    """

    scopes: tuple[str, ...]
    upload: bool = False
    anybody: bool = False
    watch: bool = False

    def check(self, principal: Principal) -> None:
        """Hold a caller to what its key allows.

        Raises:
            ProblemError: `auth.scope`, `device.handed_over`.
        """
        if principal.watches and self.upload and not self.watch:
            raise ProblemError(
                403, "device.handed_over", "another device goes on with this transaction"
            )
        if principal.transaction:
            open_ = self.upload
        else:
            open_ = self.anybody or not principal.scopes.isdisjoint(self.scopes)
        if not open_:
            raise ProblemError(
                403, "auth.scope", f"this wants a key with scope {' or '.join(self.scopes)}"
            )

    async def __call__(
        self,
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Principal:
        """Who was let in: see `entry`, which asks before any body is read."""
        del credentials  # named for the description of the API alone
        principal: Principal = request.state.principal
        return principal


def allow(*scopes: str) -> Allow:
    """A dependency that lets in keys with one of some scopes."""
    return Allow(scopes)
