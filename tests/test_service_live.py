"""A recording that is sent while it is made: what is told when, and what the server noted."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.service_house import House, bearer, digest_of, house
from tests.test_media_clip import make_clip
from veridical.liveness.arrivals import arrivals_of
from veridical.liveness.challenge import HORIZON_MS, challenge_of
from veridical.media import read_clip
from veridical.service.api.state import Service
from veridical.store.transactions import find_transaction
from veridical.store.vault import opened_vault
from veridical.transactions.live import LiveChallenge, draw
from veridical.transactions.worker import load_transaction
from veridical.types import Arrival, Clip
from veridical.verification import load_policy

HEAD = b"\x1aE\xdf\xa3"
"""Begins a file of the family of WebM."""
POLICY = """
id = "lit"
version = 1
allow_specimens = true
required = ["face.quality", "capture.present"]
witnesses = ["voice.digits", "liveness.lips", "liveness.light"]
"""


@pytest.fixture
def here(tmp_path: Path) -> Any:  # noqa: ANN401
    path = tmp_path / "lit.toml"
    path.write_text(POLICY, encoding="utf-8")
    with house(tmp_path / "s.db", tmp_path, policy=str(path)) as found:
        yield found


def asked(here: House, reveal: str = "stepwise") -> tuple[dict[str, Any], dict[str, Any]]:
    made = here.start(here.key(), policy="lit")
    answer = here.client.post(
        f"/v1/transactions/{made['id']}/challenge",
        json={"reveal": reveal},
        headers=bearer(made["upload_token"]),
    )
    assert answer.status_code == 200, answer.text
    return made, answer.json()["challenge"]


def send(here: House, made: dict[str, Any], number: int, data: bytes, *, last: bool = False) -> Any:  # noqa: ANN401
    return here.client.put(
        f"/v1/transactions/{made['id']}/slices/{number}",
        params={"last": last},
        content=data,
        headers={**bearer(made["upload_token"]), **digest_of(data)},
    )


def stored(here: House, transaction: str) -> Any:  # noqa: ANN401
    service: Service = here.client.app.state.service  # type: ignore[attr-defined]
    with here.resources.database.reading() as connection:
        row = find_transaction(connection, transaction)
        vault = opened_vault(connection, here.resources.keys, here.tenant, transaction)
    transactions = cast(Any, service.transactions)
    assert row is not None
    assert vault is not None
    request = transactions.request_of(row, vault)
    return load_transaction(transactions, here.rules.build()(), row, vault, request)


def test_nothing_is_told_before_its_moment(here: House) -> None:
    made, told = asked(here)
    assert told["reveal"] == "stepwise"
    everything = len(told["colours"]["shown"])
    for number in range(6):
        begins = [*told["schedule_ms"], *told["colours"]["starts_ms"]]
        assert max(begins, default=0) < told["told_ms"]
        assert told["told_ms"] <= (told.get("arrived_ms") or 0) + HORIZON_MS
        here.clock.ahead_ms += 500
        told = send(here, made, number, HEAD + b"x" * (number + 1)).json()
        assert told["arrived_ms"] >= 500 * (number + 1)
    assert len(told["colours"]["shown"]) > everything


def test_time_alone_tells_nothing(here: House) -> None:
    """Who sends no slice learns what comes first, however long he waits."""
    made, first = asked(here)
    here.clock.ahead_ms += 9_000
    view = here.client.get(
        f"/v1/transactions/{made['id']}", headers=bearer(made["upload_token"])
    ).json()
    assert "challenge" not in view
    assert len(first["colours"]["shown"]) <= 3


def test_told_at_once_a_challenge_holds_all(here: House) -> None:
    _, told = asked(here, "at_once")
    assert len(told["digits"]) == 6
    assert told["colours"]["end_ms"] <= told["end_ms"]
    assert "reveal" not in told


def test_slices_are_one_clip_and_their_arrival_is_known(here: House) -> None:
    made, told = asked(here)
    clip = make_clip()
    cuts = np.linspace(0, len(clip), 5).astype(int)
    for number in range(4):
        here.clock.ahead_ms += 300
        answer = send(here, made, number, clip[cuts[number] : cuts[number + 1]], last=number == 3)
        assert answer.status_code == 200, answer.text
    found = stored(here, made["id"])
    assert len(found.clip.frames) == 25
    assert len(found.arrivals) == 4
    shown = [one.until_ms for one in found.arrivals]
    assert shown == sorted(shown)
    assert shown[-1] == found.clip.times_ms[-1]
    assert all(one.arrived_ms >= 300 * (at + 1) for at, one in enumerate(found.arrivals))
    assert found.challenge.colours is not None
    made["challenge"] = told
    assert here.submit(made).json()["outcome"] == "accept"


def test_a_clip_that_came_as_a_whole_has_no_arrivals(here: House) -> None:
    made, told = asked(here, "at_once")
    assert here.put(made, "clip", make_clip()).status_code == 200
    assert stored(here, made["id"]).arrivals == ()
    made["challenge"] = told


def test_a_broken_connection_sends_a_slice_again(here: House) -> None:
    made, _ = asked(here)
    first = send(here, made, 0, HEAD + b"one").json()
    here.clock.ahead_ms += 700
    assert send(here, made, 0, HEAD + b"one").json()["arrived_ms"] == first["arrived_ms"]
    assert send(here, made, 1, b"two").status_code == 200


@pytest.mark.parametrize(("number", "data"), [(2, b"later"), (0, HEAD + b"other")])
def test_slices_come_in_order_and_never_change(here: House, number: int, data: bytes) -> None:
    made, _ = asked(here)
    assert send(here, made, 0, HEAD + b"one").status_code == 200
    answer = send(here, made, number, data)
    assert (answer.status_code, answer.json()["code"]) == (409, "slices.order")


def test_none_follows_the_last(here: House) -> None:
    made, _ = asked(here)
    assert send(here, made, 0, HEAD + b"one", last=True).status_code == 200
    assert send(here, made, 1, b"two").json()["code"] == "slices.order"


def test_a_challenge_told_at_once_takes_no_slices(here: House) -> None:
    made, _ = asked(here, "at_once")
    assert send(here, made, 0, HEAD + b"one").json()["code"] == "slices.not_stepwise"


def test_a_new_challenge_begins_anew(here: House) -> None:
    made, first = asked(here)
    assert send(here, made, 0, HEAD + b"one", last=True).status_code == 200
    again = here.client.post(
        f"/v1/transactions/{made['id']}/challenge",
        json={"reveal": "stepwise"},
        headers=bearer(made["upload_token"]),
    ).json()["challenge"]
    assert again["nonce"] != first["nonce"]
    view = here.client.get(
        f"/v1/transactions/{made['id']}", headers=bearer(made["upload_token"])
    ).json()
    assert "clip" not in view["media"]["received"]
    assert send(here, made, 0, HEAD + b"another").status_code == 200


def test_altered_bytes_and_none_are_refused(here: House) -> None:
    made, _ = asked(here)
    path = f"/v1/transactions/{made['id']}/slices/0"
    headers = bearer(made["upload_token"])
    wrong = here.client.put(path, content=b"a", headers={**headers, **digest_of(b"b")})
    assert wrong.json()["code"] == "media.digest_mismatch"
    assert (
        here.client.put(path, content=b"", headers={**headers, **digest_of(b"")}).status_code == 422
    )
    assert (
        here.client.put(path, content=b"a", headers=headers).json()["code"]
        == "media.digest_missing"
    )


def test_a_transaction_begun_under_an_earlier_version_keeps_it(here: House) -> None:
    service: Service = here.client.app.state.service  # type: ignore[attr-defined]
    book = cast(Any, service.transactions).book
    for name in ("spoken", "onboarding", "reverify", "withdrawal", "selfie", "recheck"):
        now, before = book.find(here.tenant, name), book.find(here.tenant, name, 1)
        assert (before.version, before.witnesses) == (1, ())
        assert now.version > 1
        assert now.sha256 != before.sha256


# --- arrivals -------------------------------------------------------------------------------------


def test_a_file_up_to_a_frame_s_end_holds_that_frame() -> None:
    whole = make_clip()
    clip = read_clip(whole)
    assert clip.ends is not None
    assert (clip.ends > 0).all()
    assert clip.ends[-1] <= len(whole)
    assert (np.diff(clip.ends) > 0).all()


def test_slices_that_hold_back_what_they_should_show_are_late() -> None:
    """Junk sent in time, and everything at the end: what each slice shows is read in the clip."""
    clip = read_clip(make_clip())
    assert clip.ends is not None
    total = int(clip.ends[-1])
    honest = arrivals_of(clip, [total // 2, total - total // 2], [600.0, 1100.0])
    assert all(one.arrived_ms - one.until_ms < 700 for one in honest)
    hoarded = arrivals_of(clip, [40, 40, total - 80], [500.0, 1000.0, 4000.0])
    assert hoarded[1] == Arrival(0.0, 1000.0)
    frames_of_no_file = Clip(clip.frames, clip.times_ms)
    with pytest.raises(ValueError, match="no place in a file"):
        arrivals_of(frames_of_no_file, [1], [1.0])


def test_what_an_older_version_kept_is_read() -> None:
    kept = {"digits": "402913", "language": "en", "schedule_ms": [1, 2, 3, 4, 5, 6], "issued_at": 7}
    live = LiveChallenge.from_json(kept)
    assert (live.challenge.digits, live.issued_at, live.stepwise) == ("402913", 7, False)
    assert live.view() == {"digits": "402913", "schedule_ms": [1, 2, 3, 4, 5, 6]}


def test_what_is_kept_is_read_again() -> None:
    drawn = draw(load_policy("spoken"), frozenset({"digits", "colours"}), "zh", 6)
    live = LiveChallenge(drawn, 5, stepwise=True, upload="u").taking(0, b"x", 900, last=True)
    assert LiveChallenge.from_json(live.as_json()) == live
    assert challenge_of(drawn.as_json()) == drawn


@pytest.mark.parametrize(
    ("policy", "prompts"),
    [("spoken", {"digits", "colours"}), ("moves", {"turns", "colours"}), ("x", {"colours"})],
)
def test_what_a_policy_asks_for_is_drawn(policy: str, prompts: set[str]) -> None:
    found = draw(load_policy("spoken" if policy == "x" else policy), frozenset(prompts), "en", 6)
    assert (found.colours is not None) == ("colours" in prompts)
    assert (found.turns is not None) == ("turns" in prompts)
    assert bool(found.digits) == ("digits" in prompts)
