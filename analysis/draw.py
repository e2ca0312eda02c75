"""Which frames of a clip are looked at closely? A secret decides, after the clip was handed in.

Whoever knew the places could put frames of another person exactly there. The draw follows from the
secret, the transaction, its attempt and the clip's content: nobody outside can foresee it, another
encoding of the same clip draws anew and costs an attempt, and who holds the secret can repeat it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from veridical.liveness.repeats import thumbnails
from veridical.types import Clip

__all__ = ["REPEATABLE", "FrameDraw", "LookedAt"]

VERSION = 1
"""Of the way from secret to frames; a change of it, or of what is drawn from, counts it up."""
LABEL = b"veridical frame draw"
OTHERS = b"veridical other draws"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What was drawn for one clip: what an auditor compares with a repeated draw.

    Attributes:
        draw: Version of the draw and name of its key, such as `1:k3f0a9c21`.
        times_ms: Presentation times of the frames, in order.
    """

    draw: str
    times_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FrameDraw:
    """Draws frames by a secret.

    Attributes:
        secret: At least 16 bytes; whoever knows it can foresee every draw.
        key: Name of the secret, which stands in verdicts; `process` for one that no other process
            knows.

    Raises:
        ValueError: The secret is too short to be one.
    """

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(KEY_BYTES), repr=False)
    key: str = "process"

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError(f"a draw needs a secret of at least 16 bytes, got {len(self.secret)}")

    @classmethod
    def derived(cls, key: bytes, name: str) -> "FrameDraw":
        """A draw whose secret follows from a key that serves other ends, too.

        Args:
            key: The key; the secret tells nothing of it.
            name: Its name.
        """
        return cls(hmac.digest(key, LABEL, "sha256"), name)

    @property
    def version(self) -> str:
        """What a verdict says of the draw."""
        return f"{VERSION}:{self.key}"

    @property
    def other_draws(self) -> bytes:
        """The key of draws that colours and turns are ranked among; it tells nothing of frames."""
        return hmac.digest(self.secret, OTHERS, "sha256")

    def __call__(
        self, clip: Clip, transaction: str, attempt: int, among: Sequence[int], wanted: int
    ) -> list[int]:
        """Draw frames, one from each of as many equal stretches, so that all of a clip is covered.

        Args:
            clip: The clip.
            transaction: Its id.
            attempt: Number of the attempt.
            among: Indices of the frames that may be drawn, in order.
            wanted: How many at most.

        Returns:
            Indices in order; all of `among` where there are no more.
        """
        count = len(among)
        if count <= wanted:
            return list(among)
        digits = self._stream(f"{transaction}\0{attempt}".encode() + content_of(clip), wanted)
        drawn = []
        for turn, digit in enumerate(digits):
            first, last = turn * count // wanted, (turn + 1) * count // wanted
            drawn.append(among[first + digit * (last - first) // (1 << 32)])
        return drawn

    def _stream(self, message: bytes, wanted: int) -> list[int]:
        """Numbers of 32 bits that follow from the secret and a message."""
        seed = hmac.digest(self.secret, bytes([VERSION]) + message, "sha256")
        parts = [hmac.digest(seed, turn.to_bytes(4, "big"), "sha256") for turn in range(wanted)]
        return [int.from_bytes(part[:4], "big") for part in parts]


REPEATABLE = FrameDraw(b"known to everybody", "public")
"""For measurements, which must come out alike every time; never where somebody may deceive."""


def content_of(clip: Clip) -> bytes:
    """A digest of a clip by what it shows and when.

    Of a thousand single pixels a frame: any other encoding changes some of them, and to hash whole
    frames would cost more than to look at them.
    """
    digest = hashlib.sha256(clip.times_ms.tobytes())
    digest.update(thumbnails(clip).tobytes())
    return digest.digest()
