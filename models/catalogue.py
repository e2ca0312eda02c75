"""Which models are there, and are they what their cards say? The one place sessions come from."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from veridical.errors import ModelError
from veridical.models.card import Card, MeasuredPoint, list_cards
from veridical.models.lock_file import read_lock
from veridical.models.profile import Profile, read_profiles
from veridical.models.session import OnnxSession, open_session

__all__ = ["WEIGHTS_DIRECTORY", "ModelStore", "check_model", "locate"]

WEIGHTS_DIRECTORY = Path(__file__).parent / "weights"
"""Networks of our own, which are small and come with the package."""

FALLBACK_PROFILE = "registry"

_sessions: WeakValueDictionary[tuple[str, str, str], OnnxSession] = WeakValueDictionary()
_sessions_lock = Lock()


def locate(card: Card, directory: Path) -> tuple[Path, str]:
    """The file of a model and the hash it must have; no byte of it is read.

    Raises:
        ModelError: `model.missing`: it was not pulled, or for an older card.
    """
    if card.recipe == "shipped":
        return WEIGHTS_DIRECTORY / card.file.name, card.file.sha256
    entry = read_lock(directory).get(card.name)
    if entry is None or entry.source_sha256 != card.file.sha256:
        raise _missing(card, directory)
    return directory / entry.file, entry.sha256


def check_model(card: Card, directory: Path) -> OnnxSession:
    """Load a model anew: its bytes against the lock file, its answer against its card.

    Raises:
        ModelError: `model.missing`: it was not pulled; `model.altered`: its bytes are not those
            that were pulled, or it does not give its known answer.
    """
    path, sha256 = locate(card, directory)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise _missing(card, directory) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}", "model.altered") from error
    # The bytes that are hashed are the bytes that are loaded: there is no second read.
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelError(
            f"{path} is not the file that was pulled (its sha256 differs); "
            "run `veridical models pull` again",
            "model.altered",
        )
    return open_session(data, card, sha256)


class ModelStore:
    """The models of one directory.

    Args:
        directory: Where `veridical models pull` put them.
        commercial_only: Refuse every model whose card is not marked `commercial = "yes"`.
        cards: Of the models it knows; those shipped when not given.
    """

    def __init__(
        self,
        directory: Path,
        *,
        commercial_only: bool = False,
        cards: Iterable[Card] | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.commercial_only = commercial_only
        known = list_cards() if cards is None else cards
        self._cards: Mapping[str, Card] = {card.name: card for card in known}
        self._open: dict[str, OnnxSession] = {}

    def card(self, name: str) -> Card:
        """The card of a model.

        Raises:
            ModelError: `model.unknown`.
        """
        if name not in self._cards:
            raise ModelError(
                f"no model is named {name!r}; `veridical models list` shows those with a card",
                "model.unknown",
            )
        return self._cards[name]

    def has(self, name: str) -> bool:
        """Whether a model can be asked for: pulled and allowed. Its bytes are not checked yet."""
        return not self.unavailable(name)

    def unavailable(self, name: str) -> str:
        """Why a model cannot be asked for; empty when it can. Its bytes are not checked yet.

        Returns:
            `model.not_commercial`, `model.missing`, or `model.altered` for a lock file that is
            none.
        """
        card = self.card(name)
        if not self._allowed(card):
            return "model.not_commercial"
        try:
            return "" if locate(card, self.directory)[0].is_file() else "model.missing"
        except ModelError as error:
            return error.code

    def profile(self, name: str = "auto") -> Profile:
        """A named set of models.

        `auto` is the first set of which every model is here and allowed, else `registry`.

        Raises:
            ModelError: `model.unknown`: no set has that name.
        """
        profiles = read_profiles()
        if name == "auto":
            complete = (p for p in profiles.values() if all(self.has(m) for m in p.models))
            return next(complete, profiles[FALLBACK_PROFILE])
        if name not in profiles:
            raise ModelError(
                f"no profile is named {name!r}; there are: auto, {', '.join(profiles)}",
                "model.unknown",
            )
        return profiles[name]

    def operating_points(self, profile: Profile) -> Mapping[str, MeasuredPoint]:
        """Thresholds by check name: those of the profile, then those of its models' cards."""
        found: dict[str, MeasuredPoint] = {}
        for name in reversed(profile.models):
            found.update(self.card(name).operating_points)
        return {**found, **profile.operating_points}

    def session(self, name: str) -> OnnxSession:
        """The loaded model; loaded and proven on first use, shared from then on.

        Raises:
            ModelError: `model.unknown`: it has no card; `model.not_commercial`: the settings
                refuse its licence; `model.missing`: it was not pulled; `model.altered`: its bytes
                are not those that were pulled, or it does not give its known answer.
        """
        card = self.card(name)
        if not self._allowed(card):
            raise ModelError(
                f"model {name} is marked commercial = {card.commercial!r} and the settings allow "
                "only 'yes'; choose another model, or clear commercial_only",
                "model.not_commercial",
                name,
            )
        with _sessions_lock:
            if name not in self._open:
                self._open[name] = self._load(card)
            return self._open[name]

    def _load(self, card: Card) -> OnnxSession:
        path, sha256 = locate(card, self.directory)
        key = (str(path.resolve()), sha256, card.name)
        session = _sessions.get(key)
        if session is None:
            session = _sessions[key] = check_model(card, self.directory)
        return session

    def _allowed(self, card: Card) -> bool:
        return card.commercial == "yes" or not self.commercial_only


def _missing(card: Card, directory: Path) -> ModelError:
    return ModelError(
        f"model {card.name} ({card.task}) is not in {directory}; run `veridical models pull`",
        "model.missing",
        card.name,
    )
