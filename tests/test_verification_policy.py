"""A policy file says what it asks, or is refused with what is wrong."""

from pathlib import Path

import pytest

from veridical import InputError
from veridical.policy import load_policy, parse_policy, shipped_policies

GOOD = """
id = "mine"
version = 3
attempts = 2
required = ["face.match"]
optional = ["voice.match"]
[operating_points."face.match"]
accept_at = 0.5
reject_below = 0.25
"""


def parse(text: str) -> object:
    return parse_policy(text.encode(), "mine.toml", Path("/policies"))


def test_the_shipped_policies_load() -> None:
    assert shipped_policies() == (
        "demo",
        "demo-spoken",
        "moves",
        "onboarding",
        "recheck",
        "recording",
        "reverify",
        "selfie",
        "spoken",
        "withdrawal",
    )
    for name in shipped_policies():
        assert load_policy(name).id == name


def test_only_the_demo_s_let_specimens_through() -> None:
    lax = [n for n in shipped_policies() if load_policy(n).allow_specimens]
    assert lax == ["demo", "demo-spoken"]


def test_a_policy_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    policy = load_policy(str(path))
    assert (policy.id, policy.version, policy.attempts) == ("mine", 3, 2)
    assert policy.operating_points["face.match"].source == "policy:mine"
    assert len(policy.sha256) == 64


def test_the_hash_is_the_file_s() -> None:
    assert load_policy("demo").sha256 != load_policy("selfie").sha256


def test_an_unknown_policy_names_those_shipped() -> None:
    with pytest.raises(InputError, match="selfie, spoken") as caught:
        load_policy("nowhere.toml")
    assert caught.value.code == "policy.unknown"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("id = ", "ident = "), "unknown keys"),
        (("version = 3", 'version = "3"'), "wants an id"),
        (("attempts = 2", "attempts = 0"), "attempts"),
        (('["face.match"]', '["face.macth"]'), "unknown checks"),
        (('["voice.match"]', '["face.match"]'), "named twice"),
        (('required = ["face.match"]\noptional = ["voice.match"]', 'required = ["voice.match"]'),
         "voice alone"),
        (('["face.match"]', '["face.match", "document.read"]'), "document.specimen"),
        (("accept_at = 0.5", "accept_at = 0.1"), "accept_at >= reject_below"),
        (("accept_at = 0.5", "accept_at = nan"), "finite"),
        (("accept_at = 0.5\n", ""), "wants accept_at"),
        (("[operating_points.\"face.match\"]", "[operating_points]"), "unknown check"),
        (("id =", "= ="), "not a TOML"),
        (("version = 3", 'version = 3\ncalibration = "face.toml"'), "table of paths"),
        (("version = 3", 'version = 3\ncalibration = {"face.match" = 3}'), "table of paths"),
        (("version = 3", 'version = 3\ncalibration = {"face.macth" = "a"}'), "unknown checks"),
        (("version = 3", 'version = 3\nallow_specimens = "yes"'), "true or false"),
    ],
)  # fmt: skip
def test_a_broken_policy_is_refused_with_its_fault(change: tuple[str, str], problem: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(InputError, match=problem) as caught:
        parse(GOOD.replace(*change))
    assert caught.value.code == "policy.malformed"
    assert "mine.toml" in str(caught.value)
