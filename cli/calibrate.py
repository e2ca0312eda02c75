"""`veridical calibrate KIND SCORES` and `calibrate --qa DIR`: give scores a meaning."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from veridical.calibration import calibrate as fits
from veridical.cli.console import open_console
from veridical.errors import InputError
from veridical.evaluation.harness import available_cores
from veridical.evaluation.protocols.qa import Part, calibrate_qa
from veridical.evaluation.request import Request
from veridical.verification.settings import Settings

__all__ = ["calibrate"]

QA_TARGET, QA_REJECT = "apcer=0.06", "bpcer=0.06"
"""What fifty people support, by the rule of three."""


def calibrate(
    out: Annotated[Path, typer.Option(help="File to write: .toml or .json; with --qa a folder.")],
    kind: Annotated[str, typer.Argument(help="face, silent, speaker, digits or lips.")] = "",
    scores: Annotated[
        Path | None, typer.Argument(help="Score file of `veridical evaluate`.")
    ] = None,
    qa: Annotated[
        Path | None,
        typer.Option(
            "--qa", help="Instead: a folder of `webcam --qa-dir`; fits every check it supports."
        ),
    ] = None,
    target: Annotated[
        str, typer.Option(help="Rate of strangers or attacks that may pass: fmr=1e-4, apcer=0.05.")
    ] = "",
    reject: Annotated[
        str,
        typer.Option(help="Rate of genuine ones refused outright: fnmr=1e-2; none: no review."),
    ] = "",
    method: Annotated[str, typer.Option(help="isotonic or logistic.")] = "isotonic",
    covariate: Annotated[
        list[str] | None, typer.Option(help="Column beside the score, for a logistic fit.")
    ] = None,
    data: Annotated[str, typer.Option(help="The data, in words, for verdicts to quote.")] = "",
    profile: Annotated[str, typer.Option(help="With --qa: model set.")] = "",
    workers: Annotated[int, typer.Option(min=0, help="With --qa: processes; 0: one a core.")] = 0,
) -> None:
    """Fit scores to error rates and log-likelihood ratios; a policy can name the file.

    Refuses a target that the trials cannot support: fmr=1e-4 takes 30 000 independent non-mated
    comparisons, apcer=0.06 fifty people a species.
    """
    if qa is not None:
        if kind or scores is not None:
            raise InputError("give --qa DIR, or KIND and SCORES", "usage.kind")
        _of_recordings(qa, out, target or QA_TARGET, reject or QA_REJECT, profile, workers)
        return
    if scores is None or not target:
        raise InputError("give KIND, SCORES and --target, or --qa DIR", "usage.kind")
    if kind not in fits.CHECK_OF_KIND:
        raise InputError(
            f"a kind is one of {', '.join(fits.CHECK_OF_KIND)}, got {kind!r}", "usage.kind"
        )
    if method not in ("isotonic", "logistic"):
        raise InputError(f"a method is isotonic or logistic, got {method!r}", "usage.method")
    if covariate and method != "logistic":
        raise InputError("covariates need --method logistic", "usage.method")
    trial = fits.read_trials(scores, covariate or ())
    content = fits.calibrate(
        kind,
        trial,
        fits.parse_target(target),
        fits.parse_target(reject) if reject else None,
        method,
    )
    command = shlex.join(["veridical", *sys.argv[1:]])
    fits.write_calibration(out, content, scores, data or scores.parent.name, command)
    typer.echo(fits.summary(content))


def _of_recordings(
    folder: Path, out: Path, target: str, reject: str, profile: str, workers: int
) -> None:
    """Measure the recordings, fit, and say what was refused and why."""
    rates = fits.parse_target(target), fits.parse_target(reject)
    if (rates[0].kind, rates[1].kind) != ("apcer", "bpcer"):
        raise InputError(
            f"with --qa targets are apcer and bpcer, got {rates[0].kind} and {rates[1].kind}",
            "usage.target",
        )
    settings = Settings()
    if profile:
        settings.profile = profile
    request = Request(
        folder / "transactions.jsonl",
        out,
        workers=workers or available_cores(),
        command=shlex.join(["veridical", *sys.argv[1:]]),
    )
    parts = calibrate_qa(request, settings, rates[0].rate, rates[1].rate)
    console = open_console()
    for part in parts:
        for line in _lines(part):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    fitted = [part for part in parts if part.file is not None]
    if fitted:
        console.print("\nin a policy:\n\\[calibration]", highlight=False)
    for part in fitted:
        console.print(f'"{fits.CHECK_OF_KIND[part.kind]}" = "{part.file}"', highlight=False)


def _lines(part: Part) -> Iterator[str]:
    """One check for people."""
    yield f"{fits.CHECK_OF_KIND[part.kind]}: people with a genuine answer {part.people}"
    if part.not_assessed.n:
        yield f"  genuine: pass today {part.passing}; not assessed {part.not_assessed}"
    for species, rate in part.attacks.items():
        yield f"  {species}: pass today {rate}; people assessed {part.independent[species]}"
    yield f"  refused: {part.refused}" if part.refused else f"  fitted: {part.file}"
