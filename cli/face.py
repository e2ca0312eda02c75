"""`veridical face ...`: comparison and quality of faces from files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.cli.capture import read_capture
from veridical.cli.measured import answer, engines_of
from veridical.face import FaceMatchCheck, FaceQualityCheck
from veridical.result import Measurement
from veridical.types import View

__all__ = ["app", "match", "quality"]

app = typer.Typer(no_args_is_help=True, help="Match faces and judge how well one was captured.")

ProfileName = Annotated[str, typer.Option("--profile", help="Model set: auto, registry, standard.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")]


@app.command()
def match(
    reference: Annotated[Path, typer.Argument(help="Picture: the portrait.")],
    probe: Annotated[Path, typer.Argument(help="Picture or clip of the applicant.")],
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Compare the one face of two files. Exit code 0 on a pass."""
    bench = _Bench(profile)
    check = FaceMatchCheck(bench.embedder)
    portrait, *_ = bench.views(reference)
    bench.answer(check(portrait, bench.views(probe)), as_json)


@app.command()
def quality(
    file: Annotated[Path, typer.Argument(help="Picture or clip of the applicant.")],
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Judge how well a face was captured, aspect by aspect. Exit code 0 on a pass."""
    bench = _Bench(profile)
    bench.answer(FaceQualityCheck(bench.embedder)(bench.views(file)), as_json)


class _Bench:
    """The nets of one profile, and how their answers are printed."""

    def __init__(self, profile: str) -> None:
        self._engines = engines_of(profile)
        self._engines.require("detector", "mesh")
        self.embedder = self._engines.need(Engines.embedder)

    def views(self, file: Path) -> "Sequence[View]":
        """Look at a picture, or at frames spread over a clip."""
        return Analysis(read_capture(file), self._engines).views

    def answer(self, measured: "Measurement", as_json: bool) -> None:
        """Print a measurement and what the operating point makes of it."""
        answer(measured, self._engines, as_json)
