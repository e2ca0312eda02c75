"""The files of a chip as an app or a reader hands them in: a folder, or a zip of one."""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from veridical.errors import InputError

__all__ = ["MOST_BYTES", "ChipFiles", "read_chip"]

MOST_FILES = 32
MOST_BYTES = 2 << 20
"""Of all files together; a chip holds 32 to 150 kB, most of it the portrait."""
MOST_SOD_BYTES = 64 << 10
NAME = re.compile(r"(?:EF[._-]?)?(?:(SOD)|DG[._-]?(\d{1,2}))(?:\.\w{1,5})?", re.IGNORECASE)
ACTIVE = re.compile(r"AA[._-]?(CHALLENGE|RESPONSE)(?:\.\w{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ChipFiles:
    """What was read from a chip.

    Attributes:
        sod: EF.SOD, the document security object: what the state signed.
        groups: Data groups by number, 1 to 16.
        challenge: The eight bytes that the chip was asked to sign; empty where it was not asked.
        response: What it answered to INTERNAL AUTHENTICATE.

    Raises:
        InputError: `chip.no_sod`, `chip.malformed`: see the message.
    """

    sod: bytes = field(repr=False)
    groups: Mapping[int, bytes] = field(repr=False)
    challenge: bytes = field(default=b"", repr=False)
    response: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not self.sod:
            raise InputError(
                "the files of a chip must hold EF.SOD beside its data groups: without it nothing "
                "of them can be verified",
                "chip.no_sod",
            )
        if len(self.sod) > MOST_SOD_BYTES:
            raise _malformed(f"EF.SOD has {len(self.sod)} bytes; at most {MOST_SOD_BYTES} are read")
        if bad := [number for number in self.groups if not 1 <= number <= 16]:
            raise _malformed(f"data groups are numbered 1 to 16, got {bad[0]}")
        if sum(map(len, self.groups.values())) > MOST_BYTES:
            raise _malformed(f"the data groups have more than {MOST_BYTES} bytes together")
        if bool(self.challenge) != bool(self.response) or len(self.challenge) not in (0, 8):
            raise _malformed("AA.CHALLENGE (8 bytes) and AA.RESPONSE go together")


def read_chip(source: bytes | Path) -> ChipFiles:
    """Read the files of a chip.

    Names tell what they are, in upper or lower case and with any ending: `EF.SOD`, `DG1` to `DG16`,
    `AA.CHALLENGE` and `AA.RESPONSE`. Other files are left alone.

    Args:
        source: A folder, a zip file, or the bytes of one.

    Raises:
        InputError: `chip.missing`, `chip.no_sod`, `chip.malformed`.
    """
    if isinstance(source, Path) and source.is_dir():
        paths = sorted(path for path in source.iterdir() if path.is_file())
        return _sorted((path.name, _bounded(path)) for path in paths if _wanted(path.name))
    if isinstance(source, Path):
        if not source.is_file():
            raise InputError(f"no folder or zip of chip files at {source}", "chip.missing")
        source = _bounded(source)
    return _sorted(_unzipped(source))


def _wanted(name: str) -> bool:
    return bool(NAME.fullmatch(name) or ACTIVE.fullmatch(name))


def _bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"the chip file {path.name} cannot be read: {error.strerror}", "chip.missing"
        ) from error
    if len(content) > MOST_BYTES:
        raise _malformed(f"a file has more than {MOST_BYTES} bytes")
    return content


def _unzipped(content: bytes) -> Iterable[tuple[str, bytes]]:
    """Files of a zip, read no further than the bounds whatever its directory says."""
    if len(content) > MOST_BYTES:
        raise _malformed(f"the zip has more than {MOST_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise _malformed(f"the zip holds {len(entries)} files; at most {MOST_FILES}")
            left, found = MOST_BYTES, []
            for entry in entries:
                name = entry.filename.rsplit("/", 1)[-1]
                if not _wanted(name):
                    continue
                with archive.open(entry) as stream:
                    data = stream.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise _malformed(f"the zip holds more than {MOST_BYTES} bytes")
                found.append((name, data))
            return found
    except InputError:
        raise
    except Exception as error:  # zipfile raises errors of many kinds for broken archives
        raise _malformed("no zip that can be read: send the chip's files as a plain zip") from error


def _sorted(named: Iterable[tuple[str, bytes]]) -> ChipFiles:
    sod, groups, active = b"", dict[int, bytes](), dict[str, bytes]()
    for name, data in named:
        if match := NAME.fullmatch(name):
            number = int(match[2] or 0)
            if (sod if match[1] else number in groups) or (not match[1] and not number):
                raise _malformed(f"two files, or a number that is none: {name!r}")
            if match[1]:
                sod = data
            else:
                groups[number] = data
        elif match := ACTIVE.fullmatch(name):
            active[match[1].upper()] = data
    return ChipFiles(sod, groups, active.get("CHALLENGE", b""), active.get("RESPONSE", b""))


def _malformed(message: str) -> InputError:
    return InputError(message, "chip.malformed")
