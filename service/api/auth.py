"""Who calls, may they, and how often?

Every route but the probes names the scopes that open it: `Depends(allow("transactions:read"))`.
"""

import hmac
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from veridical.service.transactions import Principal, ProblemError, TransactionService
from veridical.service.transactions.service import TOKEN_WORD
from veridical.store.tenants import (
    KEY_WORD,
    ApiKey,
    Tenant,
    environment_of,
    find_api_key,
    find_tenant,
)

__all__ = ["DEFAULT_TENANT", "ROLES", "SCOPES", "Access", "Allow", "Principal", "allow"]

DEFAULT_TENANT = "default"
SCOPES: Mapping[str, str] = {
    "transactions:write": "start transactions, hand in media, submit, cancel",
    "transactions:read": "see transactions with their scores",
    "transactions:erase": "erase transactions",
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
}
ROLES: Mapping[str, tuple[str, ...]] = {
    "onboarding": ("transactions:write", "catalogue:read"),
    "backend": ("transactions:write", "transactions:read", "transactions:erase", "catalogue:read"),
    "reviewer": ("transactions:read", "reviews", "catalogue:read"),
    "auditor": ("evidence:read", "catalogue:read"),
    "monitor": ("metrics:read",),
    "all": tuple(SCOPES),
}
"""Sets of scopes that go together."""

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
        everyone: Whether callers without any key are let in as the default tenant.
    """

    def __init__(
        self, transactions: TransactionService | None, api_key: SecretStr | None, *, everyone: bool
    ) -> None:
        self._transactions = transactions
        self._api_key = api_key
        self._everyone = everyone
        self._books: dict[str, _Book] = {}
        self._lock = threading.Lock()

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
        if self._everyone and not credential:
            return Principal(DEFAULT_TENANT, whole, name="nobody")
        if not credential:
            raise ProblemError(
                401, "auth.required", "send an API key as `Authorization: Bearer KEY`"
            )
        raise ProblemError(401, "auth.invalid", "the key is unknown, revoked or expired")

    def enter(self, tenant: str) -> Callable[[], None]:
        """Count a request in; answers what counts it out again.

        Raises:
            ProblemError: `tenant.rate`, `tenant.concurrency`.
        """
        with self._lock:
            book = self._books.get(tenant)
            if book is None or book.is_old:
                book = self._books[tenant] = _Book(self._limits(tenant), book)
        book.enter()
        return book.leave

    def _limits(self, tenant: str) -> Tenant:
        found = (
            find_tenant(self._transactions.resources.database, tenant)
            if self._transactions
            else None
        )
        return found or Tenant(tenant, 6_000, 64)


class _Book:
    """The requests of one tenant: a bucket that fills evenly, and a count of those under way."""

    _FRESH_S = 10.0

    def __init__(self, limits: Tenant, before: "_Book | None") -> None:
        self._limits = limits
        self._made = time.monotonic()
        self._filled = self._made
        # Enough for a short burst; a new book takes over what the old one had counted.
        self._most = max(1.0, limits.requests_per_minute / 6)
        self._left: float = min(self._most, before._left) if before else self._most
        self._inside: _Count = before._inside if before else _Count()
        self._lock = threading.Lock()

    @property
    def is_old(self) -> bool:
        """Whether the tenant's limits should be read again."""
        return time.monotonic() - self._made > self._FRESH_S

    def enter(self) -> None:
        with self._lock:
            now, a_second = time.monotonic(), self._limits.requests_per_minute / 60
            self._left = min(self._most, self._left + (now - self._filled) * a_second)
            self._filled = now
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

    def leave(self) -> None:
        self._inside.remove()


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
    """

    scopes: tuple[str, ...]
    upload: bool = False
    anybody: bool = False

    def __call__(
        self,
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Iterator[Principal]:
        """Let a caller in, count it, and count it out when it is answered.

        Raises:
            ProblemError: `auth.required`, `auth.invalid`, `auth.scope`, `tenant.rate`,
                `tenant.concurrency`.
        """
        access: Access = request.app.state.service.access
        principal = access.principal(credentials.credentials if credentials else "")
        request.state.tenant = principal.tenant
        request.state.key = principal.name
        if principal.transaction:
            open_ = self.upload
        else:
            open_ = self.anybody or not principal.scopes.isdisjoint(self.scopes)
        if not open_:
            raise ProblemError(
                403, "auth.scope", f"this wants a key with scope {' or '.join(self.scopes)}"
            )
        leave = access.enter(principal.tenant)
        try:
            yield principal
        finally:
            leave()


def allow(*scopes: str) -> Allow:
    """A dependency that lets in keys with one of some scopes."""
    return Allow(scopes)
