"""How much of a part of a picture is drowned in light?"""

from veridical.types import Box, Image

__all__ = ["WHITE", "glare"]

WHITE = 250
"""Grey level from which a channel is as good as clipped."""


def glare(image: Image, box: Box) -> float:
    """Share of a box that is white in all channels, 0..1; 0 outside the picture."""
    left, top = max(0, round(box.left)), max(0, round(box.top))
    patch = image.pixels[top : max(0, round(box.bottom)), left : max(0, round(box.right))]
    return float((patch.min(axis=2) >= WHITE).mean()) if patch.size else 0.0
