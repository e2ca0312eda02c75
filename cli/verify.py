"""`veridical verify`: one transaction from files."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from veridical.cli.console import print_verdict
from veridical.cli.exits import Exit
from veridical.cli.missing import AllowMissing
from veridical.errors import InputError
from veridical.media import read_audio, read_clip, read_image, read_image_with_info
from veridical.models.quota import cpu_quota
from veridical.ocr.chip import read_chip
from veridical.result import Outcome
from veridical.types import Challenge
from veridical.verification import Settings, Transaction, load_verifier, verdict_to_json
from veridical.verification.inputs import parse_facts, read_schedule, sha256_of

__all__ = ["verify"]

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
        verifier.beside = ThreadPoolExecutor(1).submit
    front = read_image_with_info(document_front) if document_front else None
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
