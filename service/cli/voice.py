"""`veridical voice ...`: enrol a voice, compare it, and check spoken digits, from sound files."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veridical.service.cli.exits import Exit
from veridical.service.cli.measured import answer

if TYPE_CHECKING:
    from veridical.result import Measurement
    from veridical.types import Template
    from veridical.voiceprint import DigitsCheck, SpeechAnalysis, VoiceEmbedder

__all__ = ["app", "digits", "enrol", "match"]

app = typer.Typer(no_args_is_help=True, help="Enrol and compare voices; check spoken digits.")

LARGEST_TEMPLATE_BYTES = 100_000

ProfileName = Annotated[str, typer.Option("--profile", help="Model set: auto, registry, standard.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")]


@app.command()
def enrol(
    takes: Annotated[list[Path], typer.Argument(help="Recordings or clips of one person.")],
    out: Annotated[Path, typer.Option("--out", help="File for the template: JSON.")],
    profile: ProfileName = "",
) -> None:
    """Make a voice template of five seconds of speech or more, over one or several takes.

    The file holds biometric data: keep it as you would keep the recording.
    """
    from veridical.voiceprint import enrol_voice

    bench = _Bench(profile)
    made = enrol_voice(bench.embedder, [bench.speech(take) for take in takes])
    for name, value in made.evidence.items():
        typer.echo(f"  {name:28} {value}")
    if made.template is None:
        typer.echo(f"not enrolled: {made.reason}")
        raise typer.Exit(Exit.NOT_ACCEPTED)
    vector = base64.b64encode(made.template.vector.astype("<f4").tobytes()).decode()
    document = {"kind": "voice", "model": made.template.model, "vector": vector}
    out.write_text(json.dumps(document) + "\n", encoding="utf-8")
    out.chmod(0o600)
    typer.echo(f"enrolled: {out}")


@app.command()
def match(
    reference: Annotated[Path, typer.Argument(help="Template made by `enrol`, or a recording.")],
    probe: Annotated[Path, typer.Argument(help="Recording or clip to compare.")],
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Compare a recording with an enrolled voice. Exit code 0 on a pass."""
    from veridical.voiceprint import VoiceMatchCheck

    bench = _Bench(profile)
    enrolled = _read_template(reference) or bench.embedder(bench.speech(reference))
    bench.answer(VoiceMatchCheck(bench.embedder)(enrolled, bench.speech(probe)), as_json)


@app.command()
def digits(
    file: Annotated[Path, typer.Argument(help="Recording or clip.")],
    prompt: Annotated[str, typer.Option("--digits", help="The prompted digits, such as 839217.")],
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Check that the prompted digits were spoken, and when. Exit code 0 on a pass."""
    bench = _Bench(profile)
    bench.answer(bench.digits()(bench.speech(file), prompt, language), as_json)


class _Bench:
    """The voice nets of one profile, and how their answers are printed."""

    def __init__(self, profile: str) -> None:
        from veridical.verification import Settings

        settings = Settings()
        self._store = settings.model_store()
        self._profile = self._store.profile(profile or settings.profile)
        self._vad = self._store.session(self._profile.roles["speech"][0])

    @property
    def embedder(self) -> "VoiceEmbedder":
        """The speaker model."""
        from veridical.voiceprint import VoiceEmbedder

        return VoiceEmbedder(self._store.session(self._profile.roles["voice"][0]))

    def digits(self) -> "DigitsCheck":
        """The digit nets of every language the profile has."""
        from veridical.voiceprint import DigitsCheck

        roles = self._profile.roles
        named = {role.removeprefix("digits_"): role for role in roles if role.startswith("digits_")}
        return DigitsCheck(
            {language: self._store.session(roles[role][0]) for language, role in named.items()}
        )

    def speech(self, file: Path) -> "SpeechAnalysis":
        """Read and analyse the sound of a file."""
        from veridical.media import read_audio
        from veridical.voiceprint import analyse_speech

        return analyse_speech(read_audio(file), self._vad)

    def answer(self, measured: "Measurement", as_json: bool) -> None:
        """Print a measurement and what the operating point makes of it."""
        answer(measured, self._store, self._profile, as_json)


def _read_template(path: Path) -> "Template | None":
    """A template file's template; None for anything that is not JSON.

    Raises:
        InputError: `voice.template`: it is JSON, but not as `enrol` writes it.
    """
    import numpy as np

    from veridical.errors import InputError
    from veridical.types import Template

    if not path.is_file() or path.stat().st_size > LARGEST_TEMPLATE_BYTES:
        return None
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        return None
    try:
        if document["kind"] != "voice":
            raise ValueError
        vector = np.frombuffer(base64.b64decode(document["vector"], validate=True), "<f4")
        length = float(np.linalg.norm(vector))
        if not 0.99 < length < 1.01:
            raise ValueError
        return Template(vector.astype(np.float32), str(document["model"]))
    except (KeyError, TypeError, ValueError):
        raise InputError(
            "a template file as `veridical voice enrol` writes it is wanted; enrol again",
            "voice.template",
        ) from None
