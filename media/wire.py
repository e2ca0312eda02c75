"""How do the parent and the decoder process talk? Length-prefixed bytes, with open files beside."""

import socket
import struct
from collections.abc import Sequence

__all__ = ["receive", "send"]

_LENGTH = struct.Struct("!I")
_MAX_MESSAGE = 1 << 20


def send(connection: socket.socket, message: bytes, files: Sequence[int] = ()) -> None:
    """Send one message; `files` are duplicated into the receiving process."""
    socket.send_fds(connection, [_LENGTH.pack(len(message))], list(files))
    connection.sendall(message)


def receive(connection: socket.socket, max_files: int = 0) -> tuple[bytes, list[int]]:
    """Wait for one message and the files sent beside it.

    Raises:
        EOFError: The other side hung up, or claims a message of absurd length.
    """
    head, files, _, _ = socket.recv_fds(connection, _LENGTH.size, max_files)
    head += _exactly(connection, _LENGTH.size - len(head)) if head else b""
    if not head:
        raise EOFError("the other side hung up")
    (length,) = _LENGTH.unpack(head)
    if length > _MAX_MESSAGE:
        raise EOFError("the other side sends nonsense")
    return _exactly(connection, length), files


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise EOFError("the other side hung up")
        parts += part
    return bytes(parts)
