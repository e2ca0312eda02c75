"""`veridical verify`: one transaction from files."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veridical.chip import read_chip
from veridical.cli.console import print_verdict
from veridical.cli.exits import Exit
from veridical.cli.missing import AllowMissing
from veridical.errors import InputError
from veridical.media import read_audio, read_clip, read_image, read_image_with_info, sniff
from veridical.models.quota import cpu_quota
from veridical.result import Outcome
from veridical.signals import SignalFacts
from veridical.types import Challenge, Clip, Image, Template
from veridical.verification import Settings, Transaction, Verifier, load_verifier, verdict_to_json
from veridical.verification.inputs import parse_facts, read_schedule, sha256_of
from veridical.verification.references import face_reference, voice_reference

if TYPE_CHECKING:
    from veridical.gallery import Gallery

__all__ = ["FACES", "VOICES", "verify"]

FACES, VOICES = "customers", "customers.voice"
"""Galleries of the service's customers; `veridical gallery enrol` fills the first as well."""

Picture = Annotated[Path | None, typer.Option(help="Picture file: JPEG, PNG or WebP.")]


def verify(
    document_front: Picture = None,
    document_back: Picture = None,
    chip: Annotated[
        Path | None, typer.Option(help="Files of the document's chip: a folder or a zip.")
    ] = None,
    selfie: Picture = None,
    clip: Annotated[
        Path | None, typer.Option(help="Recording of the applicant: mp4, mov, webm, mkv, avi, mpg.")
    ] = None,
    voice: Annotated[
        Path | None, typer.Option(help="Sound recorded on its own: wav, flac, mp3, ogg.")
    ] = None,
    digits: Annotated[str, typer.Option(help="The digits the applicant was to read.")] = "",
    language: Annotated[str, typer.Option(help="Language of the digits: en or zh.")] = "en",
    schedule: Annotated[
        Path | None,
        typer.Option(help="JSON file: list of the times, in ms, at which each digit was shown."),
    ] = None,
    policy: Annotated[
        str, typer.Option(help="Name of a shipped policy, or path of a policy file.")
    ] = "",
    profile: Annotated[str, typer.Option(help="Model set: auto, registry, standard.")] = "",
    reference: Annotated[
        Path | None,
        typer.Option(help="Picture or recording of the known customer; instead of a document."),
    ] = None,
    reference_voice: Annotated[
        Path | None, typer.Option(help="Sound or recording of the known customer's voice.")
    ] = None,
    subject: Annotated[
        str, typer.Option(help="The known customer, as enrolled in this installation's database.")
    ] = "",
    tenant: Annotated[str, typer.Option(help="Whose customer.")] = "default",
    attempt: Annotated[int, typer.Option(min=1, help="Number of this attempt.")] = 1,
    facts: Annotated[
        str,
        typer.Option(help="Numbers the policy's rules ask for, as JSON: '{\"amount\": 5000}'."),
    ] = "",
    allow_missing: AllowMissing = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Verify one applicant and print the verdict. Exit code 0 only when accepted."""
    if not any((document_front, document_back, chip, selfie, clip, voice)):
        raise InputError(
            "nothing to verify: give --document-front and --selfie or --clip; see "
            "`veridical verify --help`",
            "usage.no_media",
        )
    if subject and (reference or reference_voice):
        raise InputError(
            "give --subject, whose templates are enrolled, or references as files",
            "usage.reference",
        )
    times = read_schedule(schedule) if schedule else ()
    challenge = Challenge(digits, language, times) if digits else None
    settings = Settings()
    if policy:
        settings.policy = policy
    if profile:
        settings.profile = profile
    settings.allow_missing |= allow_missing
    verifier = load_verifier(settings)
    if cpu_quota() >= 2:
        verifier.executor = ThreadPoolExecutor(1).submit
    front = read_image_with_info(document_front) if document_front else None
    face, voiced = _known(verifier, settings, subject, tenant)
    if reference:
        face = face_reference(verifier, _picture_or_clip(reference))
    if reference_voice:
        sound = read_clip(reference_voice) if _is_clip(reference_voice) else None
        voiced = voice_reference(verifier, sound or read_audio(reference_voice), language)
    verdict = verifier.verify(
        Transaction(
            id="cli",
            document_front=front[0] if front else None,
            document_info=front[1] if front else None,
            document_back=read_image(document_back) if document_back else None,
            chip=read_chip(chip) if chip else None,
            selfie=read_image(selfie) if selfie else None,
            clip=read_clip(clip) if clip else None,
            voice=read_audio(voice) if voice else None,
            challenge=challenge,
            face_reference=face,
            voice_reference=voiced,
            signals=SignalFacts(tenant=tenant, subject=subject),
            attempt=attempt,
            facts=parse_facts(facts),
        )
    )
    if (log := settings.evidence()) is not None:
        given = {
            "document_front": document_front,
            "document_back": document_back,
            "chip": chip,
            "selfie": selfie,
            "clip": clip,
            "voice": voice,
        }
        log.append(
            verdict,
            {kind: sha256_of(path) for kind, path in given.items() if path and path.is_file()},
        )
    if as_json:
        json.dump(verdict_to_json(verdict), sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        print_verdict(verdict)
    if verdict.outcome is not Outcome.ACCEPT:
        raise typer.Exit(Exit.NOT_ACCEPTED)


def _known(
    verifier: Verifier, settings: Settings, subject: str, tenant: str
) -> tuple[Template | None, Template | None]:
    """Face and voice of an enrolled customer; neither without one.

    Raises:
        InputError: `gallery.unknown_subject`: nobody is enrolled under this reference.
        StoreError: The database cannot be read.
    """
    if not subject:
        return None, None
    from veridical.gallery import Gallery  # brings the database with it

    with closing(settings.open_database()) as database:
        keys = settings.keys()
        face, voice = (
            _template(Gallery(database, keys, gallery, model, tenant=tenant), subject)
            for gallery, model in ((FACES, verifier.face_model), (VOICES, verifier.voice_model))
        )
    if face is None:
        raise InputError(
            "nobody is enrolled under this --subject by the recogniser in use: "
            "`veridical gallery enrol`, or give --reference",
            "gallery.unknown_subject",
        )
    return face, voice


def _template(gallery: "Gallery", subject: str) -> Template | None:
    try:
        return gallery.template(subject)
    except InputError:
        return None


def _is_clip(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return sniff(opened.read(256)).startswith("video/")
    except OSError as error:
        raise InputError(
            f"the reference cannot be read: {error.strerror}", "media.missing"
        ) from error


def _picture_or_clip(path: Path) -> Image | Clip:
    return read_clip(path) if _is_clip(path) else read_image(path)
