"""What does a frame of a clip show? The decoder's own planes, turned into RGB when looked at."""

from collections import OrderedDict
from threading import Lock

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from veridical.media.job import RGB, Layout
from veridical.types import Image

__all__ = ["Planes", "planar_images"]

KEPT = 16
"""Pictures kept of a clip: those that several checks look at are made once, and a clip that is
followed frame by frame does not hold all of them at a time."""
_TURNS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)


class Planes:
    """The frames of one clip as its codec stores them: full luma, colour at half the size.

    Half the memory of RGB, of which most frames are needed once or never. The same function of the
    same library makes RGB of them here as would have in the decoder, to the same numbers.

    Args:
        data: (n, height * 3 / 2, width) uint8: luma, then both planes of colour.
        layout: How they lie there.
    """

    def __init__(self, data: NDArray[np.uint8], layout: Layout) -> None:
        self._data = data
        self._layout = layout
        self._reformatter = VideoReformatter()
        self._recent: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._lock = Lock()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures, upright."""
        rows, width = self._data.shape[1:]
        height = rows * 2 // 3
        return (height, width) if self._layout.quarter_turns % 2 else (width, height)

    def rgb(self, index: int) -> NDArray[np.uint8]:
        """Pixels of one frame, upright: (height, width, 3) uint8."""
        with self._lock:
            pixels = self._recent.pop(index, None)
            if pixels is None:
                pixels = self._converted(index)
                if len(self._recent) >= KEPT:
                    self._recent.popitem(last=False)
            self._recent[index] = pixels
        return pixels

    def _converted(self, index: int) -> NDArray[np.uint8]:
        layout = self._layout
        frame = av.VideoFrame.from_numpy_buffer(self._data[index], format=layout.pixel_format)
        frame.colorspace, frame.color_range = layout.colorspace, layout.color_range
        pixels = self._reformatter.reformat(frame, format=RGB, threads=1).to_ndarray()
        turn = _TURNS[layout.quarter_turns]
        return np.asarray(pixels if turn is None else cv2.rotate(pixels, turn), np.uint8)


class _PlanarImage(Image):
    """One frame of `Planes`."""

    __slots__ = ("_index", "_planes")

    _planes: Planes
    _index: int

    def __init__(self, planes: Planes, index: int) -> None:
        object.__setattr__(self, "_planes", planes)
        object.__setattr__(self, "_index", index)

    @property  # in place of the array that any other picture holds
    def pixels(self) -> NDArray[np.uint8]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._planes.rgb(self._index)

    @property
    def width(self) -> int:
        return self._planes.size[0]

    @property
    def height(self) -> int:
        return self._planes.size[1]


def planar_images(data: NDArray[np.uint8], layout: Layout) -> tuple[Image, ...]:
    """The frames of a clip as pictures, each made when its pixels are first asked for.

    Args:
        data: As `Planes`.
        layout: As `Planes`.
    """
    planes = Planes(data, layout)
    return tuple(_PlanarImage(planes, index) for index in range(len(data)))
