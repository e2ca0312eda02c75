"""How is a link to the page for applicants made, and where may the page send them in the end?"""

import hashlib
import secrets

from veridical.store import Connection
from veridical.store.devices import Device, add_device
from veridical.transactions.resources import ProblemError

__all__ = ["LINK_WORD", "check_return_url", "new_link", "sha256_of"]

LINK_WORD = "vl_"
"""The beginning of every link's secret part."""


def sha256_of(secret: str) -> bytes:
    """All that is kept of a secret: 256 bits of chance cannot be searched for."""
    return hashlib.sha256(secret.encode()).digest()


def new_link(connection: Connection, transaction: str, now: int, until: int | None = None) -> str:
    """Make a link; answers what stands after the `#` of its address: the only copy."""
    secret = secrets.token_urlsafe(32)
    add_device(
        connection,
        Device(secrets.token_hex(16), transaction, now, sha256_of(secret), until),
    )
    return f"{LINK_WORD}{transaction}_{secret}"


def check_return_url(url: str, allowed: tuple[str, ...]) -> None:
    """Hold where an applicant is sent to what the tenant allows.

    Raises:
        ProblemError: `return_url.refused`.
    """
    # One that ends with a slash allows what lies below it; any other allows itself.
    if not any(url == each or (each.endswith("/") and url.startswith(each)) for each in allowed):
        raise ProblemError(
            422,
            "return_url.refused",
            "body.return_url is none that the tenant allows; see `veridical tenants brand`",
        )
