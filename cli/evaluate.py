"""`veridical evaluate KIND INDEX`: measure error rates and write a report."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from veridical.analysis.engines import Engines
from veridical.cli.console import open_console
from veridical.errors import InputError
from veridical.evaluation.harness import available_cores
from veridical.evaluation.protocols.digits import evaluate_digits
from veridical.evaluation.protocols.document import evaluate_document
from veridical.evaluation.protocols.face import evaluate_face
from veridical.evaluation.protocols.identify import evaluate_identify
from veridical.evaluation.protocols.light import WAYS, evaluate_light
from veridical.evaluation.protocols.lips import WINDOWS_S, evaluate_lips
from veridical.evaluation.protocols.motion import evaluate_motion
from veridical.evaluation.protocols.silent import evaluate_silent
from veridical.evaluation.protocols.speaker import evaluate_speaker
from veridical.evaluation.protocols.transactions import evaluate_transactions
from veridical.evaluation.report import print_table, write_json, write_report
from veridical.evaluation.request import Evaluation, Request
from veridical.face.track import FaceTracker
from veridical.rehearsal.compose.people import CardMaker
from veridical.rehearsal.compose.plan import Composer
from veridical.rehearsal.compose.plan import compose as write_manifest
from veridical.rehearsal.specimens import system_fonts
from veridical.verification.settings import Settings

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Measure error rates with intervals and write a report.\n\n"
    "Formats of the indexes and the meaning of every figure: docs/how-to/evaluation.md.",
)

Index = Annotated[Path, typer.Argument(help="CSV or JSON Lines; paths in it are relative to it.")]
Out = Annotated[
    Path | None, typer.Option(help="Folder for scores and report; evaluation-KIND when not given.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]
Seed = Annotated[int, typer.Option(min=0, help="Of every random choice.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many rows of the index.")]
Profile = Annotated[str, typer.Option(help="Model set: auto, standard, registry, commercial.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 takes one a core.")]
Thumbnails = Annotated[
    bool, typer.Option("--thumbnails", help="Show the worst errors: personal data in the report.")
]


@app.command()
def face(
    index: Index,
    degrade: Annotated[
        str, typer.Option(help="none, or portrait: references as a document carries them.")
    ] = "none",
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
    thumbnails: Thumbnails = False,
) -> None:
    """Face comparison: FMR, FNMR, failures to acquire, differentials by group."""
    request = _request("face", index, out, seed, limit, workers, thumbnails)
    _run(request, profile, json_path, lambda settings: evaluate_face(request, settings, degrade))


@app.command()
def silent(
    index: Index,
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
    thumbnails: Thumbnails = False,
) -> None:
    """Passive liveness: APCER by species, BPCER, non-response."""
    request = _request("silent", index, out, seed, limit, workers, thumbnails)
    _run(request, profile, json_path, lambda settings: evaluate_silent(request, settings))


@app.command()
def document(
    index: Index,
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
    thumbnails: Thumbnails = False,
) -> None:
    """Documents: fields read exactly, wrong readings let through."""
    request = _request("document", index, out, seed, limit, workers, thumbnails)
    _run(request, profile, json_path, lambda settings: evaluate_document(request, settings))


@app.command()
def transactions(
    index: Index,
    policy: Annotated[
        str, typer.Option(help="Judge every row by this policy instead of the one it names.")
    ] = "",
    own_specimens: Annotated[
        bool,
        typer.Option(
            "--own-specimens",
            help="Judge cards that our renderer drew as if they bore no specimen mark.",
        ),
    ] = False,
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
    thumbnails: Thumbnails = False,
) -> None:
    """The whole chain: genuine accepted within 1 and 2 attempts, attacks accepted."""
    request = _request("transactions", index, out, seed, limit, workers, thumbnails)
    _run(
        request,
        profile,
        json_path,
        lambda settings: evaluate_transactions(
            request, settings, policy, own_specimens=own_specimens
        ),
    )


@app.command()
def compose(
    data: Annotated[
        Path, typer.Argument(help="Folder with grid_s1, lips, faces and voice.", file_okay=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for media and manifest.")] = Path("composed"),
    each: Annotated[int, typer.Option(min=1, help="Of each kind, where there are people.")] = 20,
    first: Annotated[int, typer.Option(min=0, help="Number of the first of each kind.")] = 0,
    seed: Seed = 0,
) -> None:
    """Compose a manifest for `transactions`: genuine applicants and every attack on them.

    Light, attacks and documents are simulated. The media show real people: for local use.
    """
    engines = Engines.open()
    detector, fonts = engines.need(Engines.detector), system_fonts()
    if not fonts:
        raise InputError("cards want a Chinese font: install Noto Sans CJK", "fonts.missing")
    composer = Composer(
        data,
        out,
        seed,
        FaceTracker(detector, engines.need(Engines.mesher)),
        CardMaker(detector, fonts[0]),
    )
    console = open_console(stderr=True)
    for manifest in write_manifest(composer, each, first):
        console.print(f"manifest: {manifest}")


Degrade = Annotated[str, typer.Option(help="none, telephone or noise: how the sound is spoilt.")]


@app.command()
def speaker(
    index: Index,
    enrol_seconds: Annotated[float, typer.Option(min=0, help="Length of a reference.")] = 8.0,
    probe_seconds: Annotated[float, typer.Option(min=0, help="Length of a probe.")] = 4.0,
    degrade: Degrade = "none",
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
) -> None:
    """Speaker comparison: EER, FMR, FNMR, probes not assessed."""
    request = _request("speaker", index, out, seed, limit, workers, False)
    _run(
        request,
        profile,
        json_path,
        lambda settings: evaluate_speaker(request, settings, enrol_seconds, probe_seconds, degrade),
    )


@app.command()
def digits(
    index: Index,
    length: Annotated[int, typer.Option(min=2, max=8, help="Digits of a joined string.")] = 6,
    strings: Annotated[int, typer.Option(min=1, help="Strings joined a speaker.")] = 20,
    degrade: Degrade = "none",
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
) -> None:
    """Spoken prompts: accepted when spoken, accepted when not."""
    request = _request("digits", index, out, seed, limit, workers, False)
    _run(
        request,
        profile,
        json_path,
        lambda settings: evaluate_digits(request, settings, length, strings, degrade),
    )


@app.command()
def identify(
    index: Index,
    gallery: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Entries of a list, made up with synthetic ones; several times."),
    ] = None,
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
) -> None:
    """1:N search in lists of several sizes: FPIR, FNIR, time of a query."""
    request = _request("identify", index, out, seed, limit, workers, False)
    _run(
        request,
        profile,
        json_path,
        lambda settings: evaluate_identify(request, settings, gallery or ()),
    )


@app.command()
def lips(
    index: Index,
    window: Annotated[
        list[float] | None, typer.Option(min=1, help="Seconds lips and sound are compared on.")
    ] = None,
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
) -> None:
    """Lip liveness: lips against sound and text, attacks accepted."""
    request = _request("lips", index, out, seed, limit, workers, False)
    windows_s = tuple(window) if window else WINDOWS_S
    _run(request, profile, json_path, lambda settings: evaluate_lips(request, settings, windows_s))


@app.command()
def light(
    index: Index,
    way: Annotated[
        list[str] | None, typer.Option(help="Ways of lighting that are measured; all when none.")
    ] = None,
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
) -> None:
    """Light challenge: accepted lit (simulated), unlit, lit for another draw, generated."""
    request = _request("light", index, out, seed, limit, workers, False)
    ways = tuple(way) if way else tuple(WAYS)
    _run(request, profile, json_path, lambda settings: evaluate_light(request, settings, ways))


@app.command()
def motion(
    index: Index,
    out: Out = None,
    json_path: Json = None,
    seed: Seed = 0,
    limit: Limit = None,
    profile: Profile = "",
    workers: Workers = 0,
) -> None:
    """Movement challenge: accepted by chance, and genuine movement (simulated)."""
    request = _request("motion", index, out, seed, limit, workers, False)
    _run(request, profile, json_path, lambda settings: evaluate_motion(request, settings))


def _request(
    kind: str,
    index: Path,
    out: Path | None,
    seed: int,
    limit: int | None,
    workers: int,
    thumbnails: bool,
) -> "Request":
    """The common options as one value."""
    return Request(
        index=index,
        out=out or Path(f"evaluation-{kind}"),
        seed=seed,
        limit=limit,
        workers=workers or available_cores(),
        command=shlex.join(["veridical", *sys.argv[1:]]),
        thumbnails=thumbnails,
    )


def _run(
    request: "Request",
    profile: str,
    json_path: Path | None,
    evaluate: "Callable[[Settings], Evaluation]",
) -> None:
    """Evaluate, then tell people and programs."""
    settings = Settings()
    if profile:
        settings.profile = profile
    evaluation = evaluate(settings)
    print_table(evaluation, open_console())
    write_report(request.out / "report.html", evaluation, request)
    if json_path is not None:
        write_json(json_path, evaluation, request)
    open_console(stderr=True).print(f"report: {request.out / 'report.html'}")
