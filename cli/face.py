"""`veridical face ...`: comparison and quality of faces from files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from veridical.cli.capture import read_capture
from veridical.cli.measured import answer
from veridical.face import FaceDetector, FaceEmbedder, FaceMatchCheck, FaceMesher, FaceQualityCheck
from veridical.result import Measurement
from veridical.types import View
from veridical.verification import Settings
from veridical.verification.analysis import Analyser, Analysis

__all__ = ["app", "match", "quality"]

app = typer.Typer(no_args_is_help=True, help="Compare faces and judge how well one was captured.")

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

        settings = Settings()
        self._store = settings.model_store()
        self._profile = self._store.profile(profile or settings.profile)
        detector, mesh = (self._profile.roles[role][0] for role in ("detector", "mesh"))
        self._detector = FaceDetector(self._store.session(detector))
        self._mesher = FaceMesher(self._store.session(mesh))
        self.embedder = FaceEmbedder.load(self._store, self._profile.roles["recogniser"])

    def views(self, file: Path) -> "Sequence[View]":
        """Look at a picture, or at frames spread over a clip."""
        return Analysis(read_capture(file), Analyser(None, self._detector, self._mesher)).views

    def answer(self, measured: "Measurement", as_json: bool) -> None:
        """Print a measurement and what the operating point makes of it."""
        answer(measured, self._store, self._profile, as_json)
