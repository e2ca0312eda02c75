"""The engines a recording is judged by: those of the verifier's rooms, over one model set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.face import FaceDetector, FaceEmbedder, FaceMesher
from veridical.face.mesh import Mesher
from veridical.liveness import SilentCheck
from veridical.liveness.lips import Adaptation, LipsCheck
from veridical.models import ModelStore, Profile, Session
from veridical.result import ModelRef
from veridical.voiceprint import DigitsCheck, VoiceEmbedder
from veridical.voiceprint.statement import Recogniser
from veridical.voiceprint.whisper import Heard, Transcript, Whisper

__all__ = ["BriefRecogniser", "Engines"]

T = TypeVar("T")
UNAVAILABLE = ("model.missing", "model.not_commercial")


class BriefRecogniser:
    """Whisper that fills short sound up to less than the half minute it was trained on.

    A recording is heard segment by segment, and most segments are short: half the window is half
    the cost (docs/recording.md says what it changes).

    Args:
        whisper: The recogniser.
        window_s: Shorter sound is filled up with silence to this length.
    """

    def __init__(self, whisper: Whisper, window_s: float) -> None:
        self._whisper = whisper
        self._window_s = window_s

    @property
    def refs(self) -> tuple[ModelRef, ...]:
        """See `Whisper`."""
        return self._whisper.refs

    def hear(self, samples: NDArray[np.float32]) -> Heard:
        """See `Whisper`."""
        return self._whisper.hear(samples, self._window_s)

    def transcribe(self, heard: Heard, language: str, context: str = "") -> Transcript:
        """See `Whisper`."""
        return self._whisper.transcribe(heard, language, context)

    def log_likelihoods(
        self, heard: Heard, texts: Sequence[str], language: str, context: str = ""
    ) -> NDArray[np.float64]:
        """See `Whisper`."""
        return self._whisper.log_likelihoods(heard, texts, language, context)


@dataclass(frozen=True, slots=True)
class Engines:
    """One set serves every recording and thread; each is None where its model is missing.

    Attributes:
        detector: Finds faces.
        mesher: Finds dense landmarks.
        embedder: Makes face templates.
        silent: Judges whether a live person is there.
        lips: Compares lips and sound.
        vad: Session of the voice activity detector.
        voice: Makes voice templates.
        digits: Holds speech against prompts.
        recogniser: Writes down speech.
        missing: Models that are not there, with the reason code.
    """

    detector: FaceDetector | None = None
    mesher: Mesher | None = None
    embedder: FaceEmbedder | None = None
    silent: SilentCheck | None = None
    lips: LipsCheck | None = None
    vad: Session | None = None
    voice: VoiceEmbedder | None = None
    digits: DigitsCheck | None = None
    recogniser: Recogniser | None = None
    missing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        store: ModelStore,
        profile: Profile,
        heard_window_s: float,
        adaptation: Adaptation | None = None,
    ) -> Self:
        """Load a model set; a model that was not pulled, or may not be used, leaves its engine out.

        Args:
            store: The installation's models; sessions are shared with all who ask it.
            profile: The model set.
            heard_window_s: See `BriefRecogniser`.
            adaptation: What `veridical adapt lips` fitted to the installation's own recordings.

        Raises:
            ModelError: A model is altered.
        """
        missing: dict[str, str] = {}

        def engine(role: str, make: Callable[[tuple[str, ...]], T]) -> T | None:
            names = profile.roles.get(role)
            if names is None:
                return None
            try:
                return make(names)
            except ModelError as error:
                if error.code not in UNAVAILABLE:
                    raise
                missing[str(error).split(" ")[1]] = error.code
                return None

        def session(names: tuple[str, ...]) -> Session:
            return store.session(names[0])

        def listener(names: tuple[str, ...]) -> Recogniser:
            encoder, decoder = (store.session(name) for name in names)
            return BriefRecogniser(Whisper(encoder, decoder), heard_window_s)

        # First, for it takes most memory while it is being loaded.
        recogniser = engine("listener", listener)
        return cls(
            detector=engine("detector", lambda names: FaceDetector(session(names))),
            mesher=engine("mesh", lambda names: FaceMesher(session(names))),
            embedder=engine("recogniser", lambda names: FaceEmbedder.load(store, names)),
            silent=engine("silent", lambda _: SilentCheck.load(store, profile)),
            lips=engine("lips", lambda _: LipsCheck.load(store, profile, adaptation)),
            vad=engine("speech", session),
            voice=engine("voice", lambda names: VoiceEmbedder(session(names))),
            digits=engine("digits_en", lambda _: DigitsCheck.load(store, profile)),
            recogniser=recogniser,
            missing=missing,
        )
