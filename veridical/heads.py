"""How much may a server that is asked say before its answer begins?

The standard library bounds each line of a head, and not how many `100 Continue` come before:
a server that sends them without end costs a core until the connection is cut.
"""

import http.client
import socket
from typing import Any

__all__ = ["BoundedResponse"]

MOST_HEAD_BYTES = 64 * 1024


class BoundedResponse(http.client.HTTPResponse):
    """An answer whose heads, and the lines between the chunks of its body, are bounded together.

    Args:
        sock: Where it is read from.
        more: As the class above takes it.
    """

    def __init__(self, sock: socket.socket, *more: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(sock, *more, **named)
        self.fp: Any = _Lines(self.fp)


class _Lines:
    """A file of which so many bytes are read by lines."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401
        self._file = file
        self._left = MOST_HEAD_BYTES

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._file, name)

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise http.client.LineTooLong("head")
        return line
