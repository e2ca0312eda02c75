"""`veridical calibrate KIND SCORES`: give scores a meaning."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from veridical.errors import InputError
from veridical.evaluation import calibrate as fits

__all__ = ["calibrate"]


def calibrate(
    kind: Annotated[str, typer.Argument(help="face, silent, speaker, digits or lips.")],
    scores: Annotated[Path, typer.Argument(help="Score file of `veridical evaluate`.")],
    target: Annotated[
        str, typer.Option(help="Rate of strangers or attacks that may pass: fmr=1e-4, apcer=0.05.")
    ],
    out: Annotated[Path, typer.Option(help="File to write: .toml or .json.")],
    reject: Annotated[
        str,
        typer.Option(help="Rate of genuine ones refused outright: fnmr=1e-2; none: no review."),
    ] = "",
    method: Annotated[str, typer.Option(help="isotonic or logistic.")] = "isotonic",
    covariate: Annotated[
        list[str] | None, typer.Option(help="Column beside the score, for a logistic fit.")
    ] = None,
    data: Annotated[str, typer.Option(help="The data, in words, for verdicts to quote.")] = "",
) -> None:
    """Fit scores to error rates and log-likelihood ratios; a policy can name the file.

    Refuses a target that the trials cannot support: fmr=1e-4 takes 30 000 independent non-mated
    comparisons.
    """
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
