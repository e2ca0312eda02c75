"""Where does everybody get their networks? One set an installation, each loaded when wanted."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import RLock
from typing import Any, Generic, Self, TypeVar, cast, overload

from veridical.analysis.settings import EngineSettings
from veridical.errors import ModelError
from veridical.face import FaceDetector, FaceEmbedder, FaceMesher
from veridical.face.embed import joined_ref
from veridical.face.mediapipe import MediapipeMesher
from veridical.face.mesh import Mesher
from veridical.gallery import FmrCurve
from veridical.liveness import SilentCheck
from veridical.liveness.lips import Adaptation, LipsCheck
from veridical.models import Card, ModelStore, Profile, Session
from veridical.models.engines import MediapipeMesh, find_engine
from veridical.ocr import DocumentReader
from veridical.ocr.paddle import load_paddle_reader
from veridical.result import ModelRef
from veridical.voiceprint import DigitsCheck, NarrowBand, VoiceEmbedder
from veridical.voiceprint.digits import load_nets
from veridical.voiceprint.statement import StatementCheck
from veridical.voiceprint.whisper import Whisper

__all__ = ["Engines", "Lazy"]

T = TypeVar("T")
Net = TypeVar("Net")
UNAVAILABLE = ("model.missing", "model.not_commercial")
"""Codes of what an installation may do without; any other error of a model stops everything."""


class Lazy(Generic[T]):
    """An engine of `Engines`: built when it is first asked for, once, and None where it cannot be.

    Args:
        make: Builds it.
        roles: Of the model set, without which it cannot be.

    Attributes:
        roles: See above.
        name: Of the attribute.
    """

    def __init__(self, make: Callable[["Engines"], T], roles: tuple[str, ...]) -> None:
        self.make = make
        self.roles = roles
        self.name = ""
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the attribute's name."""
        self.name = name

    @overload
    def __get__(self, engines: None, owner: type) -> Self: ...

    @overload
    def __get__(self, engines: "Engines", owner: type) -> T | None: ...

    def __get__(self, engines: "Engines | None", owner: type) -> "Self | T | None":
        """The engine of a set; of the class, this description of it."""
        return self if engines is None else engines.find(self)


def lazy(*roles: str) -> "Callable[[Callable[[Engines], T]], Lazy[T]]":
    """Make a method an engine that wants models of these roles."""
    return lambda make: Lazy(make, roles)


class Engines:
    """The networks of one installation, for every door: verifier, recordings, command line, trials.

    Each is loaded when it is first asked for and shared by all who ask, in any thread. One whose
    model was not pulled, or is refused by the licence rule, is None; `need` raises instead.

    Args:
        store: The installation's models.
        profile: The model set.
        adaptation: What `veridical adapt lips` fitted to the installation's own recordings.
        mesh_engine: Lays the mesh in place of the model set's network; as the settings name it.
        ocr_engine: Reads lines of text in place of our own code; likewise.

    Attributes:
        store: See above.
        profile: See above.
        adaptation: See above.

    Raises:
        ModelError: `engine.missing`: an engine that is named is not installed.
    """

    def __init__(
        self,
        store: ModelStore,
        profile: Profile,
        *,
        adaptation: Adaptation | None = None,
        mesh_engine: str = "",
        ocr_engine: str = "",
    ) -> None:
        for name in filter(None, (mesh_engine, ocr_engine)):
            find_engine(name, store.directory)
        self.store = store
        self.profile = profile
        self.adaptation = adaptation
        self._mesh_engine = mesh_engine
        self._ocr_engine = ocr_engine
        self._built: dict[str, Any] = {}
        self._failed: dict[str, ModelError] = {}
        self._lock = RLock()

    @classmethod
    def open(cls, settings: EngineSettings | None = None, store: ModelStore | None = None) -> Self:
        """The engines of an installation; no network is loaded yet.

        Args:
            settings: The installation; read from the environment when None.
            store: Its models; opened when None.

        Raises:
            ModelError: A profile is unknown, or an engine that the settings name not installed.
            InputError: The lip adaptation cannot be used.
        """
        settings = settings or EngineSettings()
        store = store or settings.model_store()
        return cls(
            store,
            store.profile(settings.profile),
            adaptation=settings.open_lips_adaptation(),
            mesh_engine=settings.mesh_engine,
            ocr_engine=settings.ocr_engine,
        )

    @classmethod
    def of(cls, profile: str = "none", **engines: object) -> Self:
        """Engines made by the caller, such as a test's; those not given are None."""
        made = cls(ModelStore(Path("nowhere"), cards=()), Profile(profile, "", {}))
        made._built.update(engines)
        return made

    # --- what is asked of them --------------------------------------------------------------------

    def find(self, engine: Lazy[Net]) -> Net | None:
        """An engine, such as `Engines.detector`; None where a model of its is not there.

        Raises:
            ModelError: A model is altered, or an engine beside the networks fails.
        """
        if engine.name in self._built:  # nobody waits for another's network
            return cast("Net | None", self._built[engine.name])
        with self._lock:
            if engine.name not in self._built:
                try:
                    self._require_roles(engine)
                    self._built[engine.name] = engine.make(self)
                except ModelError as error:
                    if error.code not in UNAVAILABLE:
                        raise
                    self._built[engine.name] = None
                    self._failed[engine.name] = error
            return cast("Net | None", self._built[engine.name])

    def need(self, engine: Lazy[Net]) -> Net:
        """An engine that the caller cannot do without.

        Raises:
            ModelError: `model.missing`, `model.not_commercial`, `model.altered`.
        """
        found = self.find(engine)
        if found is None:
            raise self.failure(engine)
        return found

    def require(self, *roles: str) -> None:
        """Load what fills these roles, for a caller that hands all engines on.

        Raises:
            ModelError: The first of them cannot be filled; as `need`.
        """
        for role in roles:
            self.need(ROLES[role])

    def failure(self, engine: Lazy[Any]) -> ModelError:
        """Why an engine is not there; for one that was asked for and is None."""
        error = self._failed.get(engine.name)
        return error or ModelError(f"there is no engine {engine.name}", "model.missing")

    def lacking(self, roles: Iterable[str]) -> Mapping[str, ModelError]:
        """Which of these roles cannot be filled, and why; loads what fills the others."""
        found: dict[str, ModelError] = {}
        for role in roles:
            engine = ROLES[role]
            if self.find(engine) is None:
                found[role] = self.failure(engine)
        return found

    def has(self, role: str) -> bool:
        """Whether every model of a role is there and allowed; nothing is loaded."""
        names = self.profile.roles.get(role, ())
        return bool(names) and all(self.store.has(name) for name in names)

    @property
    def missing(self) -> Mapping[str, str]:
        """Models of the set that are not there or not allowed, with the reason; nothing is loaded.

        Of models that are there it is not said that they load: that is seen when one is asked for.
        """
        return {
            name: code for name in self.profile.models if (code := self.store.unavailable(name))
        }

    def session(self, role: str) -> Session:
        """The network that fills a role, the first of several.

        Raises:
            ModelError: As `ModelStore.session`; `model.missing` too where the set names none.
        """
        return self.sessions(role)[0]

    def sessions(self, role: str) -> tuple[Session, ...]:
        """Every network that fills a role, in the order of the set; raises as `session` does."""
        return tuple(self.store.session(name) for name in self._names(role))

    def card(self, role: str) -> Card:
        """The card of the network that fills a role, the first of several."""
        return self.store.card(self._names(role)[0])

    def _names(self, role: str) -> tuple[str, ...]:
        names = self.profile.roles.get(role, ())
        if not names:
            raise ModelError(
                f"profile {self.profile.name} names no model for {role!r}; choose another profile",
                "model.missing",
            )
        return names

    def _require_roles(self, engine: Lazy[Any]) -> None:
        for role in engine.roles:
            self._names(role)

    # --- the engines ------------------------------------------------------------------------------

    @lazy("detector")
    def detector(self) -> FaceDetector:
        """Finds faces."""
        return FaceDetector(self.session("detector"))

    @lazy("mesh")
    def mesher(self) -> Mesher:
        """Finds dense landmarks."""
        if self._mesh_engine:
            return MediapipeMesher(
                MediapipeMesh(find_engine(self._mesh_engine, self.store.directory))
            )
        return FaceMesher(self.session("mesh"))

    @lazy("recogniser")
    def embedder(self) -> FaceEmbedder:
        """Makes face templates."""
        return FaceEmbedder.load(self.store, self._names("recogniser"))

    @lazy("ocr_detector", "ocr_recogniser", "ocr_direction", "ocr_zone")
    def reader(self) -> DocumentReader:
        """Reads documents."""
        load = load_paddle_reader if self._ocr_engine else DocumentReader.load
        return load(self.store, self.profile)

    @lazy("silent")
    def silent(self) -> SilentCheck:
        """Judges passively whether a live person is there."""
        return SilentCheck.load(self.store, self.profile)

    @lazy("lips")
    def lips(self) -> LipsCheck:
        """Compares lips and sound."""
        return LipsCheck.load(self.store, self.profile, self.adaptation)

    @lazy("speech")
    def vad(self) -> Session:
        """Session of the voice activity detector."""
        return self.session("speech")

    @lazy("voice")
    def voice(self) -> VoiceEmbedder:
        """Makes voice templates."""
        (name,) = self._names("voice")
        return VoiceEmbedder(self.store.session(name), NarrowBand.from_card(self.store.card(name)))

    @lazy("digits_en")
    def digits(self) -> DigitsCheck:
        """Holds speech against prompted digits."""
        return DigitsCheck.load(self.store, self.profile)

    @lazy("listener")
    def digit_nets(self) -> DigitsCheck:
        """As `digits`, by the nets alone that are there: when was each digit said?"""
        return DigitsCheck(load_nets(self.store, self.profile))

    @lazy("listener")
    def whisper(self) -> Whisper:
        """Writes down speech."""
        encoder, decoder = self.sessions("listener")
        return Whisper(encoder, decoder)

    @lazy("listener")
    def statement(self) -> StatementCheck:
        """Holds speech against a text, and the voice against an enrolled one where it can."""
        return StatementCheck(self.need(Engines.whisper), self.voice)

    @property
    def recogniser_ref(self) -> ModelRef:
        """What face templates are of: the recogniser, or two that make one template."""
        return joined_ref([self.store.card(name).ref for name in self._names("recogniser")])

    @property
    def fmr_curve(self) -> FmrCurve | None:
        """What a similarity of two faces means; None where the recogniser's card does not say."""
        # Of two recognisers that make one template the second's card holds the curve of both.
        return FmrCurve.from_card(self.store.card(self._names("recogniser")[-1]))


ROLES: Mapping[str, Lazy[Any]] = {
    # First, for it takes most memory while it is being loaded.
    "listener": Engines.whisper,
    "detector": Engines.detector,
    "mesh": Engines.mesher,
    "recogniser": Engines.embedder,
    "ocr_detector": Engines.reader,
    "ocr_recogniser": Engines.reader,
    "ocr_direction": Engines.reader,
    "ocr_zone": Engines.reader,
    "silent": Engines.silent,
    "speech": Engines.vad,
    "voice": Engines.voice,
    "digits_en": Engines.digits,
    "digits_zh": Engines.digits,
    "lips": Engines.lips,
}
"""The engine that runs the models of a role, in the order in which they are best loaded."""
