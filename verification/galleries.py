"""Which galleries does an installation keep, and which of them is its watchlist?"""

import hashlib
import json
from typing import TYPE_CHECKING

from veridical.errors import ModelError
from veridical.face.embed import joined_ref
from veridical.gallery import FmrCurve, WatchlistCheck
from veridical.models import ModelStore
from veridical.result import ModelRef
from veridical.verification.settings import Settings

if TYPE_CHECKING:
    from veridical.gallery import Gallery
    from veridical.store import Database, KeyProvider

__all__ = ["open_gallery", "open_watchlist"]


def open_gallery(
    settings: Settings,
    database: "Database",
    keys: "KeyProvider",
    name: str,
    tenant: str = "default",
) -> "Gallery":
    """Open a gallery of faces, with its snapshot in the installation's data folder.

    Args:
        settings: The installation; its recogniser says which templates are compared.
        database: Upgraded.
        keys: Master keys.
        name: Of the gallery; made when it is not there.
        tenant: Whose gallery.

    Raises:
        StoreError: The database cannot be used.
    """
    from veridical.gallery import Gallery  # brings the database with it

    store = settings.model_store()
    ref = _recogniser_ref(store, settings.profile)
    model = f"{ref.name}@{ref.sha256[:12]}"
    # Names may hold anything: a file name is made of their hashes.
    folder, mine = settings.data_dir / "galleries", _digest(tenant, name)
    snapshot = folder / f"{mine}-{_digest(model)}.index"
    for older in folder.glob(f"{mine}-*.index"):
        if older != snapshot:
            older.unlink(missing_ok=True)  # no deletion would reach the templates in there
    return Gallery(database, keys, name, model, tenant=tenant, snapshot=snapshot)


def _digest(*words: str) -> str:
    return hashlib.sha256(json.dumps(words).encode("ascii")).hexdigest()[:32]


def open_watchlist(settings: Settings) -> WatchlistCheck | None:
    """The check that searches the installation's watchlist; None when it keeps none.

    Raises:
        StoreError: The database cannot be used.
        ModelError: `model.no_curve`: the recogniser's card holds no measured curve to set
            thresholds by.
    """
    if not settings.watchlist:
        return None
    store = settings.model_store()
    card = store.card(store.profile(settings.profile).roles["recogniser"][-1])
    curve = FmrCurve.from_card(card)
    if curve is None:
        raise ModelError(
            f"the card of {card.name} holds no FMR curve to set a watchlist's threshold by; "
            "measure one with research/benchmarks/fmr_curve.py",
            "model.no_curve",
        )
    gallery = open_gallery(settings, settings.open_database(), settings.keys(), settings.watchlist)
    return WatchlistCheck(gallery, curve, _recogniser_ref(store, settings.profile))


def _recogniser_ref(store: ModelStore, profile: str) -> ModelRef:
    """What the templates of a model set are of."""
    names = store.profile(profile).roles["recogniser"]
    return joined_ref([store.card(name).ref for name in names])
