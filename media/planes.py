"""What does a frame of a clip show? The decoder's own planes, turned into RGB when looked at."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from veridical.media.job import RGB, Layout
from veridical.types import Image

__all__ = ["Planes", "brightness", "planar_images", "sampled"]

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
                pixels = self._upright(index)
                if len(self._recent) >= KEPT:
                    self._recent.popitem(last=False)
            self._recent[index] = pixels
        return pixels

    def sampled(self, indexes: Sequence[int], rows: slice, columns: slice) -> NDArray[np.uint8]:
        """Single pixels of some frames, the same as `rgb` has, without making the pictures.

        Args:
            indexes: Of the frames.
            rows: Of the upright picture.
            columns: Likewise.

        Returns:
            (frames, rows, columns, 3) uint8.
        """
        width, height = self.size
        down, across = np.arange(height)[rows] // 2, np.arange(width)[columns] // 2
        turns, stored_rows = self._layout.quarter_turns, self._data.shape[1] * 2 // 3
        luma = np.rot90(self._data[:, :stored_rows], turns, (1, 2))
        halves = (len(self._data), 2, stored_rows // 2, self._data.shape[2] // 2)
        colour = np.rot90(self._data[:, stored_rows:].reshape(halves), turns, (2, 3))
        light = luma[:, rows, columns][indexes]
        tints = colour[:, :, down][..., across][indexes].transpose(1, 0, 2, 3)
        # Every sample fills the two by two pixels that share a colour; one row more where libav,
        # which wants a multiple of four of them, would lack it.
        lines = light.reshape(-1, light.shape[2])
        odd = len(lines) % 2
        block = np.pad(lines, ((0, odd), (0, 0))).repeat(2, 0).repeat(2, 1)
        tint = np.pad(tints.reshape(2, *lines.shape), ((0, 0), (0, odd), (0, 0)))
        stacked = np.concatenate([block.ravel(), tint.ravel()]).reshape(-1, block.shape[1])
        with self._lock:
            pixels = self._to_rgb(stacked)
        return np.ascontiguousarray(pixels[: 2 * len(lines) : 2, ::2]).reshape(*light.shape, 3)

    def luma(self, index: int, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """Brightness of single pixels of one frame, as the codec holds it: (rows, columns) uint8.

        Args:
            index: Of the frame.
            rows: Of the upright picture.
            columns: Likewise.
        """
        plane = self._data[index, : self._data.shape[1] * 2 // 3]
        return np.ascontiguousarray(np.rot90(plane, self._layout.quarter_turns)[rows, columns])

    def _upright(self, index: int) -> NDArray[np.uint8]:
        turn = _TURNS[self._layout.quarter_turns]
        pixels = self._to_rgb(self._data[index])
        return pixels if turn is None else np.asarray(cv2.rotate(pixels, turn), np.uint8)

    def _to_rgb(self, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        layout = self._layout
        frame = av.VideoFrame.from_numpy_buffer(planes, format=layout.pixel_format)
        frame.colorspace, frame.color_range = layout.colorspace, layout.color_range
        pixels = self._reformatter.reformat(frame, format=RGB, threads=1).to_ndarray()
        return np.asarray(pixels, np.uint8)


class _PlanarImage(Image):
    """One frame of `Planes`."""

    __slots__ = ("index", "planes")

    planes: Planes
    index: int

    def __init__(self, planes: Planes, index: int) -> None:
        object.__setattr__(self, "planes", planes)
        object.__setattr__(self, "index", index)

    @property  # in place of the array that any other picture holds
    def pixels(self) -> NDArray[np.uint8]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.planes.rgb(self.index)

    @property
    def width(self) -> int:
        return self.planes.size[0]

    @property
    def height(self) -> int:
        return self.planes.size[1]


def planar_images(data: NDArray[np.uint8], layout: Layout) -> tuple[Image, ...]:
    """The frames of a clip as pictures, each made when its pixels are first asked for.

    Args:
        data: As `Planes`.
        layout: As `Planes`.
    """
    planes = Planes(data, layout)
    return tuple(_PlanarImage(planes, index) for index in range(len(data)))


def brightness(image: Image, rows: slice, columns: slice) -> NDArray[np.uint8]:
    """Brightness of single pixels of a picture: (rows, columns) uint8; no picture is made for it.

    Of a frame as its codec holds it, in the codec's own range; for comparing frames of one clip.
    """
    if isinstance(image, _PlanarImage):
        return image.planes.luma(image.index, rows, columns)
    cut = np.ascontiguousarray(image.pixels[rows, columns])
    return np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY), np.uint8)


def sampled(images: Sequence[Image], rows: slice, columns: slice) -> NDArray[np.uint8]:
    """Single pixels of many pictures of one size: (n, rows, columns, 3) uint8."""
    planar = [image for image in images if isinstance(image, _PlanarImage)]
    if len(planar) == len(images) and len({image.planes for image in planar}) == 1:
        return planar[0].planes.sampled([image.index for image in planar], rows, columns)
    return np.stack([image.pixels[rows, columns] for image in images])
