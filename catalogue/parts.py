"""What are an installation's checks made of?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from veridical.analysis.draw import FrameDraw
from veridical.analysis.engines import Engines
from veridical.chip import TrustList
from veridical.gallery import WatchlistCheck
from veridical.liveness import Attestor
from veridical.signals.provider import Provider

if TYPE_CHECKING:
    from veridical.signals.ledger import Ledger  # brings the database with it

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an installation has. A check whose part is None answers why it cannot judge.

    Attributes:
        engines: Run the networks; one whose model is not there is None.
        draw: Draws the frames that are looked at closely.
        watchlist: Searches a list.
        attestor: Checks the platform's attestation of a capture.
        trust: Whom to trust to sign chips.
        ledger: Knows what was seen of applicants before.
        provider: A service outside that is asked.
    """

    engines: Engines
    draw: FrameDraw
    watchlist: WatchlistCheck | None = None
    attestor: Attestor | None = None
    trust: TrustList | None = None
    ledger: "Ledger | None" = None
    provider: Provider | None = None

    @property
    def follows_faces(self) -> bool:
        """Whether a face can be followed through a clip."""
        return self.engines.detector is not None and self.engines.mesher is not None
