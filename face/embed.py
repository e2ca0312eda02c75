"""Which vector stands for a face, and how alike are two of them?"""

import hashlib
from collections.abc import Sequence
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.face.align import align
from veridical.face.mesh import five_points
from veridical.face.recogniser import CROP_PX, Recogniser
from veridical.models import Card, ModelStore, Session
from veridical.result import ModelRef
from veridical.types import Face, Image, Template, View

__all__ = ["FaceEmbedder", "compare", "embedding_points", "joined_ref"]

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

    Two recognisers of different hands err apart. Their vectors, each of unit length, the second
    times the root of its weight, stand behind each other in one template: the cosine of two such
    templates is the weighted mean of both recognisers' cosines, and whatever compares, stores or
    searches templates need not know. The whole is brought to the length of the first recogniser's
    vector, which says how well it could recognise the face.

    Args:
        recogniser: The net whose vectors count, and whose lengths tell recognisability.
        beside: A second one; None for the first alone.

    Source of the mirroring: common in face recognition since Y. Sun et al., "Deep Learning Face
    Representation from Predicting 10,000 Classes", CVPR 2014; measured here in
    docs/measurements/face.md.
    """

    def __init__(self, recogniser: Recogniser, beside: Recogniser | None = None) -> None:
        self._recogniser = recogniser
        self._beside = beside
        # Views live as long as their transaction, and so do their vectors.
        self._known: WeakKeyDictionary[View, dict[int, NDArray[np.float32]]] = WeakKeyDictionary()
        self._lock = Lock()

    @classmethod
    def load(cls, store: ModelStore, names: Sequence[str]) -> "FaceEmbedder":
        """Make an embedder of a model set's role `recogniser`.

        Args:
            store: Gives the nets and their cards.
            names: One recogniser, or two.

        Raises:
            ModelError: One is missing or refused: the thresholds of two are not those of one.
            InputError: `face.recogniser`: there are more than two, or a card names what no
                recogniser of this kind takes.
        """
        if not 1 <= len(names) <= 2:
            raise InputError(
                f"one or two recognisers make a template, got {len(names)}", "face.recogniser"
            )
        nets = [Recogniser.from_card(store.session(name), store.card(name)) for name in names]
        return cls(*nets)

    @classmethod
    def from_card(cls, session: Session, card: Card) -> "FaceEmbedder":
        """Make an embedder of one recogniser whose input is made as its card says.

        Raises:
            InputError: As `load`.
        """
        return cls(Recogniser.from_card(session, card))

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """The nets behind it."""
        nets = (self._recogniser, self._beside) if self._beside else (self._recogniser,)
        return tuple(net.ref for net in nets)

    @property
    def model(self) -> ModelRef:
        """What its templates are of: the net, or both as one."""
        return joined_ref(self.models)

    @property
    def least_length(self) -> float:
        """Length of a vector below which a comparison speaks of nobody (see `recognisability`)."""
        return self._recogniser.least_length

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
        return length, self._recogniser.quality(length)

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
        nearer = align(image, centre + (points - centre) / NEARER, CROP_PX)
        return np.stack([nearer, align(image, points, CROP_PX)[:, ::-1]])

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the nets over aligned faces, as they are.

        Args:
            crops: (n, 112, 112, 3) uint8 RGB.

        Returns:
            (n, d) float32, not of unit length.
        """
        first = self._recogniser(crops)
        return first if self._beside is None else _beside(first, self._beside(crops), self._beside)

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


def joined_ref(models: Sequence[ModelRef]) -> ModelRef:
    """What templates of one or several recognisers are of; those of one set alone are alike."""
    if len(models) == 1:
        return models[0]
    joined = hashlib.sha256("".join(model.sha256 for model in models).encode("ascii"))
    return ModelRef("+".join(model.name for model in models), joined.hexdigest())


def _beside(
    first: NDArray[np.float32], second: NDArray[np.float32], net: Recogniser
) -> NDArray[np.float32]:
    """Vectors of two nets behind each other, (n, d1 + d2), of the first's lengths."""
    lengths = np.linalg.norm(first, axis=1, keepdims=True)
    others = np.linalg.norm(second, axis=1, keepdims=True)
    weighed = second * (np.float32(np.sqrt(net.weight)) * lengths / np.maximum(others, 1e-9))
    joined = np.concatenate((first, weighed), axis=1) / np.float32(np.sqrt(1 + net.weight))
    return np.asarray(joined, np.float32)


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
