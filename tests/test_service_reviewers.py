"""Who decided: four eyes where the policy wants them, and names that a trusted proxy tells."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from tests.service_house import House, house
from veridical.service.api.state import SharedGate
from veridical.transactions import ProblemError

SECRET = "a secret of the proxy"  # noqa: S105
FOUR_EYES = """
id = "four-eyes"
version = 1
reviewers = 2
required = ["face.quality", "face.match", "document.specimen"]
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("reviewers")
    policy = folder / "four.toml"
    policy.write_text(FOUR_EYES)
    with house(folder / "v.db", folder, policy=str(policy)) as made:
        app: Any = made.client.app
        app.state.service.access._proxy_secret = SecretStr(SECRET)
        yield made


def held(here: House, grey: int, **more: object) -> str:
    here.rules.score, here.rules.reason = 0.3, "low_score"
    found = here.finished(here.key(), grey, **{"policy": "", **more})
    assert found["outcome"] == "review"
    return str(found["id"])


def decide(here: House, key: Mapping[str, Any], transaction: str, outcome: str = "accept") -> Any:  # noqa: ANN401
    body = {"outcome": outcome, "reason": "same person"}
    answer = here.client.post(f"/v1/transactions/{transaction}/review", json=body, headers=key)
    return answer.json()


def test_an_accept_wants_two_persons_who_agree(here: House) -> None:
    ana, ben, eve, machine = (here.key(person=name) for name in ("Ana", "Ben", "Eve", ""))
    case = held(here, 10)
    assert decide(here, machine, case)["code"] == "review.unnamed"
    first = decide(here, ana, case)
    assert (first["review"]["awaits_second"], first["final_outcome"]) == (True, None)
    assert decide(here, ana, case)["code"] == "review.same_person"
    assert decide(here, here.key(person="Ana"), case)["code"] == "review.same_person"
    (item,) = here.client.get("/v1/reviews", headers=ben).json()["items"]
    assert (item["id"], item["first_decision_by"]) == (case, "Ana")
    other = decide(here, ben, case, "reject")
    assert (other["review"]["awaits_second"], other["final_outcome"]) == (True, None)
    last = decide(here, eve, case, "reject")
    assert (last["review"]["awaits_second"], last["final_outcome"]) == (False, "reject")
    assert decide(here, ana, case)["code"] == "review.not_open"
    assert here.client.get("/v1/reviews", headers=ben).json()["items"] == []
    text = here.client.get(f"/v1/transactions/{case}/evidence", headers=machine).text
    records = [r for r in map(json.loads, text.splitlines()) if r["event"] == "review"]
    assert [(r["operator"], r["outcome"], r["awaits_second"]) for r in records] == [
        ("Ana", "accept", True),
        ("Ben", "reject", True),
        ("Eve", "reject", False),
    ]


def test_a_proxy_that_proves_itself_names_the_person(here: House) -> None:
    desk = here.key("reviews", "transactions:read")
    case = held(here, 11, policy="selfie")
    named = {"X-Veridical-Person": "Zoë Ångström".encode()}
    for proof in ({}, {"X-Veridical-Proxy-Secret": "guessed"}):
        assert decide(here, {**desk, **named, **proof}, case)["code"] == "auth.proxy"
    proof = {"X-Veridical-Proxy-Secret": SECRET}
    nobody = {**desk, **proof, "X-Veridical-Person": ""}
    assert decide(here, nobody, case)["code"] == "auth.proxy"
    bound = {**here.key(person="Ana"), **named, **proof}
    assert decide(here, bound, case)["code"] == "auth.other_person"
    assert decide(here, {**desk, **named, **proof}, case)["review"]["decided_by"] == "Zoë Ångström"


def test_without_a_secret_no_proxy_is_believed(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = here.client.app
    monkeypatch.setattr(app.state.service.access, "_proxy_secret", None)
    for secret in ("", SECRET):
        headers = {"X-Veridical-Person": "Ana", "X-Veridical-Proxy-Secret": secret}
        answer = here.client.get("/v1/reviews", headers={**here.key(), **headers})
        assert answer.json()["code"] == "auth.proxy"


@pytest.mark.parametrize("script", ["accept", "reject", "retry"])
def test_a_sandbox_set_runs_again_and_again(here: House, script: str) -> None:
    key = here.key(sandbox=True)
    for _ in range(7):  # the sixth failure of a person would have to wait
        made = here.start(key, subject_ref=f"sandbox:{script}")
        here.collect(made, 12)
        assert here.submit(made).json()["outcome"] == script


def test_scripts_of_the_other_kinds(here: House) -> None:
    key = here.key(sandbox=True)
    known = here.start(key, kind="reverify", policy="reverify", subject_ref="sandbox:accept")
    here.collect(known, 13)
    assert here.submit(known).json()["outcome"] == "accept"
    consent = {"biometrics": True}
    recorded = here.start(
        key,
        kind="recording",
        policy="recording",
        script="consent-en",
        subject_ref="sandbox:accept",
        consent=consent,
    )
    here.collect(recorded, 14)
    assert here.submit(recorded).json()["outcome"] == "accept"
    body = {"policy": "selfie", "consent": consent, "subject_ref": "sandbox:back-off"}
    answer = here.client.post("/v1/transactions", json=body, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (429, "challenge.back_off")
    assert answer.headers["retry-after"] == "30"


def test_a_webhook_comes_late_where_the_script_says_so(here: House) -> None:
    key = here.key(sandbox=True)
    here.client.post("/v1/webhooks", json={"url": "https://qa.example/h"}, headers=key)
    for script in ("late-webhook", "accept"):
        here.finished(key, 15, policy="selfie", subject_ref=f"sandbox:{script}")
    with here.resources.database.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT next_at - created_at FROM outbox ORDER BY created_at"
        )
        late = [row[0] for row in rows]
    assert late[0] == 30_000


def test_no_tenant_takes_the_places_of_others() -> None:
    now = [0.0]
    gate = SharedGate(3, lambda: now[0])
    with gate.entered("flood"), gate.entered("flood"):
        with pytest.raises(ProblemError), gate.entered("flood"):
            pass
        with gate.entered("bank"):  # a place was left
            pass
    with gate.entered("flood"), pytest.raises(ProblemError), gate.entered("flood"):
        pass  # both have asked lately: each has one
    now[0] = 60.0
    with gate.entered("flood"), gate.entered("flood"):
        pass
