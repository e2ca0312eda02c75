"""Is it told to whom it should be, and nowhere else? Webhooks, signed and posted.

Signatures follow the standard-webhooks scheme: HMAC-SHA256 over `id.timestamp.body`.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

An address that a client names is a way to make this server call its neighbours (SSRF). It is
therefore https, every address its name resolves to is public, the connection goes to the very
address that was looked at, and redirects are not followed.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from veridical.errors import InputError
from veridical.heads import BoundedResponse

__all__ = ["Poster", "Send", "check_address", "is_public", "secret_text", "sign"]

SECRET_WORD = "whsec_"  # noqa: S105  the beginning of every secret
TIMEOUT_S = 10.0
DEADLINE_S = 20.0
"""A letter takes no longer, however its receiver divides it."""

Send = Callable[[str, dict[str, str], bytes], int]
"""Posts a body to a URL with headers; answers the status."""


def secret_text(secret: bytes) -> str:
    """A secret as receivers are given it."""
    return SECRET_WORD + base64.b64encode(secret).decode()


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """The value of the `webhook-signature` header.

    Args:
        secret: `whsec_` and the base64 of the key.
        id: Of the message.
        timestamp: Seconds since 1970.
        body: As it is sent.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_WORD))
    mac = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac).decode()}"


def check_address(url: str, allowed_hosts: frozenset[str]) -> SplitResult:
    """Refuse a URL that could never be called; what its name resolves to is looked at later.

    Args:
        url: As a client or operator gave it.
        allowed_hosts: Hosts that may be private or without TLS, as the operator says; `host:port`
            where the port is neither 80 nor 443.

    Raises:
        InputError: `callback.refused`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused("it is no URL") from None
    if f"{host}:{port}" in allowed_hosts or (host in allowed_hosts and port in (None, 80, 443)):
        if parts.scheme not in ("https", "http"):
            raise _refused("it is neither https nor http")
        return parts
    if parts.scheme != "https" or port not in (None, 443):
        raise _refused("it must be https on port 443")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise _refused("it must have a host, and neither credentials nor a fragment")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        if "." not in host.rstrip(".") or host.endswith((".local", ".internal", ".localhost")):
            raise _refused("its host is a local name") from None
        return parts
    if not is_public(literal):
        raise _refused("its address is not public")
    return parts


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one of the internet's, not of this machine or network."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if any(address in network for network in _ENDING_IN_IPV4) or _is_isatap(address):
            return is_public(last)
    return address.is_global and not address.is_multicast


_ENDING_IN_IPV4 = (
    ipaddress.ip_network("::/96"),  # compatible addresses, RFC 4291, section 2.5.5.1
    ipaddress.ip_network("64:ff9b::/96"),  # NAT64, RFC 6052
    ipaddress.ip_network("64:ff9b:1::/48"),  # RFC 8215
)


def _is_isatap(address: ipaddress.IPv6Address) -> bool:
    """Whether an address is made of an IPv4 address by RFC 5214, section 6.1."""
    return (int(address) >> 32) & 0xFCFFFFFF == 0x00005EFE


def _refused(why: str) -> InputError:
    return InputError(f"this address is not called: {why}", "callback.refused")


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts to addresses, after looking at what their names resolve to.

    Attributes:
        allowed_hosts: As `check_address`.
    """

    allowed_hosts: frozenset[str] = frozenset()

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """Post.

        Returns:
            The status; redirects are not followed.

        Raises:
            InputError: `callback.refused`.
            OSError: The host cannot be reached.
        """
        parts = check_address(url, self.allowed_hosts)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        allowed = {host, f"{host}:{port}"} & self.allowed_hosts
        if not allowed and not all(
            is_public(ipaddress.ip_address(address.partition("%")[0])) for address in addresses
        ):
            raise _refused("its name leads to an address that is not public")
        connection = _Pinned(host, port, addresses[0], encrypted=parts.scheme == "https")
        path = parts.path or "/"
        # Every operation has its time-out, and a receiver that drips keeps within it: so all have.
        deadline = threading.Timer(DEADLINE_S, connection.abort)
        deadline.daemon = True
        deadline.start()
        try:
            connection.request(
                "POST", f"{path}?{parts.query}" if parts.query else path, body, headers
            )
            status = connection.getresponse().status
            if connection.aborted:  # what was cut off reads like the end of its head
                raise TimeoutError
            return status
        except http.client.HTTPException as error:
            raise OSError(type(error).__name__) from error
        except UnicodeError as error:
            raise _refused("it cannot be written in ASCII") from error
        finally:
            deadline.cancel()
            connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever its name resolves to by now."""

    response_class = BoundedResponse

    def __init__(self, host: str, port: int, address: str, *, encrypted: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self.aborted = False
        self._address = address
        self._encrypted = encrypted

    def abort(self) -> None:
        """Break off whatever goes on."""
        self.aborted = True
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), TIMEOUT_S)
        if self._encrypted:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)
