"""Which vector stands for a face, and how alike are two of them?"""

from collections.abc import Sequence
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.face.align import align
from veridical.face.mesh import five_points
from veridical.models import Card, Session
from veridical.result import ModelRef
from veridical.types import Face, Image, Template, View

__all__ = ["FaceEmbedder", "compare", "embedding_points"]

SIDE_PX = 112
NEARER_LOOK, MIRRORED_LOOK = 0, 1
NEARER = np.float32(1.06)
"""Magnification of the first look at a face: of 0.94, 1 and 1.06 the best
(docs/measurements/face.md)."""


class FaceEmbedder:
    """A face recogniser: aligned face in, template out.

    The face is looked at twice, a little nearer and mirrored, and the mean of the two vectors is
    taken: what the net makes of one-sided light, of a slight turn and of points a pixel off then
    cancels out in part. Of the frames of a clip each is looked at once, by turns one way and the
    other: there it cancels out between frames (docs/measurements/face.md).

    Args:
        session: (n, 3, 112, 112) float32 RGB to (n, d) float32.
        mean: Subtracted from the 0..255 pixels first.
        scale: Divides them then.
        poor_length: Length of the net's vector of a face it can hardly recognise.
        good_length: Length of the vector of a face captured well; the defaults are SFace's. Not
            a number where nobody measured a model's lengths.

    Source of the mirroring: common in face recognition since Y. Sun et al., "Deep Learning Face
    Representation from Predicting 10,000 Classes", CVPR 2014; measured here in
    docs/measurements/face.md.
    """

    def __init__(
        self,
        session: Session,
        *,
        mean: float = 0.0,
        scale: float = 1.0,
        poor_length: float = 7.0,
        good_length: float = 12.0,
    ) -> None:
        self._session = session
        self._lengths = (poor_length, good_length)
        self._input, shape = next(iter(session.inputs.items()))
        # Some files take one picture at a time.
        self._at_once = shape[0] if shape and isinstance(shape[0], int) else None
        self._mean = np.float32(mean)
        self._scale = np.float32(scale)
        # Views live as long as their transaction, and so do their vectors.
        self._known: WeakKeyDictionary[View, dict[int, NDArray[np.float32]]] = WeakKeyDictionary()
        self._lock = Lock()

    @classmethod
    def from_card(cls, session: Session, card: Card) -> "FaceEmbedder":
        """Make an embedder whose input is normalised as the model's card says.

        Args:
            session: The model.
            card: Its card; of its parameters `pixel_mean`, `pixel_scale`, `poor_length` and
                `good_length` are read, where it names them. Without lengths, recognisability is not
                assessed.

        Raises:
            InputError: The card wants another crop than 112 pixels a side.
        """
        numbers = {
            key: value for key, value in card.parameters.items() if isinstance(value, int | float)
        }
        if numbers.get("side_px", SIDE_PX) != SIDE_PX:
            raise InputError(f"a face recogniser must take crops of {SIDE_PX} pixels a side")
        return cls(
            session,
            mean=numbers.get("pixel_mean", 0.0),
            scale=numbers.get("pixel_scale", 1.0),
            poor_length=numbers.get("poor_length", float("nan")),
            good_length=numbers.get("good_length", float("nan")),
        )

    @property
    def model(self) -> ModelRef:
        """The net behind it."""
        return self._session.ref

    @property
    def template_model(self) -> str:
        """What its templates carry as `model`."""
        return f"{self.model.name}@{self.model.sha256[:12]}"

    def __call__(self, source: View | Image, face: Face | None = None) -> Template:
        """Make the template of one face.

        Args:
            source: An analysed picture, or a bare one.
            face: Which face; the view's subject when not given.

        Returns:
            A template of unit length.

        Raises:
            InputError: There is no face to take, or its points do not determine an alignment.
        """
        if isinstance(source, View) and face in (None, source.subject):
            return self._template(self.vectors([source])[0])
        return self._template(self.embed(self.looks(source, face)).mean(0))

    def fused(self, views: Sequence[View]) -> Template:
        """Make one template of several pictures of one person.

        The vectors are added as the net gives them. Their length grows with how well a face
        could be recognised, so a blurred or half-hidden view counts for less.

        Args:
            views: At least one, each with a subject.

        Raises:
            InputError: No view was given, or one has no subject.

        Source: feature length as quality: Q. Meng et al., "MagFace", CVPR 2021; that it holds for
        SFace, which was not trained for it, is measured in docs/measurements/face.md.
        """
        return self._template(self.vectors(views).sum(0))

    def fused_frames(self, views: Sequence[View]) -> Template:
        """As `fused`, of the frames of one clip, or of the one picture there is.

        Raises:
            InputError: As `fused`.
        """
        return self._template(self.frame_vectors(views).sum(0))

    def vectors(self, views: Sequence[View]) -> NDArray[np.float32]:
        """Run the net over the subjects of several views, two looks each.

        Returns:
            (n, d) float32, not of unit length: see `fused`.

        Raises:
            InputError: No view was given, or one has no subject.
        """
        if not views:
            raise InputError("a template needs at least one view, got none", "face.no_face")
        return np.stack([self._looked(view, (NEARER_LOOK, MIRRORED_LOOK)) for view in views])

    def frame_vectors(self, views: Sequence[View]) -> NDArray[np.float32]:
        """Run the net over the subjects of a clip's frames, one look each, by turns.

        Returns:
            (n, d) float32, not of unit length; of a single view as `vectors`.

        Raises:
            InputError: A view has no subject.
        """
        if len(views) < 2:
            return self.vectors(views)
        return np.stack([self._looked(view, (i % 2,)) for i, view in enumerate(views)])

    def recognisability(self, vector: NDArray[np.float32]) -> tuple[float, float | None]:
        """Say how well the net could recognise a face: by the length of its vector.

        Args:
            vector: (d,) float32, one of `vectors` or `frame_vectors`.

        Returns:
            The length, and the quality 0..100 it stands for; None where this model's lengths
            were not measured.
        """
        length = float(np.linalg.norm(vector))
        poor, good = self._lengths
        if not np.isfinite(good - poor):
            return length, None
        return length, 100 * float(np.clip((length - poor) / (good - poor), 0, 1))

    @staticmethod
    def looks(source: View | Image, face: Face | None = None) -> NDArray[np.uint8]:
        """The aligned crops whose mean vector stands for a face: a nearer one, a mirrored one.

        Returns:
            (2, 112, 112, 3) uint8 RGB.

        Raises:
            InputError: As calling the embedder.
        """
        image = source.image if isinstance(source, View) else source
        points = embedding_points(source, face)
        centre = points.mean(0)
        nearer = align(image, centre + (points - centre) / NEARER, SIDE_PX)
        return np.stack([nearer, align(image, points, SIDE_PX)[:, ::-1]])

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the net over aligned faces, as they are.

        Args:
            crops: (n, 112, 112, 3) uint8 RGB.

        Returns:
            (n, d) float32, not of unit length.
        """
        pixels = (crops.astype(np.float32) - self._mean) / self._scale
        batch = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        if self._at_once is None or len(batch) == self._at_once:
            return self._session.run({self._input: batch})[0]
        return np.concatenate([self._session.run({self._input: one[None]})[0] for one in batch])

    def _looked(self, view: View, wanted: tuple[int, ...]) -> NDArray[np.float32]:
        """The mean vector of some looks at a view's subject; each is taken once, whoever asks.

        Quality, match, same-person and watchlist checks read the same views of a transaction.
        """
        with self._lock:
            known = dict(self._known.get(view, {}))
        missing = [look for look in wanted if look not in known]
        if missing:
            known |= dict(zip(missing, self.embed(self.looks(view)[missing]), strict=True))
            with self._lock:
                self._known.setdefault(view, {}).update(known)
        mean: NDArray[np.float32] = np.mean([known[look] for look in wanted], axis=0)
        return mean

    def _template(self, vector: NDArray[np.float32]) -> Template:
        length = np.float32(np.linalg.norm(vector))
        if not (np.isfinite(length) and length > 0):
            raise InputError(
                "the face recogniser gave no usable vector for this face", "face.points"
            )
        return Template(vector / length, self.template_model)


def embedding_points(source: View | Image, face: Face | None = None) -> NDArray[np.float32]:
    """Find the five points a face is aligned by.

    Those of the mesh where the view's subject has one, which halves the false non-matches at
    strict thresholds (docs/measurements/face.md); else the detector's.

    Args:
        source: An analysed picture, or a bare one.
        face: Which face; the view's subject when not given.

    Returns:
        (5, 2) float32 pixels.

    Raises:
        InputError: There is no face to take.
    """
    if isinstance(source, View):
        face = source.subject if face is None else face
        if source.mesh is not None and face is source.subject:
            return five_points(source.mesh)
    if face is None:
        raise InputError("a template needs a face, and this picture has no subject", "face.no_face")
    return face.points


def compare(reference: Template, probe: Template) -> float:
    """Compare two templates.

    Returns:
        Comparison score: their cosine, -1..1; higher speaks for one person.

    Raises:
        InputError: The templates are of different models: their numbers have no common meaning.
    """
    if reference.model != probe.model or reference.vector.shape != probe.vector.shape:
        raise InputError(
            f"templates of {reference.model} and {probe.model} cannot be compared; "
            "make both with one model",
            "face.template_model",
        )
    return float(np.dot(reference.vector, probe.vector))
