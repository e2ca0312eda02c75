"""`veridical recording ...`: recorded consent, judged against its script."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from veridical.cli.console import STATUS_STYLES, open_console, print_verdict
from veridical.cli.exits import Exit
from veridical.cli.voice import template_or_recording
from veridical.consent_recording import (
    Recording,
    RecordingResult,
    SegmentTimes,
    load_recording_verifier,
    load_script,
    load_times,
    result_to_json,
    shipped_scripts,
)
from veridical.consent_recording.report import embedded, recording_report
from veridical.consent_recording.script import Question
from veridical.consent_recording.timeline import say
from veridical.consent_recording.verifier import Progress
from veridical.errors import InputError
from veridical.languages import LANGUAGES, spoken
from veridical.result import Outcome, Status
from veridical.verification import Settings, load_policy

__all__ = ["app", "lint", "scripts", "verify"]

app = typer.Typer(
    no_args_is_help=True, help="Recorded consent: judge a video against the script it was to hold."
)

STAGES = {"sound": "sound", "words": "what was said", "picture": "who was there"}


@app.command()
def verify(
    video: Annotated[Path, typer.Argument(help="Recording, up to 5 minutes: mp4, mov, webm, mkv.")],
    script: Annotated[
        str, typer.Option("--script", help="Name of a shipped script, or path of a script file.")
    ],
    segments: Annotated[
        Path | None,
        typer.Option(
            "--segments",
            help='JSON: {"digits": "402913", "segments": [{"id", "start_s", "end_s"}, …]}; without '
            "times the segments are found by what was said.",
        ),
    ] = None,
    digits: Annotated[str, typer.Option("--digits", help="The digits that were to be read.")] = "",
    voice_reference: Annotated[
        Path | None,
        typer.Option(
            "--voice-reference", help="Template made by `veridical voice enrol`, or a recording."
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", help="Name of a shipped policy, or path of a policy file.")
    ] = "recording",
    profile: Annotated[
        str, typer.Option("--profile", help="Model set: auto, registry, standard.")
    ] = "",
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the review page to this HTML file.")
    ] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Put the video into the page instead of a link to it.")
    ] = False,
    language: Annotated[
        str, typer.Option("--language", help="Of texts and page: en or zh; the script's own else.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Judge a recording segment by segment. Exit code 0 only when accepted.

    Says what happened when: who left or came, which words were missing or altered, who refused.
    """
    if language not in ("", *LANGUAGES):
        raise InputError(f"texts are in {spoken()}, got {language[:20]!r}", "usage.language")
    wanted = load_script(script)
    times = load_times(segments, wanted) if segments else SegmentTimes()
    if digits:
        times = SegmentTimes(times.spans, digits)
    settings = Settings()
    if profile:
        settings.profile = profile
    asked = load_policy(policy)
    if not asked.for_recordings:
        raise InputError(
            f"policy {asked.id!r} asks nothing of a recording: name one with recording.* checks",
            "policy.other_kind",
        )
    verifier = load_recording_verifier(settings, asked)
    enrolled = template_or_recording(voice_reference, profile) if voice_reference else None
    result = _shown(
        lambda told: verifier.verify(
            Recording("cli", video, wanted, times, voice_reference=enrolled), progress=told
        )
    )
    plain = result_to_json(result, language)
    if report is not None:
        address = embedded(video) if embed else _link(video, report)
        chinese = (language or wanted.language) == "zh"
        page = recording_report(plain, address, "zh" if chinese else "en")
        report.write_text(page, encoding="utf-8")
    if as_json:
        json.dump(plain, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        _print(result, language or wanted.language)
    if result.verdict.outcome is not Outcome.ACCEPT:
        raise typer.Exit(Exit.NOT_ACCEPTED)


@app.command()
def lint(
    script: Annotated[str, typer.Argument(help="Name of a shipped script, or path of a file.")],
) -> None:
    """Check a script, and show what it asks for."""
    found = load_script(script)
    typer.echo(f"{found.id} version {found.version} ({found.language}, {found.sha256[:12]})")
    for segment in found.segments:
        typer.echo(f"  {segment.id:16} {segment.kind:10} {segment.text}")
        if isinstance(segment, Question):
            typer.echo(f"  {'':16} {'agrees':10} {' / '.join(segment.accept)}")
            typer.echo(f"  {'':16} {'refuses':10} {' / '.join(segment.refuse)}")


@app.command()
def scripts() -> None:
    """List the scripts inside the package: examples to start from."""
    for name in shipped_scripts():
        found = load_script(name)
        typer.echo(f"{name:16} {found.language}  {len(found.segments)} segments  {found.title}")


def _link(video: Path, report: Path) -> str:
    """The video's address as the page sees it."""
    path = video.resolve()
    if path.is_relative_to(report.resolve().parent):
        return quote(path.relative_to(report.resolve().parent).as_posix())
    return path.as_uri()


def _shown(work: "Callable[[Progress], RecordingResult]") -> "RecordingResult":
    """Work with its progress on the error stream, where that is a terminal."""
    console = open_console(stderr=True)
    columns = (TextColumn("{task.description:14}"), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks = {stage: bar.add_task(name, total=1.0) for stage, name in STAGES.items()}
        return work(lambda stage, share: bar.update(tasks[stage], completed=share))


def _print(result: "RecordingResult", language: str) -> None:
    """The verdict, then what stands out, by time."""
    print_verdict(result.verdict)
    console = open_console()
    for event in result.timeline:
        notable = event.status in (Status.REVIEW, Status.FAIL)
        if notable or event.moment.kind.startswith("answer"):
            at = int(event.moment.start_s)
            style = STATUS_STYLES[event.status]
            console.print(
                f"[dim]{at // 60}:{at % 60:02d}[/]  [{style}]{escape(say(event, language))}[/]"
                f"  [dim]{escape(event.moment.segment)}[/]"
            )
