"""Where do a manifest and the media it names lie: in a folder, or in a store far away?"""

# pyright: reportMissingImports=false

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from veridical.errors import InputError, StoreError

__all__ = ["Folder", "Remote", "Source", "local_copy", "parent_of", "source_at"]


class Source(Protocol):
    """A place that media are read from by name."""

    def medium(self, name: str, max_bytes: int) -> bytes | Path:
        """One medium, as the decoders take it.

        Args:
            name: As the manifest gives it.
            max_bytes: More is not read.

        Raises:
            InputError: `media.missing`, `media.too_large`, or a name that leads elsewhere.
            StoreError: `store.unreachable`: the place does not answer.
        """
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a medium; what it holds is not looked at.

        Raises:
            InputError: A name that leads elsewhere.
            StoreError: `store.unreachable`.
        """
        ...


class Folder:
    """A local folder; names are paths relative to it, or absolute."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def medium(self, name: str, max_bytes: int) -> Path:
        """See `Source.medium`; the decoder itself opens the file under its limits."""
        return self._path / name

    def has(self, name: str) -> bool:
        """See `Source.has`."""
        return (self._path / name).is_file()


class Remote:
    """A folder behind any URL that fsspec knows, such as `s3://bucket/2026`.

    A name may only lead further down: whoever writes a manifest must not be able to make the
    workers read with their credentials what lies elsewhere.

    Args:
        url: The folder.

    Raises:
        InputError: `usage.url`: fsspec, or its driver for this kind of URL, is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            # Heavy, and needed only for media that lie elsewhere.
            from fsspec.core import url_to_fs

            self._files, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise InputError(
                f"{url.partition('://')[0]}:// cannot be read here: install veridical[remote] "
                "and the fsspec driver for it",
                "usage.url",
            ) from error

    def medium(self, name: str, max_bytes: int) -> bytes:
        """See `Source.medium`."""
        _check_relative(name)
        with _translated(), self.open(name) as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise InputError(
                f"at most {max_bytes} bytes are read of a medium, this one is longer",
                "media.too_large",
            )
        return data

    def has(self, name: str) -> bool:
        """See `Source.has`."""
        _check_relative(name)
        with _translated():
            return bool(self._files.isfile(f"{self._root.rstrip('/')}/{name}"))

    def open(self, name: str) -> BinaryIO:
        """Open one file for reading; raises whatever the driver raises."""
        return cast("BinaryIO", self._files.open(f"{self._root.rstrip('/')}/{name}", "rb"))


def _check_relative(name: str) -> None:
    if "://" in name or "\\" in name or name.startswith("/") or ".." in name.split("/"):
        raise InputError(
            "media beside a remote manifest are named relative to it, without '..'",
            "manifest.malformed",
        )


def source_at(location: str | Path) -> Source:
    """The source at a folder's path or URL.

    Raises:
        InputError: As `Remote`.
    """
    return Remote(str(location)) if _is_url(location) else Folder(Path(location))


def parent_of(location: str | Path) -> str:
    """The folder, as a path or URL, that a file lies in."""
    return str(location).rpartition("/")[0] if _is_url(location) else str(Path(location).parent)


def local_copy(location: str | Path, folder: Path) -> Path:
    """A manifest as a local file: where it lies, or copied into a folder piece by piece.

    Args:
        location: Path or URL of the manifest.
        folder: Takes the copy; made when it does not exist.

    Raises:
        InputError: `usage.no_file`: there is no such file; `usage.url`, as `Remote`.
        StoreError: `store.unreachable`.
    """
    if not _is_url(location):
        return Path(location)
    url = str(location)
    remote = Remote(parent_of(url))
    name = url.rpartition("/")[2]
    target = folder / f"manifest{Path(name).suffix}"
    folder.mkdir(parents=True, exist_ok=True)

    try:
        with _translated(), remote.open(name) as source, target.open("wb") as copied:
            shutil.copyfileobj(source, copied)
    except InputError as error:
        raise InputError(f"no manifest {url}", "usage.no_file") from error
    return target


def _is_url(location: str | Path) -> bool:
    return isinstance(location, str) and "://" in location


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what a driver of fsspec raises into this project's errors."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError("no such file where the manifest's media lie", "media.missing") from error
    except Exception as error:
        # Every driver raises errors of its own; their texts may quote credentials.
        raise StoreError(
            f"the place of the media does not answer ({type(error).__name__}); "
            "look at it and go on with --resume",
            "store.unreachable",
        ) from None
