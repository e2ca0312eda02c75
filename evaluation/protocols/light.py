"""How well does a face's answer to colours tell the moment? Light is simulated on real clips.

Every clip is lit in a dozen ways by a sequence drawn for it, encoded anew, followed and measured
as a transaction would be. Unlit clips, clips lit for another draw, and generated heads stand for
what was made before the draw; generated heads lit after it stand for what the challenge alone
cannot stop.
"""

import hashlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate, Trials, subject_bootstrap
from veridical.catalogue.points import points_of
from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import columns_of, hash_data, read_csv
from veridical.evaluation.plots import bars, histogram
from veridical.evaluation.request import Evaluation, Request, Section
from veridical.face.track import FaceTracker
from veridical.liveness.light import LightCheck, LightGate, draw_colours, trace_of
from veridical.liveness.light.check import frames_apart, signals_of
from veridical.liveness.light.follow import Draws, Matcher
from veridical.media import read_clip
from veridical.rehearsal.relight import Lamp, encoded, relight, shaken
from veridical.result import OperatingPoint
from veridical.types import Challenge, Clip, Colours, Image, View
from veridical.verification.settings import Settings

__all__ = ["Filmed", "LightMaker", "evaluate_light", "light_figures"]

COLUMNS = ("condition", "score", "reason", "p", "p_room", "gain", "room_share", "uneven", "tone",
           "cpu_ms")  # fmt: skip
GENUINE = frozenset({"genuine", "bona_fide", "silent"})
SHORTEST_S, LONGEST_S = 4.5, 9.0
SIDE_PX = 400
SLACK_MS = 20.0
LAG_MS = Lamp(0.0).lag_ms
"""Of a lamp of no other lag: drawn anew for every clip, 60 to 250 ms."""
BITS_A_FRAME = 32_000
"""As a browser's recorder at 0.8 Mb/s and 25 frames a second."""
SHARES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.3, 0.7)
DRAWS_UNLIT = 1000
"""Sequences each unlit clip is held against."""
DRAWS_OTHER = 1000
"""Sequences a lit clip is held against that it was not lit by: a forger's who made it before."""
FORGED = "lit_for_another_draw"
BEST_OF = (10, 50, 200)
KEY = b"evaluation only, never a server"


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a clip is lit.

    Attributes:
        lamp: The light.
        fps: Frames a second that are kept of it; 0 keeps all that the check reads.
        bits: Bits a frame.
        shake: How far the picture is moved by hand, in shares of its width.
    """

    lamp: Lamp
    fps: float = 0.0
    bits: int = BITS_A_FRAME
    shake: float = 0.0


WAYS: dict[str, Way] = {
    **{f"share_{100 * share:g}": Way(Lamp(share)) for share in SHARES},
    "share_4_10fps": Way(Lamp(0.04), fps=10),
    "share_4_8fps": Way(Lamp(0.04), fps=8),
    "share_8_8fps": Way(Lamp(0.08), fps=8),
    "share_8_quarter_bits": Way(Lamp(0.08), bits=BITS_A_FRAME // 4),
    "share_8_white_balance": Way(Lamp(0.08, balance=0.95, exposure=0.95)),
    "share_8_night_mode": Way(Lamp(0.08, gains=(1.0, 0.75, 0.3))),
    "share_8_moved": Way(Lamp(0.08), shake=0.04),
    "share_8_late": Way(Lamp(0.08, lag_ms=1000)),
    "share_8_inverted": Way(Lamp(0.08, inverted=True)),
    "tint_8": Way(Lamp(0.08, even=True)),
}
RELIT = "relit_after_the_draw"


@dataclass(frozen=True, slots=True)
class Filmed:
    """One row of the index.

    Attributes:
        row: Its line.
        file: The clip.
        speaker: Who is seen.
        label: `genuine`, or the name of an attack.
        species: Such as the method that generated it.
    """

    row: int
    file: Path
    speaker: str
    label: str
    species: str


@dataclass(frozen=True, slots=True)
class LightMaker:
    """Builds the measuring worker in its process.

    Attributes:
        settings: The installation.
        seed: Of what is drawn.
        ways: Names of `WAYS` that are measured.
    """

    settings: Settings
    seed: int = 0
    ways: tuple[str, ...] = tuple(WAYS)

    def __call__(self) -> "LightWorker":
        """Load face tracking."""
        engines = Engines.open(self.settings)
        tracker = FaceTracker(engines.need(Engines.detector), engines.need(Engines.mesher))
        return LightWorker(tracker, self.seed, self.ways)


class LightWorker:
    """Clip in, one row for each way of lighting it and one for each draw held against it out."""

    def __init__(self, tracker: FaceTracker, seed: int, ways: Sequence[str]) -> None:
        self._tracker = tracker
        self._seed = seed
        self._ways = ways
        self._check = LightCheck(KEY)

    def __call__(self, work: Filmed) -> Sequence[Mapping[str, object]]:
        """Measure one clip."""
        try:
            clip = reduced(read_clip(work.file, max_side_px=SIDE_PX))
        except InputError as error:
            return [{"condition": "unread", "reason": error.code}]
        length_ms = float(clip.times_ms[-1])
        if length_ms < SHORTEST_S * 1000:
            return [{"condition": "unread", "reason": "clip_too_short"}]
        name = hashlib.sha256(f"{self._seed} {work.file.name}".encode()).digest()
        chance = random.Random(int.from_bytes(name[:8]))  # noqa: S311
        plain = self._tracker(encoded(clip, BITS_A_FRAME))
        unlit = "unlit" if work.label == "genuine" else "generated"
        rows = list(held_against(unlit, plain, length_ms, DRAWS_UNLIT, chance.getrandbits(32)))
        if sum(view.mesh is None for view in plain) > len(plain) / 5:
            return rows
        if work.label != "genuine":
            return [*rows, self._lit(RELIT, Way(Lamp(0.08)), clip, plain, chance)[0]]
        for name_of in self._ways:
            row, views = self._lit(name_of, WAYS[name_of], clip, plain, chance)
            rows.append(row)
            if name_of == "share_16":
                others = held_against(FORGED, views, length_ms, DRAWS_OTHER, chance.getrandbits(32))
                rows += others
        return rows

    def _lit(
        self,
        condition: str,
        way: Way,
        clip: Clip,
        views: Sequence[View],
        chance: random.Random,
    ) -> tuple[Mapping[str, object], Sequence[View]]:
        """Light a clip, encode and follow it, and measure."""
        colours = draw_colours(float(clip.times_ms[-1]), chance)
        lamp = way.lamp
        if lamp.lag_ms == LAG_MS:
            lamp = replace(lamp, lag_ms=chance.uniform(60, 250))
        lit = relight(clip, [view.mesh for view in views], colours, lamp)
        if way.shake:
            lit = shaken(lit, way.shake, chance)
        elif not way.fps:
            # The mesh hardly minds the light (docs/measurements/light.md): where it lay, it lies.
            return self._measured(condition, encoded(lit, way.bits), views, colours)
        found = self._tracker(encoded(thinned(lit, way.fps), way.bits))
        return self._row(condition, found, colours), found

    def _measured(
        self, condition: str, clip: Clip, views: Sequence[View], colours: Colours
    ) -> tuple[Mapping[str, object], Sequence[View]]:
        """Measure a lit clip by the meshes of the unlit one."""
        found = [replace(view, image=image) for view, image in zip(views, clip.frames, strict=True)]
        return self._row(condition, found, colours), found

    def _row(self, condition: str, views: Sequence[View], colours: Colours) -> Mapping[str, object]:
        challenge = Challenge("0123", colours=colours)
        start = time.process_time()
        found = self._check.examine(views, challenge)
        cpu_ms = (time.process_time() - start) * 1000
        face, room = found.face, found.room
        seen = found.trace is not None and len(found.trace.skin) > 0
        return {
            "condition": condition,
            "score": found.score,
            "reason": found.reason,
            "p": face.p if face else None,
            "p_room": found.against_room.p if found.against_room else None,
            "gain": face.gain if face else None,
            "room_share": room / face.gain if face and room is not None and face.gain else None,
            "uneven": found.unevenness,
            "tone": float(found.trace.skin.mean()) if found.trace is not None and seen else None,
            "cpu_ms": cpu_ms,
        }


def held_against(
    condition: str, views: Sequence[View], length_ms: float, count: int, seed: int
) -> Sequence[Mapping[str, object]]:
    """Rank many sequences that might have been drawn after a clip was made: a row for each."""
    colours = draw_colours(length_ms, random.Random(seed))  # noqa: S311
    trace = trace_of(views)
    if len(trace.times_ms) < 2:
        return []
    signals = signals_of(trace, colours)
    drawn = Draws.of(colours, np.random.default_rng((seed, 0)), count)
    others = Draws.of(colours, np.random.default_rng((seed, 1)))
    columns = []
    for chroma in (signals.skin, None if signals.room is None else signals.skin - signals.room):
        if chroma is None:
            columns.append(np.zeros(count))
            continue
        match = Matcher(chroma, signals.times_ms, signals.basis, len(drawn.true))
        among = np.sort(match(others.others).max(1))
        below = np.searchsorted(among, match(drawn.others).max(1), side="left")
        columns.append((len(among) - below + 1) / (len(among) + 1))
    seen, most = signals.room is not None, LightGate().p_at_most
    return [
        {
            "condition": condition,
            "score": -float(np.log10(face)) if face <= most and room <= most else None,
            "reason": "light_too_weak",
            "p": float(face),
            "p_room": float(room) if seen else None,
            "tone": float(trace.skin.mean()),
        }
        for face, room in zip(*columns, strict=True)
    ]


def reduced(clip: Clip) -> Clip:
    """The frames the check reads of a clip's first seconds, no larger than a phone's preview."""
    times_ms = clip.times_ms - clip.times_ms[0]
    most = int(np.searchsorted(times_ms, LONGEST_S * 1000, side="right"))
    chosen = frames_apart(times_ms[:most].tolist())
    scale = min(1.0, SIDE_PX / max(clip.frames[0].width, clip.frames[0].height))
    width, height = (
        int(side * scale) // 2 * 2 for side in (clip.frames[0].width, clip.frames[0].height)
    )
    frames = [
        Image(
            np.asarray(
                cv2.resize(clip.frames[at].pixels, (width, height), interpolation=cv2.INTER_AREA),
                np.uint8,
            )
        )
        for at in chosen
    ]
    return Clip(tuple(frames), times_ms[chosen])


def thinned(clip: Clip, fps: float) -> Clip:
    """At most so many frames a second; 0 keeps all."""
    if fps <= 0:
        return clip
    kept, due_ms = [], 0.0
    for at, time_ms in enumerate(clip.times_ms):
        if time_ms >= due_ms - SLACK_MS:
            kept.append(at)
            due_ms = max(due_ms + 1000 / fps, time_ms)
    return Clip(tuple(clip.frames[at] for at in kept), clip.times_ms[kept])


def evaluate_light(
    request: Request,
    settings: Settings,
    ways: tuple[str, ...] = tuple(WAYS),
    maker: Maker[Filmed] | None = None,
) -> Evaluation:
    """Evaluate the light challenge over an index of clips nobody lit.

    Args:
        request: What was asked.
        settings: The installation.
        ways: Names of `WAYS` that are measured.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used.
        ModelError: A model is missing.
    """
    engines = Engines.open(settings)
    models = tuple(engines.card(role).ref for role in ("detector", "mesh"))
    clips = read_filmed(request)
    data = hash_data(request.index, [clip.file for clip in clips])
    stamp_run(
        request.out,
        {
            "kind": "light",
            "data": data,
            "limit": request.limit,
            "profile": engines.profile.name,
            "ways": list(ways),
            "seed": request.seed,
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    scores = ScoreFile(request.out / "scores.csv", COLUMNS)
    score_units(
        [Unit(str(number), clip) for number, clip in enumerate(clips)],
        maker or LightMaker(settings, request.seed, ways),
        scores,
        title="light",
        workers=request.workers,
    )
    point = points_of(engines)["liveness.light"]
    evaluation = light_figures(list(scores.rows()), clips, point, request.seed)
    evaluation.profile = engines.profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(clips)
    evaluation.options = {"ways": list(ways), "draws": DRAWS_UNLIT}
    return evaluation


def read_filmed(request: Request) -> list[Filmed]:
    """Rows of an index; `method` may be missing."""
    known = "method" in columns_of(request.index)
    return [
        Filmed(
            row.number,
            row.file("file"),
            row.text("speaker"),
            "genuine" if row.text("label") in GENUINE else row.text("label"),
            row.text("method", "") if known else "",
        )
        for row in read_csv(request.index, ("file", "speaker", "label"), request.limit)
    ]


def light_figures(
    rows: Sequence[Mapping[str, str]],
    clips: Sequence[Filmed],
    point: OperatingPoint,
    seed: int,
) -> Evaluation:
    """Work the figures out of scores; no model is needed.

    Args:
        rows: Rows of the score file.
        clips: In order of their numbers.
        point: Operating point in force.
        seed: Of the intervals.
    """
    figures = Figures("light")
    figures.put("accept_at", point.accept_at)
    kinds: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        kinds.setdefault(row["condition"], []).append(row)
    kinds.pop("unread", None)
    people = {speaker: at for at, speaker in enumerate(sorted({clip.speaker for clip in clips}))}
    shares: dict[str, Rate] = {}
    for kind, chosen in kinds.items():
        passed = np.array([_passes(row, point) for row in chosen])
        who = np.array([people[clips[int(row["unit"])].speaker] for row in chosen], np.int64)
        shares[kind] = rate = Rate(int(passed.sum()), len(passed))
        bounds = None
        if len({*who.tolist()}) < len(who) and rate.errors > 0:
            bounds = subject_bootstrap(Trials.counted(who, who, passed, len(people)), seed)
        # What accepts is a success of the lit and an error of all others.
        put = figures.share if kind.startswith("share_") else figures.rate
        put(f"accepted|{kind}", rate, bounds)
        figures.put(f"clips|{kind}", len({row["unit"] for row in chosen}))
        figures.put(f"people|{kind}", len({*who.tolist()}))
        figures.put(f"not_assessed|{kind}", sum(not row["score"] for row in chosen) / len(chosen))
        gains = [float(row["gain"]) for row in chosen if row["gain"]]
        figures.put(f"gain|{kind}", float(np.median(gains)) if gains else None)
        reasons = [row["reason"] for row in chosen if not row["score"]]
        for reason in sorted(set(reasons)):
            figures.put(f"reasons|{kind}|{reason}", reasons.count(reason))
    _put_species(figures, kinds.get("generated", []), clips, point)
    _put_tones(figures, kinds, point)
    for kind in ("unlit", FORGED, "generated"):
        _put_null(figures, kind, kinds.get(kind, []))
    _put_signs(figures, kinds)
    times = [float(row["cpu_ms"]) for row in rows if row["cpu_ms"] and row["score"]]
    figures.put("cpu_ms", float(np.median(times)) if times else None)
    figures.notes += [
        "light is simulated on real clips: regression figures, no claim about screens and people",
        "draws of one clip are not independent: intervals are drawn by person where they can be",
    ]
    unlit = _values(kinds.get("unlit", []), "p")
    sections = [
        Section(
            "Accepted",
            "Clips lit in one way each, and what was not lit for its draw.",
            bars(shares, "accepted"),
        )
    ]
    if len(unlit):
        sections.append(
            Section(
                "p values of unlit clips",
                "A fair rank spreads them evenly from 0 to 1.",
                histogram({"unlit": unlit}, {"accept": 10**-point.accept_at}, "p value"),
            )
        )
    return Evaluation(
        figures,
        headline=(
            ("accepted|share_4", "accepted at 4 % reflected"),
            ("accepted|share_8", "accepted at 8 %"),
            ("accepted|unlit", "unlit accepted"),
        ),
        sections=sections,
    )


def _passes(row: Mapping[str, str], point: OperatingPoint) -> bool:
    return bool(row["score"]) and float(row["score"]) >= point.accept_at


def _values(rows: Sequence[Mapping[str, str]], column: str) -> NDArray[np.float64]:
    return np.array([float(row[column]) for row in rows if row[column]], np.float64)


def _put_species(
    figures: Figures,
    rows: Sequence[Mapping[str, str]],
    clips: Sequence[Filmed],
    point: OperatingPoint,
) -> None:
    """Unlit generated heads by the method that made them."""
    species: dict[str, list[bool]] = {}
    for row in rows:
        clip = clips[int(row["unit"])]
        species.setdefault(clip.species or clip.label, []).append(_passes(row, point))
    for name, passed in sorted(species.items()):
        figures.rate(f"generated_by_method|{name}", Rate(sum(passed), len(passed)))


def _put_tones(
    figures: Figures, kinds: Mapping[str, Sequence[Mapping[str, str]]], point: OperatingPoint
) -> None:
    """Lit clips by thirds of how bright the skin was recorded, darkest first."""
    every = [row for row in kinds.get("unlit", []) if row["tone"]]
    if not every:
        return
    tones = {row["unit"]: float(row["tone"]) for row in every}
    edges = np.quantile([*tones.values()], (1 / 3, 2 / 3))
    for kind in ("share_2", "share_4", "share_8"):
        thirds: dict[str, list[bool]] = {}
        for row in kinds.get(kind, []):
            place = int(np.searchsorted(edges, tones.get(row["unit"], 0.0)))
            name = ("darkest", "middle", "brightest")[place]
            thirds.setdefault(name, []).append(_passes(row, point))
        for name, passed in thirds.items():
            figures.share(f"accepted_by_skin|{kind}|{name}", Rate(sum(passed), len(passed)))


def _put_null(figures: Figures, kind: str, rows: Sequence[Mapping[str, str]]) -> None:
    """How evenly the p values are spread, and what the best of several clips gains."""
    values = _values(rows, "p")
    if not len(values):
        return
    for level in (0.001, 0.005, 0.01, 0.05, 0.5):
        figures.share(
            f"p_at_most|{kind}|{level:g}", Rate(int((values <= level).sum()), len(values))
        )
    for most in BEST_OF:
        # Rows of one clip follow each other: shuffled, a group mixes clips and draws.
        mixed = np.random.default_rng(0).permutation(values)
        groups = mixed[: len(mixed) // most * most].reshape(-1, most)
        if len(groups):
            best = Rate(int((groups.min(1) <= 0.001).sum()), len(groups))
            figures.rate(f"best_of|{kind}|{most}", best)


def _put_signs(figures: Figures, kinds: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """The second evidence: room against face, and how evenly the face answers."""
    for kind in ("share_8", "share_30", "tint_8", RELIT):
        rows = kinds.get(kind, [])
        for column in ("room_share", "uneven"):
            found = _values(rows, column)
            for name, quantile in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
                value = float(np.quantile(found, quantile)) if len(found) else None
                figures.put(f"{column}|{kind}|{name}", value)
        figures.put(f"room_seen|{kind}", len(_values(rows, "p_room")))
