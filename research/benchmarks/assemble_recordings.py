"""Assemble recordings of a script from short clips of people who speak, spoil them, and judge them.

    python research/benchmarks/assemble_recordings.py ../shared/data/lips/index.csv OUT
    python research/benchmarks/assemble_recordings.py ../shared/data/lips/index.csv OUT --kinds minutes

Every recording is synthetic: sentences of GRID, spoken by one person before one camera, are joined,
and each file says so in its own metadata. A statement is two or three sentences, an answer one: its
first two words agree, as those of another sentence refuse. The script that goes with a recording
has their words. Ten people or so have said one sentence only: they are the strangers.

    genuine         nothing is changed
    with_digits     digits are read as well: cut out of further sentences, sound and picture
    located         the same files, without the times of their segments
    other_people    one clip each of further people, its text by the recogniser itself: says
                    something of faces, lips and voices, nothing of words
    switched        the answer is another person's, sound and picture
    other_voice     the answer is another person's in sound alone
    word_changed    the script asks for another word than was said
    skipped         a statement is not read: its time is spent in silence
    skipped_located the same, without times: the person goes right on
    refused         the answer is the sentence that the script calls a refusal
    second_person   another face stands beside for two seconds
    dubbed          a statement's words are the right ones, the lips those of other sentences, which
                    in GRID have the same rhythm: the hardest dub there is
    dubbed_free     a statement's sound is that of somebody else who reads a book
    away            for two seconds nobody is there
    minutes         one recording of five minutes, for its cost

Prints one JSON line a recording and one a kind: how often the check in question did not pass
(`found`), how often it stood at the right place, how the recordings ended, with 95 % intervals.
"""

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import clopper_pearson
from veridical.consent_recording import (
    Recording,
    RecordingResult,
    RecordingVerifier,
    SegmentTimes,
    Span,
    load_recording_verifier,
    parse_script,
    result_to_json,
)
from veridical.consent_recording.listener import BriefRecogniser
from veridical.consent_recording.locate import words_of
from veridical.consent_recording.settings import recording_settings
from veridical.media import read_audio, read_clip
from veridical.result import Outcome, Status
from veridical.types import Audio
from veridical.verification.settings import Settings
from veridical.voiceprint.windows import speech_windows
from veridical.voiceprint.wording import units

RATE_HZ = 16_000
FPS = 25
FACE_PX = 200
WIDTH_PX, HEIGHT_PX = 320, 240
LEFT_PX, TOP_PX = 20, 40
SECOND_PX = 96
PAUSE_S = 2.5
EVENT_S = 2.0
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGITS = {name: str(value) for value, name in enumerate(NAMES)}
LABEL = "synthetic recording, assembled from clips: not what anybody said"
CHECK = {
    "switched": "recording.same_person",
    "other_voice": "recording.speaker",
    "word_changed": "recording.statements",
    "skipped": "recording.statements",
    "skipped_located": "recording.statements",
    "refused": "recording.answers",
    "second_person": "recording.alone",
    "dubbed": "recording.lips",
    "dubbed_free": "recording.lips",
    "away": "recording.presence",
}
KINDS = ("genuine", "other_people", *CHECK, "located", "with_digits")


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Frames at 25 a second, and their sound."""

    frames: Sequence[NDArray[np.uint8]]
    samples: NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Made:
    """A recording, its script and what is known of it."""

    pieces: list[tuple[str, list[Piece]]]
    statements: dict[str, str]
    answer: str
    refusal: str
    digits: str
    refused: Piece
    event_s: tuple[float, float] | None = None
    located: bool = False
    spans: dict[str, Span] = field(default_factory=dict)


def piece_of(path: Path) -> Piece:
    """One clip, its face on a wider ground."""
    clip = read_clip(path)
    faces = (cv2.resize(f.pixels, (FACE_PX, FACE_PX)) for f in clip.frames)
    frames = [ground(np.asarray(face, np.uint8)) for face in faces]
    samples = clip.audio.samples if clip.audio else np.zeros(0, np.float32)
    if abs(clip.fps - FPS) > 0.5:
        at = np.arange(0, clip.duration_ms / 1000, 1 / FPS)
        near = np.searchsorted(clip.times_ms / 1000, at).clip(0, len(frames) - 1)
        frames = [frames[i] for i in near]
    wanted = len(frames) * RATE_HZ // FPS
    return Piece(frames, np.resize(np.pad(samples, (0, max(0, wanted - len(samples)))), wanted))


def ground(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture of a face set into a larger one, whose rest continues its edges, blurred."""
    right, bottom = WIDTH_PX - FACE_PX - LEFT_PX, HEIGHT_PX - FACE_PX - TOP_PX
    wide = cv2.copyMakeBorder(face, TOP_PX, bottom, LEFT_PX, right, cv2.BORDER_REPLICATE)
    made = cv2.GaussianBlur(wide, (31, 31), 0)
    made[TOP_PX : TOP_PX + FACE_PX, LEFT_PX : LEFT_PX + FACE_PX] = face
    return np.asarray(made, np.uint8)


def empty(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ground without the face: its left edge, blurred, drawn over everything."""
    return np.asarray(
        cv2.GaussianBlur(np.repeat(frame[:, :1], WIDTH_PX, axis=1), (31, 31), 0), np.uint8
    )


def beside(frame: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Another person's face at the right."""
    face = other[TOP_PX : TOP_PX + FACE_PX, LEFT_PX : LEFT_PX + FACE_PX]
    made = frame.copy()
    made[100 : 100 + SECOND_PX, WIDTH_PX - SECOND_PX :] = cv2.resize(face, (SECOND_PX, SECOND_PX))
    return made


def write(path: Path, pieces: Iterator[Piece], scale: int = 1) -> None:
    """Write pieces one after the other as MP4."""
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = LABEL
        video = container.add_stream("libx264", rate=FPS)
        sound = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        assert isinstance(video, VideoStream)
        assert isinstance(sound, AudioStream)
        video.width, video.height, video.pix_fmt = scale * WIDTH_PX, scale * HEIGHT_PX, "yuv420p"
        video.bit_rate = 2_000_000 * scale
        video.codec_context.thread_count = 1
        sound.codec_context.format = "fltp"
        resampler = av.AudioResampler(
            "fltp", "mono", RATE_HZ, sound.codec_context.frame_size or 1024
        )
        number = written = 0
        for piece in pieces:
            for pixels in piece.frames:
                large = pixels if scale == 1 else cv2.resize(pixels, None, fx=scale, fy=scale)
                frame = av.VideoFrame.from_ndarray(
                    np.ascontiguousarray(large, np.uint8), format="rgb24"
                )
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                number += 1
                container.mux(video.encode(frame))
            if not len(piece.samples):
                continue
            block = av.AudioFrame.from_ndarray(piece.samples[None], format="fltp", layout="mono")
            block.sample_rate, block.pts = RATE_HZ, written
            block.time_base = Fraction(1, RATE_HZ)
            written += len(piece.samples)
            for part in resampler.resample(block):
                container.mux(sound.encode(part))
        container.mux(video.encode(None))
        for part in resampler.resample(None):
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))


class Material:
    """The clips of an index, read when they are wanted."""

    def __init__(self, index: Path, seed: int) -> None:
        with index.open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["label"] == "bona_fide"]
        self._folder = index.parent
        known = [
            r for r in rows if r["text_source"].startswith("file") and r["corpus"].startswith("GR")
        ]
        self.own = [row for row in known if row["speaker"] == "grid_s1"]
        self.strangers = list(
            {r["speaker"]: r for r in known if r["speaker"] != "grid_s1"}.values()
        )
        self.others = [
            row
            for row in {r["speaker"]: r for r in rows if r["corpus"][:4] != "GRID"}.values()
            if row["text"] or float(row["duration_s"]) >= 6.0
            if float(row["duration_s"]) >= 4.0 and row["language"] == "en"
        ]
        self.rng = random.Random(seed)  # noqa: S311
        self.rng.shuffle(self.own)

    @cached_property
    def speech(self) -> list[NDArray[np.float32]]:
        """Free speech of other people, one recording each."""
        index = self._folder.parent / "voice" / "speech.csv"
        with index.open(encoding="utf-8") as file:
            rows = {row["speaker"]: row for row in csv.DictReader(file)}
        return [read_audio(index.parent / row["file"]).samples for row in list(rows.values())[:20]]

    def piece(self, row: dict[str, str]) -> Piece:
        """Its frames and sound."""
        return piece_of(self._folder / row["file"])

    def take(self, count: int) -> list[dict[str, str]]:
        """Sentences that no recording has had yet."""
        taken, self.own = self.own[:count], self.own[count:]
        return taken


class Cutter:
    """Cuts digits out of sentences, sound and picture together."""

    def __init__(self, verifier: RecordingVerifier) -> None:
        self._engines = verifier._engines

    def __call__(self, piece: Piece, text: str) -> tuple[str, Piece] | None:
        """The digit of a sentence; None where the recogniser does not hear it."""
        digit = next(DIGITS[word] for word in text.split() if word in DIGITS)
        vad, recogniser = self._engines.need(Engines.vad), listener(self._engines)
        windows = speech_windows([Audio(piece.samples, RATE_HZ)], vad)
        found = [w for w in words_of(windows, recogniser, "en") if w.unit.text == digit]
        if len(found) != 1:
            return None
        first = max(0, round((found[0].start_s - 0.08) * FPS))
        last = min(len(piece.frames), round((found[0].end_s + 0.12) * FPS))
        step = RATE_HZ // FPS
        return digit, Piece(piece.frames[first:last], piece.samples[first * step : last * step])


def base(material: Material, cutter: Cutter | None) -> Made:
    """One genuine recording, in pieces: a statement, an answer, digits, another statement.

    Args:
        material: Where the sentences come from.
        cutter: Cuts digits; None leaves them out.
    """
    first, second = material.take(3), material.take(2)
    (answer,) = material.take(1)
    different = [
        row
        for row in material.own
        if all(a != b for a, b in zip(*(r["text"].split()[:2] for r in (row, answer)), strict=True))
    ]
    refusal = different[0]
    material.own.remove(refusal)
    code, cut = "", list[Piece]()
    while cutter is not None and len(code) < 4:
        (row,) = material.take(1)
        found = cutter(material.piece(row), row["text"])
        if found:
            code, cut = code + found[0], [*cut, found[1]]
    pieces = [
        ("first", [material.piece(row) for row in first]),
        ("agree", [material.piece(answer)]),
        ("code", cut),
        ("second", [material.piece(row) for row in second]),
    ]
    return Made(
        pieces=[(name, own) for name, own in pieces if own],
        statements={
            "first": " ".join(row["text"] for row in first),
            "second": " ".join(row["text"] for row in second),
        },
        answer=answer["text"],
        refusal=refusal["text"],
        digits=code,
        refused=material.piece(refusal),
    )


def spoilt(made: Made, kind: str, material: Material, turn: int) -> Made:
    """The recording with one thing changed; the pieces that stay are shared."""
    parts = {name: list(own) for name, own in made.pieces}
    new = Made([], dict(made.statements), made.answer, made.refusal, made.digits, made.refused)
    new.located = kind in ("located", "skipped_located")
    rng = random.Random(f"{kind}{turn}")  # noqa: S311
    # A stranger's sentence may become the answer: it must not begin as the refusal does.
    fitting = [s for s in material.strangers if opening(s["text"]) != opening(made.refusal)]
    stranger = fitting[turn % len(fitting)]
    first, second = parts["second"]
    half = len(first.frames) // 2
    middle = slice(half, half + int(EVENT_S * FPS))
    if kind == "switched":
        parts["agree"], new.answer = [material.piece(stranger)], stranger["text"]
    elif kind == "other_voice":
        other = material.piece(stranger)
        own = parts["agree"][0]
        length = min(len(other.samples), len(own.samples))
        parts["agree"] = [Piece(own.frames[: length * FPS // RATE_HZ], other.samples[:length])]
        new.answer = stranger["text"]
    elif kind == "word_changed":
        words = made.statements["second"].split()
        place = rng.randrange(1, len(words) - 1)
        alike = sorted({w.split()[place % 6] for w in all_texts(material)} - {words[place]})
        words[place] = rng.choice(alike)
        new.statements["second"] = " ".join(words)
    elif kind == "skipped":
        still = [first.frames[0]] * int(PAUSE_S * FPS)
        parts["second"] = [Piece(still, np.zeros(int(PAUSE_S * RATE_HZ), np.float32))]
    elif kind == "skipped_located":
        parts["second"] = []
    elif kind == "refused":
        parts["agree"] = [made.refused]
    elif kind in ("second_person", "away"):
        together = [*first.frames, *second.frames]
        if kind == "second_person":
            others = material.piece(stranger).frames
            changed = [beside(f, others[i % len(others)]) for i, f in enumerate(together[middle])]
        else:
            changed = [empty(frame) for frame in together[middle]]
        together[middle] = changed
        parts["second"] = [Piece(together, np.concatenate([first.samples, second.samples]))]
    elif kind == "dubbed_free":
        long = material.speech[turn % len(material.speech)]
        sounds = np.split(
            np.resize(long, len(first.samples) + len(second.samples)), [len(first.samples)]
        )
        parts["second"] = [
            Piece(own.frames, sound) for own, sound in zip((first, second), sounds, strict=True)
        ]
    elif kind == "dubbed":
        shown = [material.piece(row) for row in material.own[-2 * turn - 2 :][:2]]
        parts["second"] = [
            Piece(own.frames, own_sound.samples)
            for own, own_sound in zip(shown, (first, second), strict=True)
        ]
    new.pieces = [(name, own) for name, own in parts.items() if own]
    at = 0.0
    for name, segment in new.pieces:
        end = at + sum(len(piece.frames) for piece in segment) / FPS
        new.spans[name] = Span(at, end)
        at = end
    if kind in ("second_person", "away"):
        begin = new.spans["second"].start_s + half / FPS
        new.event_s = (begin, begin + EVENT_S)
    elif kind in ("switched", "other_voice", "refused"):
        new.event_s = (new.spans["agree"].start_s, new.spans["agree"].end_s)
    elif kind in ("word_changed", "skipped", "dubbed", "dubbed_free"):
        new.event_s = (new.spans["second"].start_s, new.spans["second"].end_s)
    return new


def all_texts(material: Material) -> list[str]:
    """Sentences whose words stand in for others."""
    return [row["text"] for row in material.own]


def opening(text: str) -> str:
    """The first two words of a sentence."""
    return " ".join(text.split()[:2])


def answers_of(made: Made) -> list[str]:
    """The answers of the question: a sentence, or its first two words."""
    return [
        f"{key} = {json.dumps([text, opening(text)])}"
        for key, text in (("accept", made.answer), ("refuse", made.refusal))
    ]


def script_of(made: Made) -> bytes:
    """The script that goes with a recording."""
    lines = ['id = "bench"', "version = 1", 'language = "en"', 'title = "synthetic"']
    for name in ("first", "agree", "code", "second"):
        lines += ["[[segments]]", f'id = "{name}"']
        if name in made.statements:
            lines += ['kind = "statement"', f"text = {json.dumps(made.statements[name])}"]
        elif name == "agree" and made.answer:
            lines += ['kind = "question"', 'text = "Do you agree?"']
            lines += answers_of(made)
        elif name == "code" and made.digits:
            lines += ['kind = "digits"', f"length = {len(made.digits)}"]
        else:
            lines = lines[:-2]
    return "\n".join(lines).encode()


def judge(
    verifier: RecordingVerifier, made: Made, path: Path
) -> tuple[RecordingResult, dict[str, object]]:
    """Verify one recording; its result and what of it is printed."""
    script = parse_script(script_of(made), "assembled")
    spans = {} if made.located else made.spans
    began = time.process_time()
    result = verifier.verify(Recording(path.stem, path, script, SegmentTimes(spans, made.digits)))
    checks = {r.check.partition(".")[2]: r for r in result.verdict.results}
    line: dict[str, object] = {
        "file": path.name,
        "seconds": round(result.duration_s, 1),
        "cpu_s": round(time.process_time() - began, 2),
        "outcome": str(result.verdict.outcome),
        "first_cause": result.verdict.first_cause,
        "scores": {n: None if r.score is None else round(r.score, 3) for n, r in checks.items()},
        "status": {name: str(r.status) for name, r in checks.items()},
        "reasons": {n: r.reason for n, r in checks.items() if r.reason},
    }
    return result, line


def in_place(result: RecordingResult, check: str, made: Made) -> bool:
    """Whether a moment of the check that did not pass overlaps what was spoilt."""
    if made.event_s is None:
        return False
    begin, end = made.event_s
    return any(
        event.check == check
        and event.status not in (Status.PASS, Status.NOT_ASSESSED)
        and event.moment.start_s < end
        and event.moment.end_s > begin
        for event in result.timeline
    )


def share(count: int, n: int) -> str:
    """A count with its interval."""
    low, high = clopper_pearson(count, n)
    return f"{count} of {n} [{low:.0%}, {high:.0%}]"


def listener(engines: Engines) -> BriefRecogniser:
    """The recogniser as the verifier of recordings runs it."""
    return BriefRecogniser(engines.need(Engines.whisper), recording_settings().heard_window_s)


def other_people(material: Material, verifier: RecordingVerifier, most: int) -> Iterator[Made]:
    """One clip of each further person, halved into two statements."""
    engines = verifier._engines
    vad, recogniser = engines.need(Engines.vad), listener(engines)
    for row in material.others[:most]:
        piece = material.piece(row)
        half = len(piece.frames) // 2
        cut = half * RATE_HZ // FPS
        halves = [
            Piece(piece.frames[:half], piece.samples[:cut]),
            Piece(piece.frames[half:], piece.samples[cut:]),
        ]
        texts = []
        for own in halves:
            windows = speech_windows([Audio(own.samples, RATE_HZ)], vad)
            words = words_of(windows, recogniser, "en")
            texts.append(" ".join(word.unit.text for word in words))
        if not all(units(text) for text in texts):
            continue
        length = len(piece.frames) / FPS
        yield Made(
            pieces=[("first", halves[:1]), ("second", halves[1:])],
            statements={"first": texts[0], "second": texts[1]},
            answer="",
            refusal="",
            digits="",
            refused=halves[0],
            spans={"first": Span(0.0, half / FPS), "second": Span(half / FPS, length)},
        )


def minutes(made: Sequence[Made], path: Path) -> Made:
    """Five minutes: the pieces of several recordings as one long statement each, digits once."""
    flat: list[tuple[str, Piece]] = []
    whole = Made([], {}, made[0].answer, made[0].refusal, made[0].digits, made[0].refused)
    length, number = 0.0, 0
    spans: dict[str, Span] = {}
    texts: dict[str, str] = {}
    while length < 280.0:
        one = made[number % len(made)]
        for name, own in one.pieces:
            if number and name in ("agree", "code"):
                continue
            key = name if not number else f"{name}-{number}"
            seconds = sum(len(piece.frames) for piece in own) / FPS
            spans[key] = Span(length, length + seconds)
            length += seconds
            flat += [(key, piece) for piece in own]
            if name in one.statements:
                texts[key] = one.statements[name]
        number += 1
    write(path, (piece for _, piece in flat), scale=2)
    whole.statements, whole.spans = texts, spans
    return whole


def long_script(made: Made) -> bytes:
    """The script of the five minutes, in the order of its segments."""
    lines = ['id = "bench"', "version = 1", 'language = "en"']
    for name in made.spans:
        lines += ["[[segments]]", f'id = "{name}"']
        if name in made.statements:
            lines += ['kind = "statement"', f"text = {json.dumps(made.statements[name])}"]
        elif name == "code":
            lines += ['kind = "digits"', f"length = {len(made.digits)}"]
        else:
            lines += ['kind = "question"', 'text = "Do you agree?"']
            lines += answers_of(made)
    return "\n".join(lines).encode()


def measure_minutes(made: Made, path: Path) -> None:
    """What five minutes cost on the command line, decoders included: CPU time and memory."""
    script, times = path.with_suffix(".toml"), path.with_suffix(".segments.json")
    script.write_bytes(long_script(made))
    spans = [
        {"id": name, "start_s": span.start_s, "end_s": span.end_s}
        for name, span in made.spans.items()
    ]
    times.write_text(json.dumps({"segments": spans}))
    # Its own word on its memory: what a process is charged with includes its parent's at the fork.
    run = (
        "import sys; from veridical.cli import main\n"
        "try: main()\n"
        "finally: sys.stderr.write(next(l for l in open('/proc/self/status') if 'VmHWM' in l))"
    )
    command = [sys.executable, "-c", run, "recording", "verify", str(path)]
    command += ["--script", str(script), "--segments", str(times), "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(ended.stdout)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "kind": "minutes",
                "seconds": told["duration_s"],
                "segments": len(told["segments"]),
                "cpu_s": round(spent, 1),
                "cpu_s_a_minute": round(spent * 60 / told["duration_s"], 2),
                "peak_rss_mb": round(int(ended.stderr.split()[-2]) / 1024),
                "timings_ms": told["verdict"]["timings_ms"],
                "outcome": told["verdict"]["outcome"],
            }
        )
    )


def main() -> None:
    """Print one JSON line a recording and one a kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("-n", type=int, default=10, help="recordings a kind")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--brief", action="store_true", help="leave the first statement out")
    parser.add_argument("--json", action="store_true", help="keep each result beside its file")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    material = Material(arguments.index, arguments.seed)
    kinds = arguments.kinds.split(",")
    if kinds == ["minutes"]:
        path = arguments.out / "minutes.mp4"
        bases = [spoilt(base(material, None), "genuine", material, i) for i in range(6)]
        made = minutes(bases, path)
        del bases
        measure_minutes(made, path)
        return
    verifier = load_recording_verifier(Settings())
    bases = []
    if set(kinds) - {"other_people"}:
        bases = [base(material, None) for _ in range(arguments.n)]
    if arguments.brief:
        for one in bases:
            one.pieces = [(name, own) for name, own in one.pieces if name != "first"]
            del one.statements["first"]
    errors = words = 0
    for kind in kinds:
        outcomes: Counter[str] = Counter()
        passed: Counter[str] = Counter()
        found = placed = n = 0
        many: Iterator[Made]
        if kind == "other_people":
            many = other_people(material, verifier, len(material.others))
        elif kind == "with_digits":
            cutter = Cutter(verifier)
            many = (
                spoilt(base(material, cutter), "genuine", material, turn)
                for turn in range(arguments.n)
            )
        else:
            many = (spoilt(one, kind, material, turn) for turn, one in enumerate(bases))
        for turn, made in enumerate(many):
            path = arguments.out / f"{kind}-{turn:02}.mp4"
            write(path, (piece for _, own in made.pieces for piece in own))
            result, line = judge(verifier, made, path)
            print(json.dumps({"kind": kind, **line}), flush=True)
            if arguments.json:
                path.with_suffix(".json").write_text(json.dumps(result_to_json(result)))
            n += 1
            outcomes[str(result.verdict.outcome)] += 1
            status = {r.check: r.status for r in result.verdict.results}
            passed.update(check for check, s in status.items() if s is Status.PASS)
            if kind in CHECK:
                found += status[CHECK[kind]] is not Status.PASS
                placed += in_place(result, CHECK[kind], made)
            if kind == "genuine":
                for segment in result.segments:
                    if segment.said:
                        wrong = sum(word.status not in ("said",) for word in segment.said)
                        errors, words = errors + wrong, words + len(segment.said)
        summary: dict[str, object] = {"kind": kind, "n": n, "outcomes": dict(outcomes)}
        if kind in CHECK:
            summary |= {
                "check": CHECK[kind],
                "found": share(found, n),
                "in_place": share(placed, n),
                "accepted": share(outcomes[str(Outcome.ACCEPT)], n),
            }
        else:
            summary |= {"accepted": share(outcomes[str(Outcome.ACCEPT)], n)}
        summary["passed"] = {check: f"{count} of {n}" for check, count in passed.items()}
        print(json.dumps(summary), flush=True)
    if words:
        print(json.dumps({"raw_word_errors": share(errors, words)}))


if __name__ == "__main__":
    main()
