"""`veridical voice ...`: enrol a voice, compare it, check spoken digits and read statements."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from veridical.analysis.engines import Engines
from veridical.cli.exits import Exit
from veridical.cli.measured import answer, engines_of
from veridical.errors import InputError, ModelError
from veridical.languages import LANGUAGES, spoken
from veridical.media import read_audio, read_sound
from veridical.result import Measurement
from veridical.types import Template
from veridical.voiceprint import (
    DigitsCheck,
    SpeechAnalysis,
    VoiceEmbedder,
    VoiceMatchCheck,
    analyse_speech,
    enrol_voice,
)
from veridical.voiceprint.statement import StatementCheck, StatementReading
from veridical.voiceprint.windows import Window, speech_windows

__all__ = ["app", "digits", "enrol", "match", "statement", "template_or_recording"]

app = typer.Typer(
    no_args_is_help=True, help="Enrol and compare voices; check spoken digits and statements."
)

LARGEST_TEMPLATE_BYTES = 100_000
LARGEST_TEXT_BYTES = 1_000_000

ProfileName = Annotated[str, typer.Option("--profile", help="Model set: auto, registry, standard.")]
SpokenLanguage = Annotated[str, typer.Option("--language", help="What is spoken: en or zh.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")]


@app.command()
def enrol(
    takes: Annotated[list[Path], typer.Argument(help="Recordings or clips of one person.")],
    out: Annotated[Path, typer.Option("--out", help="File for the template: JSON.")],
    language: SpokenLanguage = "",
    profile: ProfileName = "",
) -> None:
    """Make a voice template of five seconds of speech or more, over one or several takes.

    The file holds biometric data: keep it as you would keep the recording.
    """
    bench = _Bench(profile)
    spoken = [bench.speech(take) for take in takes]
    made = enrol_voice(bench.embedder, spoken, language=_known(language))
    for name, value in made.evidence.items():
        typer.echo(f"  {name:28} {value}")
    if made.template is None:
        typer.echo(f"not enrolled: {made.reason}")
        raise typer.Exit(Exit.NOT_ACCEPTED)
    vector = base64.b64encode(made.template.vector.astype("<f4").tobytes()).decode()
    document = {"kind": "voice", "model": made.template.model, "vector": vector}
    if made.template.language:
        document["language"] = made.template.language
    out.write_text(json.dumps(document) + "\n", encoding="utf-8")
    out.chmod(0o600)
    typer.echo(f"enrolled: {out}")


@app.command()
def match(
    reference: Annotated[Path, typer.Argument(help="Template made by `enrol`, or a recording.")],
    probe: Annotated[Path, typer.Argument(help="Recording or clip to compare.")],
    language: SpokenLanguage = "",
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Compare a recording with an enrolled voice. Exit code 0 on a pass."""
    bench = _Bench(profile)
    enrolled = _read_template(reference) or bench.embedder(bench.speech(reference))
    check = VoiceMatchCheck(bench.embedder)
    bench.answer(check(enrolled, bench.speech(probe), _known(language)), as_json)


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


@app.command()
def statement(
    file: Annotated[Path, typer.Argument(help="Recording or clip, up to two hours long.")],
    text: Annotated[str, typer.Option("--text", help="The statement, or @FILE that holds it.")],
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    reference: Annotated[
        Path | None, typer.Option("--reference", help="Template made by `enrol`, or a recording.")
    ] = None,
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Check that a statement was read as written, and by one voice. Exit code 0 on a pass.

    Says which words are missing, altered or inserted, and when; by the model set's listener.
    """
    bench = _Bench(profile)
    expected = _text(text)
    enrolled = None
    if reference is not None:
        enrolled = _read_template(reference) or bench.embedder(bench.speech(reference))
    try:
        check = bench.statement()
    except ModelError as error:
        if error.code != "model.missing":
            raise
        sys.stderr.write(f"veridical: {error}\n")
        bench.answer(Measurement("voice.statement", None, "model_missing"), as_json)
        return

    def windows() -> "Iterator[Window]":
        return speech_windows(read_sound(file), bench.vad)

    reading = check.read(windows, expected, language, enrolled)
    bench.answer(check.measured(reading, enrolled), as_json, _statement_details(reading))


def _statement_details(reading: "StatementReading") -> dict[str, object]:
    """What the command shows of a reading beside its measurement: words and times."""
    return {
        "deviations": [
            {
                "kind": deviation.kind,
                "expected": deviation.expected,
                "heard": deviation.heard,
                "start_s": deviation.start_s,
                "end_s": deviation.end_s,
                "clear": deviation.clear,
            }
            for deviation in reading.deviations
        ],
        "voice": [
            {"start_s": s.start_s, "end_s": s.end_s, "score": round(s.score, 3)}
            for s in reading.stretches
        ],
        "heard": reading.heard.strip(),
    }


def _known(language: str) -> str:
    """A language there are checks for, or none.

    Raises:
        InputError: `voice.language`: it is another.
    """
    if language not in ("", *LANGUAGES):
        raise InputError(f"a language is {spoken()}, got {language[:20]!r}", "voice.language")
    return language


def _text(given: str) -> str:
    """The statement itself, or that of the file it names.

    Raises:
        InputError: `voice.statement`: the file cannot be read as text.
    """
    if not given.startswith("@"):
        return given
    try:
        path = Path(given[1:])
        if path.stat().st_size > LARGEST_TEXT_BYTES:
            raise ValueError
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise InputError(
            "a statement's file is UTF-8 text of at most 1 MB; name another after @",
            "voice.statement",
        ) from None


def template_or_recording(path: Path, profile: str = "") -> "Template":
    """An enrolled voice: of a template file, or made of a recording.

    Args:
        path: Written by `enrol`, or a recording of five seconds of speech or more.
        profile: Model set.

    Raises:
        InputError: It is neither, or the recording holds no speech.
        ModelError: The voice nets are missing.
    """
    found = _read_template(path)
    if found is not None:
        return found
    bench = _Bench(profile)
    return bench.embedder(bench.speech(path))


class _Bench:
    """The voice nets of one profile, and how their answers are printed."""

    def __init__(self, profile: str) -> None:
        self._engines = engines_of(profile)
        self.vad = self._engines.need(Engines.vad)

    @property
    def embedder(self) -> "VoiceEmbedder":
        """The speaker model."""
        return self._engines.need(Engines.voice)

    def digits(self) -> "DigitsCheck":
        """The digit check of the profile."""
        return self._engines.need(Engines.digits)

    def statement(self) -> "StatementCheck":
        """The check of read statements; its recogniser is an optional model."""
        return self._engines.need(Engines.statement)

    def speech(self, file: Path) -> "SpeechAnalysis":
        """Read and analyse the sound of a file."""
        return analyse_speech(read_audio(file), self.vad)

    def answer(
        self, measured: "Measurement", as_json: bool, details: dict[str, object] | None = None
    ) -> None:
        """Print a measurement, what the operating point makes of it, and what else is known."""
        answer(measured, self._engines, as_json, details=details)


def _read_template(path: Path) -> "Template | None":
    """A template file's template; None for anything that is not JSON.

    Raises:
        InputError: `voice.template`: it is JSON, but not as `enrol` writes it.
    """
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
        language = _known(str(document.get("language", "")))
        return Template(vector.astype(np.float32), str(document["model"]), language)
    except (KeyError, TypeError, ValueError):
        raise InputError(
            "a template file as `veridical voice enrol` writes it is wanted; enrol again",
            "voice.template",
        ) from None
