"""Consented recordings with their labels, kept in a folder that `evaluate` and `calibrate` read.

qa/<id>/clip.webm ...     the media of one recording
qa/transactions.jsonl     `veridical evaluate transactions`, `veridical calibrate --qa`
qa/silent.csv             `veridical evaluate silent`, `veridical calibrate silent`
qa/lips.csv               `veridical evaluate lips`
qa/digits.csv             `veridical evaluate digits`
qa/consent.csv            who agreed to which text, when
"""

import csv
import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from veridical.errors import InputError, StoreError
from veridical.evaluation.qa_protocol import PROTOCOL
from veridical.languages import Language
from veridical.media import sniff
from veridical.reading import read_json

__all__ = ["About", "QaFolder"]

KINDS = ("document_front", "document_back", "selfie", "clip", "voice")
ENDINGS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/x-matroska": "webm",
}
COLUMNS: Mapping[str, Sequence[str]] = {
    "silent.csv": ("file", "label", "species", "presentation", "group"),
    "lips.csv": ("file", "text", "language", "speaker", "label"),
    "digits.csv": ("file", "digits", "language", "speaker"),
    "consent.csv": ("id", "participant", "text_version", "recorded_at"),
}
Species = Literal[
    "", "print", "phone", "tablet", "laptop", "screen", "mask", "video", "injection", "document",
    "other",
]  # fmt: skip
Setting = Literal["", "still", "talking", "lamp_on", "lamp_off", "moves"]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


Moment = Annotated[float, Field(ge=0, lt=120_000)]


class QaColours(_Wire):
    """The colours that were shown."""

    shown: Annotated[list[Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]], Field(max_length=80)]
    starts_ms: Annotated[list[Moment], Field(max_length=80)]
    end_ms: Moment
    draw: Annotated[int, Field(ge=1, le=100)] = 1


class QaTurns(_Wire):
    """The turns of the head that were asked for."""

    directions: Annotated[
        list[Annotated[str, Field(pattern="^[a-z_]{1,16}$")]], Field(max_length=8)
    ]
    starts_ms: Annotated[list[Moment], Field(max_length=8)]
    end_ms: Moment


class QaChallenge(_Wire):
    """The challenge of a recording."""

    digits: Annotated[str, Field(pattern=r"^([0-9]{4,8})?$")] = ""
    language: Language
    schedule_ms: Annotated[list[Moment], Field(max_length=8)] = []
    colours: QaColours | None = None
    turns: QaTurns | None = None


class About(_Wire):
    """What is known of a recording.

    Attributes:
        transaction: Id of the transaction it was made for.
        policy: Name of its policy.
        attack: Species; empty for a genuine person.
        setting: Which genuine recording of the protocol; empty for another one.
        participant: Code of who was recorded; never a name.
        consent: Version of the text the participant agreed to.
        attempt: From 1.
        challenge: What was asked; None without.
        shown_ms: When the page painted each digit.
    """

    transaction: Code
    policy: Code
    attack: Species
    setting: Setting = ""
    participant: Code
    consent: Code
    attempt: Annotated[int, Field(ge=1, le=100)] = 1
    challenge: QaChallenge | None = None
    shown_ms: Annotated[list[int], Field(max_length=8)] = []

    @classmethod
    def of(cls, text: str) -> "About":
        """Read what the page sent.

        Raises:
            InputError: `qa.malformed`; the message names places, not values.
        """
        try:
            return cls.model_validate(read_json(text, where="about", code="qa.malformed"))
        except ValidationError as error:
            places = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
            raise InputError(
                f"missing or malformed in `about`: {', '.join(places)}", "qa.malformed"
            ) from error


class QaFolder:
    """Keeps labelled recordings; safe in many threads of one process.

    Args:
        folder: Made when it is not there, readable by its owner only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, about: About, media: Mapping[str, bytes]) -> str:
        """Keep one recording; answers its id.

        Indexes are written last: a recording that was cut short is in none of them.

        Raises:
            InputError: `qa.no_media`, or a medium is none that the project reads.
            StoreError: `qa.not_written`: the disk is full, or the folder cannot be written.
        """
        names = {kind: _named(kind, data) for kind, data in media.items() if kind in KINDS and data}
        if not names:
            raise InputError(f"nothing to keep: send {', '.join(KINDS)}", "qa.no_media")
        now = datetime.now(UTC)
        entry = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        try:
            with self._lock:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                (self._folder / entry).mkdir(mode=0o700)
                for kind, name in names.items():
                    (self._folder / entry / name).write_bytes(media[kind])
                self._index(entry, about, names, now)
        except OSError as error:
            shutil.rmtree(self._folder / entry, ignore_errors=True)
            raise StoreError(
                f"the recording could not be kept: {error.strerror}", "qa.not_written"
            ) from error
        return entry

    def _index(self, entry: str, about: About, names: Mapping[str, str], now: datetime) -> None:
        paths = {kind: f"{entry}/{name}" for kind, name in names.items()}
        self._row("consent.csv", entry, about.participant, about.consent, now.isoformat())
        genuine, asked = not about.attack, about.challenge
        face = paths.get("clip") or paths.get("selfie")
        if face and about.attack != "document":
            label = "bona_fide" if genuine else "attack"
            self._row("silent.csv", face, label, about.attack, entry, about.participant)
        if "clip" in paths and asked is not None and asked.digits and about.attack != "document":
            label = about.attack or "genuine"
            self._row("lips.csv", paths["clip"], "", asked.language, about.participant, label)
            if genuine:
                self._row(
                    "digits.csv", paths["clip"], asked.digits, asked.language, about.participant
                )
        row: dict[str, object] = {"id": entry, "policy": about.policy, **paths}
        row["attempt"] = about.attempt
        if asked is not None:
            row["challenge"] = asked.model_dump(exclude_none=True)
        row["metadata"] = {
            "transaction": about.transaction,
            "participant": about.participant,
            "setting": about.setting,
            "shown_ms": json.dumps(about.shown_ms),
        }
        row["expect"] = {"outcome": "accept" if genuine else "reject"}
        if not genuine:
            row["attack"] = about.attack
        with self._opened("transactions.jsonl") as stream:
            stream.write(json.dumps(row) + "\n")

    def _row(self, name: str, *values: str) -> None:
        path = self._folder / name
        head = not path.exists()
        with self._opened(name) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            if head:
                writer.writerow(COLUMNS[name])
            writer.writerow(values)

    def _opened(self, name: str) -> TextIO:
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", newline="")

    def lacking(self) -> dict[str, tuple[str, ...]]:
        """What is not yet recorded of each participant, by the protocol."""
        path = self._folder / "transactions.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        there: dict[str, set[str]] = {}
        for row in map(json.loads, lines):
            known = row["metadata"]
            own = there.setdefault(known["participant"], set())
            own.add(row.get("attack") or known.get("setting", ""))
        return {
            participant: tuple(one.name for one in PROTOCOL if one.name not in own)
            for participant, own in sorted(there.items())
        }

    def forget(self, participant: str) -> int:
        """Remove every recording of a participant who withdraws; answers their number."""
        with self._lock:
            consents = self._folder / "consent.csv"
            if not consents.is_file():
                return 0
            with consents.open(encoding="utf-8", newline="") as stream:
                gone = {
                    row["id"] for row in csv.DictReader(stream) if row["participant"] == participant
                }
            for name in (*COLUMNS, "transactions.jsonl"):
                self._without(self._folder / name, gone)
            for entry in gone:
                shutil.rmtree(self._folder / entry, ignore_errors=True)
        return len(gone)

    @staticmethod
    def _without(path: Path, gone: set[str]) -> None:
        """Rewrite an index without the rows of some recordings."""
        if not path.is_file():
            return
        kept = [
            line
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
            if not gone & set(re.findall(r"\d{8}T\d{6}-[0-9a-f]{6}", line))
        ]
        new = path.with_suffix(".new")
        new.touch(0o600)
        new.write_text("".join(kept), encoding="utf-8")
        new.replace(path)


def _named(kind: str, data: bytes) -> str:
    """A file name whose ending says what the content is."""
    ending = ENDINGS.get(sniff(data[:256]))
    if ending is None:
        raise InputError(f"{kind} is neither a picture nor a recording", "qa.not_media")
    return f"{kind}.{ending}"
