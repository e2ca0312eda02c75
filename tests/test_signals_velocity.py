"""Counts within their limits pass; the worst of those beyond tells how far."""

from pathlib import Path

import pytest

from veridical import InputError, Status
from veridical.catalogue.points import own_points
from veridical.policy import parse_policy
from veridical.policy.decision import judge
from veridical.signals.settings import HIGHEST_LIMIT, LIMITS, SignalSettings
from veridical.signals.velocity import VelocityCheck

CHECK = VelocityCheck({"device_1h": 5, "network_1h": 200})
POINT = own_points()["signals.velocity"]


def test_counts_up_to_their_limits_pass() -> None:
    found = CHECK({"device_1h": 5, "network_1h": 200, "phone_1h": 999}, {}, (), "store,sdk")
    assert (found.score, judge(found, POINT).status) == (1.0, Status.PASS)
    assert found.evidence == {
        "device_1h": 5, "network_1h": 200, "phone_1h": 999, "source": "store,sdk"
    }  # fmt: skip


def test_the_worst_count_beyond_its_limit_is_told_and_is_never_a_failure() -> None:
    found = CHECK({"device_1h": 50, "network_1h": 201}, {}, (), "store")
    assert (found.score, found.reason) == (0.1, "too_many_attempts")
    assert (found.evidence["exceeded"], found.evidence["limit"]) == ("device_1h", 5)
    assert judge(found, POINT).status is Status.REVIEW


def test_a_policy_s_own_limit_goes_before_and_one_it_does_not_name_stays() -> None:
    counts = {"device_1h": 6, "network_1h": 6}
    assert CHECK(counts, {"device_1h": 10}, (), "store").score == 1.0
    assert CHECK(counts, {"network_1h": 3}, (), "store").score == 0.5


def test_an_allowed_key_is_counted_and_not_limited() -> None:
    found = CHECK({"device_1h": 50, "network_1h": 300}, {}, {"device"}, "store")
    assert (found.evidence["device_1h"], found.evidence["exceeded"]) == (50, "network_1h")


def test_nothing_to_count_by_is_not_assessed() -> None:
    found = CHECK({}, {}, (), "store")
    assert (found.score, found.reason) == (None, "missing_input")


def test_the_file_s_limits_are_of_known_counts_and_can_be_reached() -> None:
    limits = SignalSettings.read().velocity
    assert limits.keys() <= set(LIMITS)
    assert all(1 <= limit <= HIGHEST_LIMIT for limit in limits.values())


def test_a_policy_sets_limits() -> None:
    text = 'id = "p"\nversion = 1\nrequired = ["face.match"]\n[velocity]\ndevice_1h = 3\n'
    assert parse_policy(text.encode(), "p.toml", Path()).velocity == {"device_1h": 3}


@pytest.mark.parametrize("line", ["device_2h = 3", "device_1h = 0", "device_1h = 1000",
                                  "device_1h = 2.5", "device_1h = true"])  # fmt: skip
def test_a_limit_that_is_none_is_refused(line: str) -> None:
    text = f'id = "p"\nversion = 1\nrequired = ["face.match"]\n[velocity]\n{line}\n'
    with pytest.raises(InputError, match="velocity") as caught:
        parse_policy(text.encode(), "p.toml", Path())
    assert caught.value.code == "policy.malformed"
