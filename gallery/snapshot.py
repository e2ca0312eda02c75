"""How does a large index come back quickly after a restart, without lying open on the disk?

The file is a cache of the database, encrypted in chunks under a key of its own that the current
master key wraps. A deleted entry is overwritten in its chunk at once. A file that is missing,
damaged, older than this format, or whose master key is gone is simply not used: the index is then
made from the database again.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BufferedRandom, BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.errors import StoreError
from veridical.gallery.index import Rows, positions
from veridical.store.keys import KeyProvider, new_key, seal, unseal, unwrap, wrap

__all__ = ["Snapshot", "SnapshotHead"]

CHUNK_ROWS = 1_024
_FORMAT = 1
_HEAD_BYTES = 4_096
_SEAL_BYTES = 12 + 16  # nonce and tag
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class SnapshotHead:
    """What a snapshot says of itself; all of it is bound to the chunks.

    Attributes:
        tenant: Whose gallery.
        gallery: Which one.
        model: Model of the templates.
        dimensions: Of the vectors.
        code_bytes: Bytes of one code.
        revision: The gallery's count of changes that the rows correspond to.
        rows: Entries, removed ones included.
        master_key: Name of the key that wraps the file's own.
        wrapped: The file's key, wrapped, in hexadecimal.
        format: Of the file.
    """

    tenant: str
    gallery: str
    model: str
    dimensions: int
    code_bytes: int
    revision: int
    rows: int
    master_key: str
    wrapped: str
    format: int = _FORMAT

    @property
    def row_bytes(self) -> int:
        """Plain bytes of one entry, without its id."""
        return 4 * self.dimensions + self.code_bytes + 2 + 1


class Snapshot:
    """One gallery's index on disk.

    Args:
        path: Of the file; its folder is made when missing.
        keys: Master keys.
    """

    def __init__(self, path: Path, keys: KeyProvider) -> None:
        self._path = path
        self._keys = keys

    def save(self, rows: Rows, *, tenant: str, gallery: str, model: str, revision: int) -> None:
        """Write all rows to a new file and put it in the old one's place.

        Raises:
            StoreError: The file cannot be written.
        """
        key = new_key()
        head = SnapshotHead(
            tenant=tenant,
            gallery=gallery,
            model=model,
            dimensions=rows.vectors.shape[1],
            code_bytes=rows.codes.shape[1],
            revision=revision,
            rows=len(rows.ids),
            master_key=self._keys.current,
            wrapped=wrap(self._keys, self._keys.current, key).hex(),
        )
        ready = self._path.with_suffix(".new")
        with self._locked(), _store_errors():
            descriptor = os.open(ready, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(asdict(head)).encode("ascii").ljust(_HEAD_BYTES))
                file.write(rows.ids.astype("<i8", copy=False).tobytes())
                for number, part in enumerate(_chunks(head)):
                    plain = _join(rows, part)
                    file.write(seal(key, plain, *_context(head, number, rows.ids[part])))
                file.flush()
                os.fsync(file.fileno())
            ready.replace(self._path)
            _sync_folder(self._path.parent)

    def load(
        self, *, tenant: str, gallery: str, model: str, code_bytes: int
    ) -> tuple[SnapshotHead, Iterator[Rows]] | None:
        """Open the file for one gallery and model.

        Returns:
            Its head, and its rows chunk by chunk; None when there is no usable file. The rows
            raise `StoreError` where a chunk does not verify.
        """
        try:
            with self._path.open("rb") as file:
                head = _read_head(file)
        except (OSError, ValueError, TypeError):
            return None
        wanted = (tenant, gallery, model, code_bytes, _FORMAT)
        if (head.tenant, head.gallery, head.model, head.code_bytes, head.format) != wanted:
            return None
        return head, self._read(head)

    def scrub(self, ids: NDArray[np.int64]) -> None:
        """Overwrite entries that were deleted; a file that cannot be mended is removed.

        Raises:
            StoreError: The file can neither be changed nor removed.
        """
        if not self._path.exists():
            return
        with self._locked(), _store_errors():
            try:
                with self._path.open("r+b") as file:
                    self._scrub(file, ids)
            except (OSError, ValueError, TypeError, StoreError):
                self._path.unlink(missing_ok=True)

    def _scrub(self, file: BufferedRandom, ids: NDArray[np.int64]) -> None:
        head = _read_head(file)
        stored = np.frombuffer(file.read(head.rows * _ID_BYTES), "<i8")
        doomed = positions(stored, ids)
        key = unwrap(self._keys, head.master_key, bytes.fromhex(head.wrapped))
        parts = list(_chunks(head))
        for number in sorted(set((doomed // CHUNK_ROWS).tolist())):
            part = parts[number]
            context = _context(head, number, stored[part])
            file.seek(_offset(head, number))
            size = (part.stop - part.start) * head.row_bytes + _SEAL_BYTES
            rows = _split(unseal(key, file.read(size), *context), stored[part], head)
            where = doomed[(doomed >= part.start) & (doomed < part.stop)] - part.start
            for array in (rows.vectors, rows.births, rows.sexes, rows.codes):
                array[where] = 0
            file.seek(_offset(head, number))
            file.write(seal(key, _join(rows, slice(None)), *context))
        file.flush()
        os.fsync(file.fileno())

    def _read(self, head: SnapshotHead) -> Iterator[Rows]:
        with _store_errors(), self._path.open("rb") as file:
            if _read_head(file) != head:
                raise StoreError("a snapshot was replaced while it was read", "store.snapshot")
            ids = np.frombuffer(file.read(head.rows * _ID_BYTES), "<i8")
            if len(ids) != head.rows:
                raise StoreError("a snapshot breaks off", "store.tampered")
            key = unwrap(self._keys, head.master_key, bytes.fromhex(head.wrapped))
            for number, part in enumerate(_chunks(head)):
                size = (part.stop - part.start) * head.row_bytes + _SEAL_BYTES
                plain = unseal(key, file.read(size), *_context(head, number, ids[part]))
                yield _split(plain, ids[part], head)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from writing the file at the same time."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"a snapshot cannot be read or written: {error.strerror}", "store.snapshot"
        ) from error


def _read_head(file: BufferedReader | BufferedRandom) -> SnapshotHead:
    head = SnapshotHead(**json.loads(file.read(_HEAD_BYTES)))
    if head.rows < 0 or head.dimensions < 1 or head.code_bytes < 0:
        raise ValueError("a snapshot with negative sizes")
    return head


def _chunks(head: SnapshotHead) -> Iterator[slice]:
    for start in range(0, head.rows, CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, head.rows))


def _offset(head: SnapshotHead, number: int) -> int:
    before = _HEAD_BYTES + head.rows * _ID_BYTES
    return before + number * (CHUNK_ROWS * head.row_bytes + _SEAL_BYTES)


def _context(head: SnapshotHead, number: int, ids: NDArray[np.int64]) -> tuple[str | int, ...]:
    return (json.dumps(asdict(head)), number, ids.astype("<i8").tobytes().hex())


def _join(rows: Rows, part: slice) -> bytes:
    arrays = (rows.vectors, rows.codes, rows.births, rows.sexes)
    return b"".join(np.ascontiguousarray(array[part]).tobytes() for array in arrays)


def _split(plain: bytes, ids: NDArray[np.int64], head: SnapshotHead) -> Rows:
    """Undo `_join`; the arrays may be written to."""
    count, buffer, start = len(ids), bytearray(plain), 0
    parts = []
    for kind, width in (("<f4", head.dimensions), ("u1", head.code_bytes), ("<i2", 1), ("u1", 1)):
        parts.append(np.frombuffer(buffer, kind, count * width, start).reshape(count, width))
        start += parts[-1].nbytes
    vectors, codes, births, sexes = parts
    return Rows(ids.astype(np.int64), vectors, births[:, 0], sexes[:, 0], codes)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
