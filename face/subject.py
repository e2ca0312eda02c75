"""Whose face is judged? Exactly one is demanded; nobody is picked from a group."""

from collections.abc import Sequence

import numpy as np

from veridical.face.detect import FaceDetector
from veridical.face.mesh import Mesher
from veridical.types import Face, Image, View

__all__ = ["RIVAL_SIZE", "choose_subject", "look", "look_any_way_up"]

RIVAL_SIZE = 0.6
"""From this share of the largest face's size on, a second face makes the subject unclear.

Sizes are square roots of box areas. Measured on 1,554 LFW pictures (crops around one person of
interest, 144 with a second face): below 0.6 the largest face was that person's in 53 of 53
pictures, and in 133 of 133 below 0.9. The limit is stricter than those figures ask for, because a
bystander at an applicant's shoulder is nearly as large, and because the security of the rule is
that liveness and match judge one and the same face. A ghost portrait on a document stays below it.
"""


SURE_FACE, SURE_MESH = 0.9, 0.9
"""Scores of detector and mesh from which on a face stands upright. Of 215 pictures of LFW with one
face 212 reach both as they are, of these turned by 1, 2 or 3 quarters none of 690."""


def choose_subject(faces: Sequence[Face], image: Image) -> tuple[Face | None, str]:
    """Find the one face that is judged.

    Never the best match of several: then a bystander, or a photograph held up, could match.

    Args:
        faces: Every face found in the picture.
        image: The picture. A face whose middle lies outside it is cut off and nobody's.

    Returns:
        The face and an empty reason, or None and `no_face` or `multiple_faces`.
    """
    inside = sorted((face for face in faces if _is_inside(face, image)), key=_area, reverse=True)
    if not inside:
        return None, "no_face"
    if len(inside) > 1 and rival_size(inside) >= RIVAL_SIZE:
        return None, "multiple_faces"
    return inside[0], ""


def rival_size(faces: Sequence[Face]) -> float:
    """How large the second face is by the largest, 0..1; 0 where there is no second."""
    areas = sorted((face.box.area for face in faces), reverse=True)
    return (areas[1] / areas[0]) ** 0.5 if len(areas) > 1 and areas[0] > 0 else 0.0


def look_any_way_up(
    image: Image, detector: FaceDetector, mesher: Mesher | None, time_ms: float = 0.0
) -> View:
    """As `look`, of a picture that may lie on its side: many carry no word of how they were held.

    The detector lays an upright face over one that lies, less surely, and the mesh finds nothing
    in it. Only where both doubt the picture as it is, and where both are sure of it turned by
    quarters, is it turned: nothing is tried out on whom a face matches.

    Args:
        image: The picture.
        detector: Finds the faces.
        mesher: Lays dense landmarks over the subject; without it no picture is turned.
        time_ms: As of `look`.

    Returns:
        What was found; its `image` is the picture as it was turned.
    """
    upright = look(image, detector, mesher, time_ms)
    if _is_sure(upright) or any(face.score >= SURE_FACE for face in upright.faces):
        return upright
    for quarters in (1, 3, 2):
        pixels = np.ascontiguousarray(np.rot90(image.pixels, quarters))
        turned = look(Image(pixels), detector, mesher, time_ms)
        if _is_sure(turned):
            return turned
    return upright


def _is_sure(view: View) -> bool:
    """Whether detector and mesh are sure of an upright face."""
    face, mesh = view.subject, view.mesh
    if face is None or mesh is None:
        return False
    return face.score >= SURE_FACE and mesh.presence >= SURE_MESH


def look(
    image: Image, detector: FaceDetector, mesher: Mesher | None = None, time_ms: float = 0.0
) -> View:
    """Analyse a picture once, for every check that reads it.

    Args:
        image: The picture or frame.
        detector: Finds the faces.
        mesher: Lays dense landmarks over the subject; None leaves them out.
        time_ms: Presentation time of a frame within its clip.

    Returns:
        What was found; `reason` says why there is no subject.
    """
    faces = detector(image)
    subject, reason = choose_subject(faces, image)
    mesh = mesher(image, subject) if mesher is not None and subject is not None else None
    if mesh is not None and mesh.presence <= 0:
        mesh = None
    return View(image, faces, subject, reason, mesh, time_ms)


def _area(face: Face) -> float:
    return face.box.area


def _is_inside(face: Face, image: Image) -> bool:
    x, y = face.box.centre
    return 0 <= x < image.width and 0 <= y < image.height
