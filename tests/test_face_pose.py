"""The turn of a head comes out as it was put in."""

import pytest

from tests.face_standins import face_at, plain, turned_head, view_of
from veridical.face.pose import head_pose, inter_eye_px


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 40), (0, 0, -40)],
)
def test_a_turn_about_one_axis_is_found(yaw: float, pitch: float, roll: float) -> None:
    pose = head_pose(turned_head(yaw, pitch, roll))
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(
        (yaw, pitch, roll), abs=0.1
    )


def test_off_axis_ignores_roll_and_joins_yaw_and_pitch() -> None:
    assert head_pose(turned_head(roll_deg=50)).off_axis_deg == pytest.approx(0, abs=0.1)
    both = head_pose(turned_head(20, 20)).off_axis_deg
    assert 20 < both < 40


def test_size_does_not_change_the_pose() -> None:
    near, far = (head_pose(turned_head(25, 10, 5, px_per_cm=s)) for s in (40.0, 3.0))
    assert near.yaw_deg == pytest.approx(far.yaw_deg, abs=0.1)
    assert near.pitch_deg == pytest.approx(far.pitch_deg, abs=0.1)


def test_without_a_mesh_the_eye_distance_is_the_detectors() -> None:
    face = face_at(0, 0, 112)
    assert inter_eye_px(view_of(plain(0, 0, 0), face)) == pytest.approx(35.24, abs=0.01)
    assert inter_eye_px(view_of(plain(0, 0, 0))) == 0
