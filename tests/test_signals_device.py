"""What a device says of itself counts against it, and never for it."""

import pytest

from veridical import Status
from veridical.catalogue.points import own_points
from veridical.policy.decision import judge
from veridical.signals import SignalFacts, SignalSettings
from veridical.signals.device import DeviceCheck

FLAGS = SignalSettings.read().flags
CHECK = DeviceCheck(FLAGS, ("obs", "manycam"))
POINT = own_points()["signals.device"]


def test_a_device_that_says_nothing_of_itself_passes() -> None:
    found = CHECK(SignalFacts(device="d"), "FaceTime HD Camera")
    assert (found.score, found.evidence) == (1.0, {"flags": 0, "source": "sdk"})


def test_nothing_known_is_not_assessed() -> None:
    found = CHECK(SignalFacts(subject="s", phone="1", country="CN"))
    assert (found.score, found.reason) == (None, "missing_input")


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_of_the_file_lowers_the_score_and_is_told(flag: str) -> None:
    found = CHECK(SignalFacts(flags=frozenset({flag, "unheard_of"})))
    assert found.score == FLAGS[flag] < 1
    assert (found.evidence[flag], found.evidence["flags"]) == (True, 1)
    assert "unheard_of" not in found.evidence


def test_the_gravest_flag_counts() -> None:
    found = CHECK(SignalFacts(flags=frozenset({"vpn", "emulator", "rooted"})))
    assert (found.score, found.evidence["flags"]) == (0.0, 3)


@pytest.mark.parametrize("label", ["OBS Virtual Camera", "ManyCam"])
def test_a_software_camera_is_known_by_its_label(label: str) -> None:
    found = CHECK(SignalFacts(), label)
    assert (found.evidence["virtual_camera"], found.reason) == (True, "device_flagged")
    assert judge(found, POINT).status is Status.REVIEW


def test_a_vpn_alone_is_no_reason_for_a_review() -> None:
    found = CHECK(SignalFacts(flags=frozenset({"vpn"})))
    assert judge(found, POINT).status is Status.PASS
