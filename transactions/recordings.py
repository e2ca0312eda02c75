"""Recordings of a script: what the applicant is shown, and how the judge gets at the recording."""

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from veridical.consent_recording import (
    Recording,
    RecordingResult,
    RecordingVerifier,
    Script,
    parse_script,
    parse_times,
    result_to_json,
    shipped_scripts,
)
from veridical.consent_recording.script import Question
from veridical.errors import InputError
from veridical.store.transactions import StoredTransaction
from veridical.store.uploads import media_of, medium_pieces
from veridical.store.vault import Vault
from veridical.transactions.customers import FACES, VOICES, Customers
from veridical.transactions.resources import ProblemError, Resources
from veridical.verification import Policy, verdict_to_json
from veridical.wire import KeptRequest

__all__ = [
    "MEDIUM",
    "Judge",
    "LazyJudge",
    "chosen_script",
    "judge_recording",
    "recorded",
    "recording_view",
    "script_view",
    "stamped",
]

MEDIUM = "recording"
"""Kind of the transaction, and of its one medium."""

Judge = Callable[[], RecordingVerifier]


class LazyJudge:
    """Builds what judges recordings when the first one is to be judged: its models are large.

    Args:
        build: Builds it.
    """

    def __init__(self, build: Judge) -> None:
        self._build = build
        self._built: RecordingVerifier | None = None
        self._lock = threading.Lock()

    def __call__(self) -> RecordingVerifier:
        """The judge.

        Raises:
            ModelError: A model is altered.
        """
        with self._lock:
            if self._built is None:
                self._built = self._build()
            return self._built


def chosen_script(name: str, text: str) -> tuple[Script, str]:
    """The script of a transaction, and its TOML as it is kept with it.

    Args:
        name: Of a shipped script; empty when the text is given.
        text: TOML; empty when the name is given.

    Raises:
        ProblemError: `request.malformed`: neither or both are given; `script.unknown`.
        InputError: `script.malformed`.
    """
    if bool(name) == bool(text):
        raise ProblemError(
            422,
            "request.malformed",
            "a recording wants body.script (a name) or body.script_text (TOML), not both",
        )
    if name:
        if name not in shipped_scripts():
            known = ", ".join(shipped_scripts())
            raise ProblemError(422, "script.unknown", f"no script of that name; there are {known}")
        file = files("veridical.consent_recording") / "scripts" / f"{name}.toml"
        text = file.read_text(encoding="utf-8")
    return parse_script(text.encode(), "the script"), text


def script_view(text: str) -> dict[str, Any]:
    """What a page shows of a script, segment by segment; nothing of how it is judged."""
    script = parse_script(text.encode(), "the script")
    return {
        "id": script.id,
        "version": script.version,
        "sha256": script.sha256,
        "language": script.language,
        "title": script.title,
        "segments": [
            {
                "id": segment.id,
                "kind": segment.kind,
                "text": segment.text,
                **(
                    {"answers": [segment.accept[0], segment.refuse[0]]}
                    if isinstance(segment, Question)
                    else {}
                ),
            }
            for segment in script.segments
        ],
    }


@contextmanager
def recorded(resources: Resources, row: StoredTransaction, vault: Vault) -> Iterator[Path]:
    """What was recorded, decrypted piece by piece into a temporary file of this process alone.

    Raises:
        ProblemError: `transaction.no_media`: it is not kept any more.
        InputError: `media.changed`: it is not what was uploaded.
        StoreError: A piece was altered.
    """
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile() as file:
        with resources.database.reading() as connection:
            medium = next((m for m in media_of(connection, row.id) if m.kind == MEDIUM), None)
            if medium is None:
                raise ProblemError(
                    404,
                    "transaction.no_media",
                    "the recording of this transaction is not kept any more",
                )
            for piece in medium_pieces(connection, vault, medium):
                digest.update(piece)
                file.write(piece)
        file.flush()
        if digest.digest() != medium.sha256:
            raise InputError(
                "the recording is not what was uploaded; upload it again", "media.changed"
            )
        yield Path(file.name)


def judge_recording(
    verifier: RecordingVerifier,
    resources: Resources,
    customers: Customers,
    row: StoredTransaction,
    vault: Vault,
    request: KeptRequest,
    digits: str,
    policy: Policy,
) -> RecordingResult:
    """Judge what an applicant recorded.

    A known customer is compared with the enrolled face, where the policy asks for it, and voice.

    Raises:
        InputError: The recording cannot be used.
        ProblemError: `transaction.no_media`.
        StoreError: The recording was altered.
    """
    script = parse_script(request.script_text.encode(), "the script")
    capture = vault.unseal_json(row.sealed_capture, "capture") if row.sealed_capture else {}
    times = parse_times({"digits": digits, "segments": capture.get("segments", [])}, script)
    subject = request.subject_ref
    face = voice = None
    if subject is not None and customers.knows(row.tenant, subject):
        face = customers.template(row.tenant, subject, FACES, verifier.face_model)
        voice = customers.template(row.tenant, subject, VOICES, verifier.voice_model)
        if voice is not None and voice.language not in ("", script.language):
            voice = None  # its thresholds hold within one language
    facts = request.facts
    with recorded(resources, row, vault) as video:
        recording = Recording(row.id, video, script, times, face, voice, row.attempt, facts)
        return verifier.verify(recording, policy)


def recording_view(result: RecordingResult) -> dict[str, Any]:
    """The verdict with its timeline, as it is kept."""
    plain = result_to_json(result)
    told = verdict_to_json(result.verdict)
    told[MEDIUM] = {key: value for key, value in plain.items() if key not in ("verdict", "format")}
    return told


def stamped(result: RecordingResult, stamp: str) -> RecordingResult:
    """The same with one more stamp on its verdict."""
    verdict = replace(result.verdict, stamps=(*result.verdict.stamps, stamp))
    return replace(result, verdict=verdict)
