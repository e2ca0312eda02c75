"""Master keys in a file that may change while services use it.

Keys turn over in steps, none of which a running replica notices but by reading the file anew: a new
key is added beside the others, then used, every data key is wrapped with it, and the old one is
retired. Every step replaces the file as a whole, so that nobody reads half of one.
"""

import base64
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from veridical.errors import StoreError
from veridical.store.keys import MasterKeys, new_key

__all__ = ["KeyFile", "add_key", "key_word", "retire_key", "use_key"]


class KeyFile:
    """Master keys as a file has them at each moment; the last is the current one.

    A replica that meets a key it does not know reads the file once more before it gives up. Safe in
    many threads.

    Args:
        path: Lines `name:base64`, oldest first, mode 0600.

    Raises:
        StoreError: `store.keys`: the file is missing, malformed or open to others.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self._keys = MasterKeys.from_file(path)

    @property
    def current(self) -> str:
        """Name of the key that new data keys are wrapped with."""
        return self._fresh().current

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all keys, oldest first."""
        return self._fresh().names

    def key(self, name: str) -> bytes:
        """The 32 bytes of one key.

        Raises:
            StoreError: `store.key_unknown`.
        """
        if name in self._keys.names:
            return self._keys.key(name)
        return self._fresh().key(name)

    def _fresh(self) -> MasterKeys:
        """The keys, read anew where the file changed; those known where it cannot be used."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return self._keys
        with self._lock:
            try:
                self._keys = MasterKeys.from_file(self._path)
            except StoreError:
                return self._keys
            self._stamp = stamp
        return self._keys


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def key_word() -> tuple[str, bytes]:
    """A new key: its name, and its 32 bytes."""
    return f"k{secrets.token_hex(4)}", new_key()


def add_key(path: Path) -> str:
    """Add a new key to a file: whoever reads it can open with the key, nobody wraps with it yet.

    Returns:
        The new key's name.
    """
    name, key = key_word()
    _rewrite(path, lambda keys: {name: key, **keys})
    return name


def use_key(path: Path, name: str) -> None:
    """Make a key the one that new data keys are wrapped with.

    Raises:
        StoreError: `store.key_unknown`.
    """
    _rewrite(path, lambda keys: {k: v for k, v in keys.items() if k != name} | {name: keys[name]})


def retire_key(path: Path, name: str) -> Callable[[], None]:
    """Take a key out of a file.

    Returns:
        What puts it back, for a caller that finds it is needed after all.

    Raises:
        StoreError: `store.key_unknown`; `store.keys`: it is the current one.
    """
    before = MasterKeys.from_file(path)
    key = before.key(name)
    if name == before.current:
        raise StoreError("the current master key is not retired; use another first", "store.keys")
    _rewrite(path, lambda keys: {k: v for k, v in keys.items() if k != name})
    return lambda: _rewrite(path, lambda keys: {name: key, **keys})


def _rewrite(path: Path, change: Callable[[Mapping[str, bytes]], Mapping[str, bytes]]) -> None:
    found = MasterKeys.from_file(path)
    try:
        changed = change({name: found.key(name) for name in found.names})
    except KeyError as error:
        raise StoreError(
            "no such master key; `veridical keys list` names them", "store.key_unknown"
        ) from error
    lines = [f"{name}:{base64.b64encode(key).decode('ascii')}\n" for name, key in changed.items()]
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
