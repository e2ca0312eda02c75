"""Which way is a head turned, and how large is it?"""

from dataclasses import dataclass

import numpy as np

from veridical.face.mesh import five_points
from veridical.types import Mesh, View

__all__ = ["Pose", "head_pose", "inter_eye_px"]

RIGID = (6, 10, 33, 54, 127, 129, 133, 168, 197, 263, 284, 356, 358, 362)
"""Points that no expression moves: forehead, temples, eye corners, bridge, nostrils."""

HEAD_CM = np.array(
    [
        [0.0, 2.473255, 5.788627],
        [0.0, 8.261778, 4.481535],
        [-4.445859, 2.663991, 3.173422],
        [-6.279331, 6.615427, 1.425850],
        [-7.743095, 2.364999, -2.005167],
        [-1.785794, -0.978284, 4.850470],
        [-1.856432, 2.585245, 3.757904],
        [0.0, 3.271027, 5.236015],
        [0.0, 1.728369, 6.316750],
        [4.445859, 2.663991, 3.173422],
        [6.279331, 6.615427, 1.425850],
        [7.743095, 2.364999, -2.005167],
        [1.785794, -0.978284, 4.850470],
        [1.856432, 2.585245, 3.757904],
    ],
    np.float64,
)
"""(14, 3): where `RIGID` lie on a mean head in centimetres; x right as seen, y up, z to the camera.

Source: MediaPipe's canonical face model (Apache-2.0).
"""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a face points, as seen in the picture, in degrees.

    Attributes:
        yaw_deg: Azimuth of its direction; turned to the picture's right is positive.
        pitch_deg: Elevation of its direction; raised is positive.
        roll_deg: Tilt of its line of eyes; clockwise is positive.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float

    @property
    def off_axis_deg(self) -> float:
        """Angle between the face's direction and the camera's axis; roll plays no part."""
        cosine = np.cos(np.radians(self.yaw_deg)) * np.cos(np.radians(self.pitch_deg))
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def head_pose(mesh: Mesh) -> Pose:
    """Estimate the turn of a head by its rigid points.

    A perspective-n-point fit under scaled orthography: it needs no focal length, which nobody
    knows of a cropped portrait, and at arm's length it differs little from full perspective.

    Args:
        mesh: Dense landmarks of the head.

    Source: D. DeMenthon & L. Davis, IJCV 15, 1995 (POS, the first step of POSIT).
    """
    points = mesh.points[list(RIGID), :2].astype(np.float64) * (1, -1)
    head = HEAD_CM - HEAD_CM.mean(0)
    rows = np.linalg.lstsq(head, points - points.mean(0), rcond=None)[0].T
    # The nearest rotation of the two fitted rows; the third row is their cross product.
    u, _, vt = np.linalg.svd(rows, full_matrices=False)
    across, up = u @ vt
    forward = np.cross(across, up)
    facing = (across[2], up[2], forward[2])  # where the face's own z axis points in the picture
    yaw = np.degrees(np.arctan2(facing[0], facing[2]))
    pitch = np.degrees(np.arcsin(np.clip(facing[1], -1, 1)))
    roll = np.degrees(np.arctan2(-up[0], across[0]))
    return Pose(float(yaw), float(pitch), float(roll))


def inter_eye_px(view: View) -> float:
    """Distance between the eyes of a view's subject, in pixels; 0 without a subject.

    Corrected for a head that is turned sideways where a mesh tells how far (ISO/IEC 29794-5).
    """
    if view.subject is None:
        return 0.0
    if view.mesh is None:
        return view.subject.inter_eye_px
    left, right = five_points(view.mesh)[:2]
    distance = float(np.linalg.norm(left - right))
    return distance / max(float(np.cos(np.radians(head_pose(view.mesh).yaw_deg))), 0.5)
