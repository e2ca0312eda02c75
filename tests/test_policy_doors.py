"""Rules and facts pass through every door: service, batch, command line, evaluation."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.service_house import IN_STEPS, House, house, picture
from veridical import InputError, Measurement, OperatingPoint
from veridical.analysis.engines import Engines
from veridical.evaluation.protocols.transactions import Case, decided
from veridical.policy import parse_policy
from veridical.types import Image
from veridical.verification import CHECKS, Transaction, Verifier, load_policy
from veridical.verification.inputs import parse_facts
from veridical.verification.manifest import Row, load_transaction
from veridical.verification.sources import Folder

POLICY = """
id = "paying"
version = 1
required = ["face.quality"]
facts = ["amount"]
[[rules]]
id = "large"
when = "facts.amount >= 1000"
then = "review"
reason = "a large amount"
[[examples]]
name = "small"
expect = "accept"
facts = {amount = 1}
[[examples]]
name = "large"
expect = "review"
facts = {amount = 1000}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with house(folder / "service.db", folder) as found:
        yield found


def stored(here: House, key: dict[str, str], text: str = POLICY) -> Any:  # noqa: ANN401
    headers = {**key, "content-type": "application/toml"}
    return here.client.put("/v1/policies/paying", content=text, headers=headers)


# --- service --------------------------------------------------------------------------------------


def test_the_service_judges_by_rules_and_facts_and_quotes_them(running: House) -> None:
    here = running.of_new_tenant()
    key = here.key()
    answer = stored(here, key)
    assert answer.status_code == 201, answer.text
    assert answer.json()["facts"] == ["amount"]
    assert answer.json()["rules"][0]["when"] == "facts.amount >= 1000"
    (warning,) = answer.json()["warnings"]
    assert warning.startswith("neither compares a face nor tests liveness")
    small = here.finished(key, 1, policy="paying", facts={"amount": 10})
    assert small["outcome"] == "accept"
    large = here.finished(key, 2, policy="paying", facts={"amount": 1000.5})
    assert (large["outcome"], large["verdict"]["first_cause"]) == ("review", "rule:large")
    assert large["verdict"]["facts"] == {"amount": 1000.5}
    assert large["verdict"]["rules"][0]["reason"] == "a large amount"
    untold = here.finished(key, 3, policy="paying")
    assert untold["verdict"]["causes"] == ["rule:large"]
    assert untold["verdict"]["rules"][0]["holds"] is None
    lines = here.client.get(f"/v1/transactions/{large['id']}/evidence", headers=key).text
    record = json.loads(lines.splitlines()[0])
    assert record["rules"] == [{"rule": "large", "holds": True, "then": "review"}]
    assert "1000.5" not in lines


def test_the_service_refuses_a_policy_whose_examples_fail(running: House) -> None:
    here = running.of_new_tenant()
    key = here.key()
    answer = stored(here, key, POLICY.replace("amount >= 1000", "amount >= 2000"))
    assert (answer.status_code, answer.json()["code"]) == (422, "policy.example")
    assert "'large' fails" in answer.json()["detail"]
    assert stored(here, key, POLICY.replace(">= 1000", ">= ")).json()["code"] == "policy.malformed"
    ids = [p["id"] for p in here.client.get("/v1/policies", headers=key).json()["items"]]
    assert "paying" not in ids


def test_a_service_does_not_start_under_a_policy_whose_examples_fail(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(POLICY.replace("amount >= 1000", "amount >= 2000"), encoding="utf-8")
    with (
        pytest.raises(InputError, match="example 'large' fails"),
        house(tmp_path / "service.db", tmp_path, policy=str(path)),
    ):
        pass


@pytest.mark.parametrize(
    "facts",
    [{"Amount": 1}, {"amount": "1"}, {"amount": None}, {"amount": True}, {"a" * 41: 1}, [1],
     {f"f{n}": 1 for n in range(21)}],
)  # fmt: skip
def test_the_service_refuses_facts_that_are_no_numbers(running: House, facts: object) -> None:
    answer = running.client.post(
        "/v1/transactions",
        json={"policy": "selfie", "consent": {"biometrics": True}, "facts": facts},
        headers=running.key(),
    )
    assert answer.status_code == 422


def test_the_one_call_form_takes_facts(running: House) -> None:
    here, key = running.of_new_tenant(), running.key()

    def ask(facts: str) -> Any:  # noqa: ANN401
        return here.client.post(
            "/v1/verify",
            data={"policy": "withdrawal", "facts": facts},
            files={"selfie": ("a.png", picture(7), "image/png")},
            headers=key,
        )

    assert ask('{"amount": 200}').json()["outcome"] == "accept"
    assert ask("").json()["causes"] == ["rule:no-amount"]
    assert ask('{"amount": 500000}').json()["causes"] == ["rule:very-large-amount"]
    assert ask('{"amount": "200"}').json()["code"] == "facts.malformed"
    assert ask("amount=200").json()["code"] == "facts.malformed"


# --- in process, batch, command line --------------------------------------------------------------


def test_the_verifier_hands_facts_to_the_rules() -> None:
    steps = {check: lambda _, name=check: Measurement(name, 1.0, "", IN_STEPS) for check in CHECKS}
    points = dict.fromkeys(CHECKS, OperatingPoint(0.5, 0.25))
    verifier = Verifier(steps, Engines.of(), points, load_policy("withdrawal"))
    selfie = Image(np.zeros((4, 4, 3), np.uint8))
    for amount, cause in [(10.0, None), (9e9, "rule:very-large-amount")]:
        verdict = verifier.verify(Transaction("t", selfie=selfie, facts={"amount": amount}))
        assert (verdict.first_cause, verdict.facts) == (cause, {"amount": amount})


def test_a_manifest_gives_facts(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    values = {"selfie": "a.png", "facts": {"amount": 12}}
    assert load_transaction(Row(1, "1", values), Folder(tmp_path)).facts == {"amount": 12.0}
    with pytest.raises(InputError, match="row 1: facts: ") as caught:
        load_transaction(Row(1, "1", {**values, "facts": "12"}), Folder(tmp_path))
    assert caught.value.code == "manifest.malformed"


def test_facts_on_a_line_are_json() -> None:
    assert parse_facts(" ") == {}
    assert parse_facts('{"amount": 12}') == {"amount": 12.0}
    for text in ("{", "[1]", '{"amount": NaN}', "[" * 100_000):
        with pytest.raises(InputError, match="facts are"):
            parse_facts(text)


def test_the_evaluation_decides_by_rules_over_stored_evidence() -> None:
    policy = parse_policy(
        (
            POLICY + '[[rules]]\nid = "far"\nwhen = "face.quality.yaw > 20"\nthen = "reject"\n'
        ).encode(),
        "mine.toml",
        Path(),
    )
    said = Row(1, "a", {"facts": {"amount": 1}})
    case = Case(1, 1, "paying", "accept", "", said, Path(), {})

    def got(*evidence: dict[str, float]) -> list[str]:
        measured = json.dumps({"face.quality": [1.0, "", *evidence]})
        row = {"id": "a", "attempt": "1", "unit": "0", "error": "", "measured": measured}
        points = {"face.quality": OperatingPoint(0.5, 0.25)}
        (ended,) = decided([row], [case], {"paying": policy}, points)
        return [ended["got"], ended["first_cause"]]

    assert got({"yaw": 5.0}) == ["accept", ""]
    assert got({"yaw": 25.0}) == ["reject", "rule:far"]
    assert got() == ["review", "rule:far"]  # a score file from before there were rules


def test_doctor_finds_an_example_that_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(POLICY.replace("amount >= 1000", "amount >= 2000"), encoding="utf-8")
    monkeypatch.setenv("VERIDICAL_MODELS_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("VERIDICAL_POLICY", str(path))
    code, out, _ = run("doctor", "--json")
    assert code == 3
    assert any("example 'large' fails" in problem for problem in json.loads(out)["problems"])


def test_the_command_line_tries_compares_and_lints(run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(POLICY, encoding="utf-8")
    bad.write_text(POLICY.replace("amount >= 1000", "amount >= 2000"), encoding="utf-8")
    code, out, _ = run("policy", "test", good)
    assert code == 0
    assert "2 examples, 0 failed" in out
    code, out, _ = run("policy", "test", bad)
    assert code == 1
    assert "1 failed" in out
    assert run("policy", "lint", good)[0] == 0
    code, out, err = run("policy", "lint", bad)
    assert code == 2
    assert "example 'large' fails" in out + err
    code, out, _ = run("policy", "diff", good, bad)
    assert code == 1
    assert "rule: + large: review when facts.amount >= 2000" in out
