"""A candidate policy judges live verdicts beside the one in force, and nobody notices."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service_house import House, house
from veridical.errors import InputError
from veridical.transactions.rules import LARGEST_POLICY_BYTES, PolicyRepository
from veridical.transactions.shadow import Shadows, sign_test

POLICY = """
id = "desk"
version = {version}
required = ["document.read", "document.specimen", "face.match"{more}]
[operating_points."face.match"]
accept_at = {accept_at}
reject_below = 0.1
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("shadow")
    with house(folder / "v.db", folder) as made:
        yield made


@pytest.fixture
def here(whole: House) -> House:
    return whole.of_new_tenant()


def candidate(accept_at: float, version: int = 2, more: str = "") -> bytes:
    return POLICY.format(version=version, accept_at=accept_at, more=more).encode()


def in_force(here: House) -> dict[str, str]:
    key = here.key()
    answer = here.client.put(
        "/v1/policies/desk",
        content=candidate(0.5, version=1),
        headers={**key, "Content-Type": "application/toml"},
    )
    assert answer.status_code == 201, answer.text
    return key


def test_a_stricter_candidate_judges_and_changes_nothing(here: House) -> None:
    key, shadows = in_force(here), Shadows(here.resources)
    here.finished(key, 10, policy="desk")  # before it judged
    shadows.start(here.tenant, candidate(0.9))
    for number, score in enumerate((0.95, 0.7, 0.7)):
        here.rules.score = score
        seen = here.finished(key, 20 + number, policy="desk")
        assert seen["outcome"] == "accept"
        assert "candidate" not in json.dumps(seen)
    here.finished(here.key(), 30)  # another policy
    found = shadows.compare(here.tenant, "desk")
    assert found.outcomes == {("accept", "accept"): 1, ("accept", "review"): 2}
    assert (found.n, found.fewer, found.more, found.p) == (3, 2, 0, 0.5)
    assert [one.cause for one in found.disagreements] == ["face.match:low_score"] * 2
    gone = found.disagreements[0].transaction
    assert here.client.delete(f"/v1/transactions/{gone}", headers=key).status_code == 200
    assert shadows.compare(here.tenant, "desk").n == 2


def test_a_check_that_nobody_measured_is_told(here: House) -> None:
    key, shadows = in_force(here), Shadows(here.resources)
    shadows.start(here.tenant, candidate(0.5, more=', "face.quality"'))
    here.finished(key, 40, policy="desk")
    found = shadows.compare(here.tenant, "desk")
    assert found.unmeasured == {"face.quality": 1}
    assert found.outcomes == {("accept", "review"): 1}


def test_a_promoted_candidate_is_in_force_and_in_the_chain(here: House) -> None:
    key, shadows = in_force(here), Shadows(here.resources)
    shadows.start(here.tenant, candidate(0.9))
    here.rules.score = 0.7
    here.finished(key, 50, policy="desk")
    shadows.promote(here.tenant, "desk", PolicyRepository(here.resources, "selfie"), "op-1")
    assert here.finished(key, 51, policy="desk")["outcome"] == "review"
    lines = here.client.get("/v1/evidence", headers=key).text.splitlines()
    (said,) = [x for x in map(json.loads, lines) if x["event"] == "action"]
    assert (said["action"], said["operator"]) == ("policy.promoted", "op-1")
    assert said["about"] == "desk v2: 1 judged, 1 accepted before only, 0 accepted now only"
    with pytest.raises(InputError) as caught:
        shadows.compare(here.tenant, "desk")
    assert caught.value.code == "policy.no_shadow"


@pytest.mark.parametrize(
    ("fewer", "more", "p"),
    [(0, 0, 1.0), (2, 0, 0.5), (0, 6, 2 / 64), (3, 3, 1.0), (1, 7, 18 / 256)],
)
def test_the_split_of_disagreements_is_held_against_chance(fewer: int, more: int, p: float) -> None:
    assert sign_test(fewer, more) == pytest.approx(p)


def test_a_candidate_that_does_not_hold_is_refused(here: House, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Shadows(here.resources).start(here.tenant, b"id = 'desk'")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"allow_specimens = true\n" + candidate(0.9), "policy.specimens"),
        (candidate(0.9) + b"#" * LARGEST_POLICY_BYTES, "policy.malformed"),
    ],
)
def test_a_candidate_is_held_to_what_a_tenant_may_store(
    here: House, content: bytes, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        Shadows(here.resources).start(here.tenant, content)
    assert caught.value.code == code
