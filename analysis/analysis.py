"""What several checks read of one transaction, computed once."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from veridical.analysis.draw import REPEATABLE, FrameDraw, LookedAt
from veridical.analysis.engines import Engines
from veridical.analysis.transaction import Transaction
from veridical.chip import ChipInspection, TrustList, chip_challenge, inspect_chip
from veridical.chip.check import belongs
from veridical.errors import InputError
from veridical.face import look, look_any_way_up
from veridical.face.track import FaceTracker
from veridical.gallery import Attributes
from veridical.liveness import CaptureFacts
from veridical.liveness.fingerprint import FingerprintIndex, fingerprint
from veridical.liveness.lips import Heard, MouthTrack
from veridical.liveness.lips.track import frames_enough, mouth_track
from veridical.media.picture import read_portrait
from veridical.ocr import Document, holder_number
from veridical.signals.seen import SeenFaces, Sighting
from veridical.tracing import here, part
from veridical.types import Audio, Clip, Image, Template, View
from veridical.voiceprint import (
    Enrolment,
    SpeechAnalysis,
    SpeechLimits,
    analyse_speech,
    enrol_voice,
)
from veridical.voiceprint.fbank import RATE_HZ as SPEECH_RATE_HZ
from veridical.voiceprint.replay import SoundIndex, sound_codes
from veridical.voiceprint.statement import StatementReading
from veridical.voiceprint.windows import LONGEST_S as LONGEST_WINDOW_S
from veridical.voiceprint.windows import Window, speech_windows

if TYPE_CHECKING:
    from veridical.signals.ledger import Ledger
    from veridical.store import Fingerprints, MediaMemory
    from veridical.store.lists import Listed

__all__ = ["Analysis", "Executor"]

CLIP_VIEWS = 12
"""Frames of a clip that are looked at, one of each stretch: 8 to 15 steady the vote of frames that
are near-copies of each other, and every one costs a detection
(docs/measurements/silent-liveness.md)."""

SEX_LETTERS = {"男": "M", "女": "F", "M": "M", "F": "F", "X": "X"}

FACE_VIEWS = 6
"""Of these views, those whose faces are compared: each costs a run of the recogniser, the dearest
network of the chain; six over a clip still show a change of person that lasts two views."""

T = TypeVar("T")
Sides = tuple[Document | None, Document | None]
"""Front and back of a document."""
Executor = Callable[[Callable[[], tuple[Sides, float]]], Future[tuple[Sides, float]] | None]
"""Runs something in another thread; None where none is free, and the caller does it itself."""


class Nothing:
    """What is known of media that came before a sample: nothing, whatever came."""

    def remember(self, transaction: str, codes: Sequence[bytes]) -> None:
        """Keep nothing."""

    def best_share(self, codes: Sequence[bytes], radius_bits: int, besides: str = "") -> float:
        """Find nothing."""
        del codes, radius_bits, besides
        return 0.0


NOTHING = Nothing()


class Analysis:
    """One transaction, looked at once.

    Everything is computed when it is first asked for. Belongs to one thread.

    Args:
        transaction: What was handed in.
        engines: Run the networks.
        ledger: Knows what was seen of applicants before; None without a database.
        memory: Codes of media that were handed in before; None keeps none.
        draw: Draws the frames of a clip that are looked at closely; a secret one wherever somebody
            may deceive.
        trust: Whom to trust to sign chips; None leaves them unverified.

    Attributes:
        transaction: What was handed in.
        ledger: Knows what was seen of applicants before; None without a database.
        timings_ms: Wall time by stage, filled as stages run.
        velocity: The policy's own limits of attempts, by count; for `signals.velocity`.
        listens: Whether the policy has words recognised: no other loads the networks for it.
    """

    def __init__(
        self,
        transaction: Transaction,
        engines: Engines,
        ledger: "Ledger | None" = None,
        memory: "MediaMemory | None" = None,
        draw: FrameDraw = REPEATABLE,
        trust: TrustList | None = None,
    ) -> None:
        self.transaction = transaction
        self.ledger = ledger
        self.timings_ms: dict[str, float] = {}
        self.velocity: Mapping[str, int] = {}
        self.listens = True
        self._engines = engines
        self._memory = memory
        self._draw = draw
        self._trust = trust
        self._reading: Future[tuple[Sides, float]] | None = None

    def _timed(self, stage: str, compute: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            with part(stage):
                return compute()
        finally:
            elapsed = (time.perf_counter() - start) * 1000
            self.timings_ms[stage] = self.timings_ms.get(stage, 0.0) + elapsed

    @cached_property
    def mouth(self) -> MouthTrack | None:
        """The mouth in the followed frames; None without a clip or the models to follow it."""
        clip, followed = self.transaction.clip, self.followed
        if clip is None or followed is None:
            return None
        skipped = len(clip.frames) - len(followed)
        return self._timed("mouth", lambda: mouth_track(followed, skipped))

    @cached_property
    def followed(self) -> tuple[View, ...] | None:
        """The face in as many frames as lips need, those that are looked at among them.

        None without a clip or the models to follow it.
        """
        clip, detector, mesher = (
            self.transaction.clip,
            self._engines.detector,
            self._engines.mesher,
        )
        if clip is None or detector is None or mesher is None:
            return None
        tracker, looked = FaceTracker(detector, mesher), self.views
        chosen = frames_enough(clip.times_ms)
        part = Clip(tuple(clip.frames[index] for index in chosen), clip.times_ms[chosen])
        return self._timed("mouth", lambda: tracker(part, looked))

    @cached_property
    def heard(self) -> Heard | None:
        """The clip's own sound, as lips are compared with it; None without sound."""
        clip, speech, challenge = self.transaction.clip, self.speech, self.transaction.challenge
        if clip is None or clip.audio is None or speech is None or self.transaction.voice:
            return None
        audio = Audio(speech.samples, SPEECH_RATE_HZ)
        if challenge is not None and challenge.phrase:
            return self._heard_phrase(audio, speech)
        digits = self._engines.digits
        if digits is None or challenge is None or not speech.segments_s:
            return Heard(audio, speech.segments_s)
        if not challenge.digits or challenge.language not in digits.languages:
            return Heard(audio, speech.segments_s)
        reading = self._timed(
            "digits", lambda: digits.read(speech, challenge.digits, challenge.language)
        )
        onsets = reading.times.start_ms if reading.times is not None else ()
        return Heard(audio, speech.segments_s, onsets, reading.score)

    def _heard_phrase(self, audio: Audio, speech: SpeechAnalysis) -> Heard:
        """Sound in which words were asked for: what was read and when, where that was heard."""
        reading = self.statement_reading
        if reading is None:
            return Heard(audio, speech.segments_s)
        return Heard(audio, speech.segments_s, reading.onsets_ms, reading.score)

    @property
    def statement(self) -> str:
        """The text that was to be read aloud, or the phrase of the challenge; empty without."""
        challenge = self.transaction.challenge
        return self.transaction.statement or (challenge.phrase if challenge else "")

    @cached_property
    def statement_reading(self) -> StatementReading | None:
        """The recording held against that text; None without one, sound, or the model to hear."""
        if not self.listens or not self.statement or self.speech is None:
            return None
        check = self._engines.statement
        if check is None:
            return None
        return self._timed(
            "statement",
            lambda: check.read(
                self.speech_windows,
                self.statement,
                self.transaction.language or self.language or "en",
                self.transaction.voice_reference,
            ),
        )

    @property
    def seen_clips(self) -> FingerprintIndex | None:
        """Fingerprints of earlier clips of the tenant; None where none are kept."""
        return self._seen("clip")

    @property
    def seen_sounds(self) -> SoundIndex | None:
        """Codes of earlier sound of the tenant; None where none are kept."""
        return self._seen("sound")

    def _seen(self, kind: str) -> "Fingerprints | Nothing | None":
        if self._memory is None:
            return None
        transaction = self.transaction
        return NOTHING if transaction.sample else self._memory.of(kind, transaction.signals.tenant)

    def remember(self) -> None:
        """Keep codes of clip and sound, so that they are known when they come again."""
        clip, clips = self.transaction.clip, self.seen_clips
        if clips is not None and clip is not None:
            clips.remember(self.transaction.id, fingerprint(clip))
        sounds = self.seen_sounds
        if sounds is not None and self.speech is not None:
            sounds.remember(self.transaction.id, sound_codes(self.speech))

    @property
    def capture(self) -> CaptureFacts:
        """What was said of the capture.

        Raises:
            InputError: `metadata.invalid`: a number is none.
        """
        return CaptureFacts.from_metadata(self.transaction.metadata)

    @property
    def today(self) -> date:
        """The day by which a document counts as expired."""
        return self.transaction.today or date.today()

    @cached_property
    def front(self) -> Document | None:
        """The document's front, read; None when no picture of it was handed in."""
        return self._sides[0]

    @cached_property
    def back(self) -> Document | None:
        """The document's back, read; None when no picture shows it."""
        return self._sides[1]

    def read_ahead(self, executor: Executor) -> None:
        """Have the document read in another thread, where one is free, while this one goes on.

        It is the longest work that needs nothing of clip, selfie and sound.
        """
        if self.transaction.document_front is not None and self._engines.reader is not None:
            self._reading = executor(here(self._read_sides))

    @cached_property
    def _sides(self) -> Sides:
        """Front and back; both sides of a card may stand on one picture, handed in as the front."""
        pictures = self.transaction.document_front, self.transaction.document_back
        if self._engines.reader is None or pictures == (None, None):
            return None, None
        reading = self._reading
        sides, elapsed_ms = self._read_sides() if reading is None else reading.result()
        self.timings_ms["document"] = elapsed_ms
        return sides

    def _read_sides(self) -> tuple[Sides, float]:
        """The sides, and the milliseconds that took; in any thread, since it changes nothing."""
        start = time.perf_counter()
        reader = self._engines.reader
        image, other = self.transaction.document_front, self.transaction.document_back
        front = back = None
        if reader is not None and image is not None and other is None:
            front, back = reader.both_sides(image)
        elif reader is not None:
            front = None if image is None else reader(image)
            back = None if other is None else reader(other)
        return (front, back), (time.perf_counter() - start) * 1000

    @property
    def sides(self) -> tuple[Document, ...]:
        """The sides of the document that were read."""
        return tuple(side for side in (self.front, self.back) if side is not None)

    @cached_property
    def chip(self) -> ChipInspection | None:
        """The document's chip, verified; None where its files were not handed in."""
        files = self.transaction.chip
        if files is None:
            return None
        challenge = chip_challenge(self.transaction.id)
        return self._timed("chip", lambda: inspect_chip(files, self._trust, self.today, challenge))

    @cached_property
    def believed_chip(self) -> ChipInspection | None:
        """The chip, where a trusted state signed it and it is the photographed document's."""
        chip = self.chip
        return chip if chip is not None and belongs(chip, self.sides) else None

    @cached_property
    def portrait(self) -> View | None:
        """The portrait on the chip that is believed, else the printed one; None without either.

        Another document's chip is genuine as well: its portrait stands for nobody here.
        """
        chip = self.believed_chip
        if chip is not None and chip.portrait:
            with suppress(InputError):  # a picture that nothing opens: the printed one is left
                signed = read_portrait(chip.portrait)
                return self._timed("portrait", lambda: self._look(signed, 0.0))
        if self.front is None or self.front.portrait is None:
            return None
        portrait = self.front.portrait
        return self._timed("portrait", lambda: self._look_at(portrait))

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Frames of the clip drawn evenly over it, or the one selfie; empty without either."""
        clip, selfie = self.transaction.clip, self.transaction.selfie
        if clip is not None:
            return self._timed("face", lambda: self._look_over(clip))
        if selfie is not None:
            return (self._timed("face", lambda: self._look_at(selfie)),)
        return ()

    @cached_property
    def face_template(self) -> Template | None:
        """One template of the applicant's live face; None without a face to make it of."""
        embedder = self._engines.embedder
        seen = [view for view in self.face_views if view.subject is not None]
        if embedder is None or not seen:
            return None
        return self._timed("face_template", lambda: embedder.fused_frames(seen))

    @cached_property
    def attributes(self) -> Attributes:
        """What the document says that narrows a search of a list."""
        front = self.front
        fields = front.fields if front is not None else {}
        birth, sex = fields.get("birth"), fields.get("sex")
        # A zone writes two digits of a year: a guessed century would search the wrong entries.
        zone = front.mrz if front is not None else None
        sure = zone is None or len(zone.birth_days(self.today)) == 1
        year = birth.value[:4] if birth is not None and sure else ""
        return Attributes(
            int(year) if year.isdigit() and 1850 <= int(year) < 2200 else None,
            SEX_LETTERS.get(sex.value, "") if sex is not None else "",
        )

    @cached_property
    def citizen_number(self) -> str:
        """The number of a resident identity card, when it is whole; empty without one."""
        numbers = (holder_number(side) for side in self.sides if side.kind == "prc_id_front")
        return next(filter(None, numbers), "")

    @cached_property
    def document_number(self) -> str:
        """The number that says who holds the document, when its check digits hold; else empty."""
        return next(filter(None, map(holder_number, self.sides)), "")

    @property
    def issuer(self) -> str:
        """Who issued the document, by its machine-readable zone; empty without one."""
        found = (side.value("issuer") for side in self.sides)
        return next((issuer for issuer in found if issuer), "")

    @cached_property
    def sighting(self) -> Sighting | None:
        """Everything by which this attempt may be known again; None without a database."""
        ledger, transaction = self.ledger, self.transaction
        if ledger is None:
            return None
        number = self.document_number
        return self._timed(
            "sighting",
            lambda: ledger.sighting(
                transaction.id, transaction.attempt, transaction.signals, number
            ),
        )

    @cached_property
    def seen_faces(self) -> SeenFaces | None:
        """Faces of earlier transactions most alike; None without a database or a face."""
        ledger, sighting, face = self.ledger, self.sighting, self.face_template
        if ledger is None or sighting is None or face is None:
            return None
        return self._timed("seen_faces", lambda: ledger.seen_faces(sighting, face))

    @cached_property
    def listed(self) -> "Mapping[str, Listed]":
        """Entries of lists for what is known of the applicant, by kind."""
        ledger, sighting = self.ledger, self.sighting
        if ledger is None or sighting is None:
            return {}
        return self._timed("listed", lambda: ledger.listed(sighting))

    @cached_property
    def speech(self) -> SpeechAnalysis | None:
        """What was said, with its quality; None without sound."""
        clip, vad = self.transaction.clip, self._engines.vad
        audio = self.transaction.voice or (clip.audio if clip is not None else None)
        if audio is None or vad is None:
            return None
        return self._timed("speech", lambda: analyse_speech(audio, vad))

    @property
    def language(self) -> str:
        """What the applicant was asked to speak; empty when nothing says it."""
        challenge = self.transaction.challenge
        return challenge.language if challenge is not None else self.transaction.language

    def speech_windows(self) -> tuple[Window, ...]:
        """The speech in windows of at most half a minute; none without sound."""
        speech, vad = self.speech, self._engines.vad
        if speech is None or vad is None:
            return ()
        if speech.duration_s <= LONGEST_WINDOW_S:
            return (Window(0.0, speech),)
        return tuple(speech_windows([Audio(speech.samples, SPEECH_RATE_HZ)], vad))

    @cached_property
    def voice_enrolment(self) -> Enrolment | None:
        """A template of the applicant's voice, or why there is none; None without sound or model.

        One recording may hold less speech than a good reference should: what the comparison itself
        takes is taken here.
        """
        speech, embedder = self.speech, self._engines.voice
        if speech is None or embedder is None:
            return None
        least_s = SpeechLimits().min_net_speech_s
        return self._timed(
            "voice_template",
            lambda: enrol_voice(embedder, [speech], least_speech_s=least_s, language=self.language),
        )

    @cached_property
    def face_views(self) -> tuple[View, ...]:
        """Of the views, those whose faces are compared, evenly spread."""
        return tuple(self.views[i] for i in spread(len(self.views), FACE_VIEWS))

    def _look_over(self, clip: Clip) -> tuple[View, ...]:
        # Only frames in which lips are followed, too: who puts another face there moves its lips.
        among, transaction = frames_enough(clip.times_ms), self.transaction
        chosen = self._draw(clip, transaction.id, transaction.attempt, among, CLIP_VIEWS)
        return tuple(self._look(clip.frames[i], float(clip.times_ms[i])) for i in chosen)

    @property
    def looked_at(self) -> LookedAt | None:
        """Which frames of the clip were drawn; None without a clip, or where none was looked at."""
        if self.transaction.clip is None or "views" not in self.__dict__:
            return None
        return LookedAt(self._draw.version, tuple(view.time_ms for view in self.views))

    def _look_at(self, picture: Image) -> View:
        """A single picture, whichever way it was held."""
        detector = self._engines.detector
        if detector is None:
            return View(picture, (), None, "model_missing")
        return look_any_way_up(picture, detector, self._engines.mesher)

    def _look(self, image: Image, time_ms: float) -> View:
        detector = self._engines.detector
        if detector is None:
            return View(image, (), None, "model_missing", None, time_ms)
        return look(image, detector, self._engines.mesher, time_ms)


def spread(available: int, wanted: int) -> Sequence[int]:
    """Indices of at most `wanted` of `available` items, evenly spread, ends included."""
    if available <= wanted:
        return range(available)
    return [int(i) for i in np.linspace(0, available - 1, wanted).round()]
