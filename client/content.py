"""What does an upload send, and what is its digest?"""

import base64
import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["Content", "Source"]

CHUNK_BYTES = 1 << 18

Source = bytes | Path | str | BinaryIO
"""A medium: its bytes, the path of its file, or a binary stream."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """Bytes that can be sent again when an attempt fails.

    Attributes:
        sha256: Digest of all of them.
        size: Their number.
    """

    sha256: bytes
    size: int
    _source: Path | BinaryIO
    _start: int = 0

    @classmethod
    def of(cls, source: Source) -> "Content":
        """Read a source once, for its size and digest.

        A stream is read from where it stands and never closed. One that cannot be wound back is
        copied into memory: a retry must send the same bytes.

        Raises:
            OSError: The file or stream cannot be read.
        """
        if isinstance(source, str | os.PathLike):
            path = Path(source)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
                return cls(digest, file.tell(), path)
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        if not stream.seekable():
            stream = io.BytesIO(stream.read())
        start, total = stream.tell(), hashlib.sha256()
        while chunk := stream.read(CHUNK_BYTES):
            total.update(chunk)
        return cls(total.digest(), stream.tell() - start, stream, start)

    @property
    def digest_header(self) -> str:
        """Value of the Content-Digest header (RFC 9530)."""
        return f"sha-256=:{base64.b64encode(self.sha256).decode()}:"

    def chunks(self) -> Iterator[bytes]:
        """The bytes from the start, in pieces."""
        if isinstance(self._source, Path):
            with self._source.open("rb") as file:
                yield from _pieces(file)
        else:
            self._source.seek(self._start)
            yield from _pieces(self._source)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk
