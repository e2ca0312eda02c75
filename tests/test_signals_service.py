"""An attempt is kept with its verdict, once, and gone with its transaction; lists are kept."""

from collections.abc import Iterator
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from tests.conftest import Run
from tests.service_house import KEYS, House, Rules, house
from veridical import ModelRef, OperatingPoint, Template
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.catalogue.steps import build_steps
from veridical.gallery import FmrCurve
from veridical.signals import SignalSettings
from veridical.signals.device import DeviceCheck
from veridical.signals.faces import FaceIdentityCheck, IdentityFaceCheck
from veridical.signals.ledger import Ledger
from veridical.signals.listed import ListsCheck
from veridical.signals.region import RegionCheck
from veridical.signals.velocity import VelocityCheck
from veridical.store import Database
from veridical.store.schema import attempt_keys, attempts, templates
from veridical.verification import CHECKS, Verifier, load_policy

POLICY = """
id = "watched"
version = {version}
required = ["document.read", "document.specimen", "face.match"]
optional = {optional}
attempts = 3
[velocity]
device_1h = 3
"""
MODEL = ModelRef("m", "0" * 64)


class Watching(Verifier):
    """A verifier that tells faces by the rough brightness of a picture: it needs no model."""

    def analyse(self, transaction: Any) -> Analysis:  # noqa: ANN401
        return _Faced(transaction, self._engines, self._ledger)


class _Faced(Analysis):
    @cached_property
    def face_template(self) -> Template | None:
        selfie = self.transaction.selfie
        if selfie is None:
            return None
        vector = np.zeros(256, np.float32)
        vector[int(selfie.pixels[0, 0, 0]) // 10] = 1.0
        return Template(vector, "m@000000000000")


def watching(database: Path, rules: Rules) -> Verifier:
    settings = SignalSettings.read()
    opened = Database(database)
    opened.upgrade()
    steps = dict(rules.build()()._steps)
    faces = FaceIdentityCheck(FmrCurve([0.2, 0.4], [1e-1, 1e-3]), MODEL, 0.01)
    signals = {
        "signals.device": DeviceCheck(settings.flags, ("obs",)),
        "signals.region": RegionCheck(settings.region),
        "signals.velocity": VelocityCheck(settings.velocity, faces),
        "signals.lists": ListsCheck(),
        "signals.face_identity": faces,
        "signals.identity_face": IdentityFaceCheck(MODEL, settings.compared),
    }
    makers = {name: lambda check=check: check for name, check in signals.items()}
    steps |= {name: step for name, step in build_steps(makers).items() if name in signals}
    points = dict.fromkeys(CHECKS, OperatingPoint(0.5, 0.25))
    points |= {"signals.velocity": OperatingPoint(1.0, 0.0)}
    points |= {"signals.face_identity": OperatingPoint(0.01, -1.0)}
    return Watching(
        steps, Engines.of("registry"), points, load_policy("selfie"), ledger=Ledger(opened, KEYS)
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("signals")
    rules = Rules()
    with house(folder / "v.db", folder, build=lambda: watching(folder / "v.db", rules)) as made:
        yield made


@pytest.fixture
def here(whole: House) -> House:
    return whole.of_new_tenant()


def with_policy(
    here: House, *optional: str, version: int = 1, sandbox: bool = False
) -> dict[str, str]:
    """A key of a tenant that asks for some signals."""
    key = here.key(sandbox=sandbox)
    text = POLICY.format(version=version, optional=list(optional)).replace("'", '"')
    answer = here.client.put(
        "/v1/policies/watched", content=text, headers={**key, "Content-Type": "application/toml"}
    )
    assert answer.status_code == 201, answer.text
    return key


def counted(here: House) -> tuple[int, int, int]:
    """Attempts, keys and faces that are kept of a tenant."""
    mine = select(attempts.c.id).where(attempts.c.tenant == here.tenant)
    with here.resources.database.reading() as connection:
        return (
            connection.scalar(select(func.count()).select_from(mine.subquery())) or 0,
            connection.scalar(select(func.count()).where(attempt_keys.c.attempt.in_(mine))) or 0,
            connection.scalar(select(func.count()).where(templates.c.tenant == here.tenant)) or 0,
        )


def check(found: dict[str, Any], name: str) -> dict[str, Any]:
    checks: list[dict[str, Any]] = found["verdict"]["checks"]
    return next(each for each in checks if each["check"] == name)


def test_too_many_attempts_of_a_device_go_to_review(here: House) -> None:
    key = with_policy(here, "signals.velocity")
    found = [
        here.finished(key, 10 + n, policy="watched", device_ref="d", subject_ref=f"s{n}")
        for n in range(5)
    ]
    assert [each["outcome"] for each in found] == [*["accept"] * 3, *["review"] * 2]
    last = check(found[-1], "signals.velocity")
    assert (last["evidence"]["device_1h"], last["evidence"]["exceeded"]) == (5, "device_1h")
    assert last["evidence"]["source"] == "store,sdk"
    assert counted(here) == (5, 10, 5)


def test_the_same_face_under_another_reference_goes_to_review(here: House) -> None:
    key = with_policy(here, "signals.face_identity", "signals.identity_face")
    first = here.finished(key, 40, policy="watched", subject_ref="ann")
    again = here.finished(key, 41, policy="watched", subject_ref="ann")
    other = here.finished(key, 42, policy="watched", subject_ref="bob")
    stolen = here.finished(key, 90, policy="watched", subject_ref="ann")
    assert [each["outcome"] for each in (first, again, other, stolen)] == [
        "accept", "accept", "review", "review"
    ]  # fmt: skip
    assert check(other, "signals.face_identity")["reason"] == "other_identity"
    assert check(stolen, "signals.identity_face")["reason"] == "other_face"


def test_what_the_capture_says_of_its_device_counts(here: House) -> None:
    key = with_policy(here, "signals.device")
    made = here.start(key, policy="watched")
    here.collect(made, 50)
    assert here.submit(made, capture={"flags": "emulator", "device": "x"}).status_code == 200
    found = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert (found["outcome"], check(found, "signals.device")["reason"]) == (
        "review", "device_flagged"
    )  # fmt: skip


def test_a_capture_that_lies_about_the_form_of_its_facts_is_tried_again(here: House) -> None:
    key = with_policy(here, "signals.device")
    made = here.start(key, policy="watched")
    here.collect(made, 51)
    assert here.submit(made, capture={"country": "Mars"}).status_code == 200
    found = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert (found["outcome"], found["problem"]["code"]) == ("retry", "metadata.invalid")


@pytest.mark.parametrize("wrong", [{"country": "Mars"}, {"network": "office"}, {"region": "x"}])
def test_facts_of_the_caller_that_are_none_are_refused(here: House, wrong: dict[str, str]) -> None:
    body = {"policy": "selfie", "consent": {"biometrics": True}, "signals": wrong}
    answer = here.client.post("/v1/transactions", json=body, headers=here.key())
    assert (answer.status_code, answer.json()["code"]) == (422, "metadata.invalid")
    assert next(iter(wrong.values())) not in answer.text


def test_facts_of_the_caller_go_before_the_capture_s(here: House) -> None:
    key = with_policy(here, "signals.velocity")
    for network in ("198.51.100.1", "198.51.100.77"):
        made = here.start(key, policy="watched", signals={"network": network, "phone": "+15550100"})
        here.collect(made, 60 + int(network[-1]))
        here.submit(made, capture={"network": "203.0.113.1"})
        found = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    evidence = check(found, "signals.velocity")["evidence"]
    assert (evidence["network_1h"], evidence["phone_1h"]) == (2, 2)
    assert "198.51" not in str(found)
    assert "15550100" not in str(found)


def test_a_policy_without_signals_keeps_nothing(here: House) -> None:
    here.finished(here.key(), 70, device_ref="d", subject_ref="s")
    assert counted(here) == (0, 0, 0)


def test_a_policy_that_compares_no_faces_keeps_none(here: House) -> None:
    key = with_policy(here, "signals.lists", "signals.device")
    here.finished(key, 71, policy="watched", device_ref="d")
    assert counted(here) == (1, 1, 0)


def test_sandbox_transactions_are_not_kept(here: House) -> None:
    key = with_policy(here, "signals.velocity", sandbox=True)
    here.finished(key, 72, policy="watched", device_ref="d")
    assert counted(here) == (0, 0, 0)


def test_every_attempt_of_a_transaction_is_kept_once(here: House) -> None:
    key = with_policy(here, "signals.velocity")
    here.rules.score = None
    made = here.start(key, policy="watched", device_ref="d")
    here.collect(made, 73)
    here.submit(made)
    with here.resources.database.reading() as connection:
        rows = connection.execute(
            select(attempts.c.transaction, attempts.c.number).where(
                attempts.c.tenant == here.tenant
            )
        ).all()
    assert [tuple(row) for row in rows] == [(made["id"], 1)]


def test_erasing_a_transaction_erases_its_attempts_and_face(here: House) -> None:
    key = with_policy(here, "signals.velocity")
    kept = here.finished(key, 74, policy="watched", device_ref="d")
    gone = here.finished(key, 75, policy="watched", device_ref="d")
    assert counted(here) == (2, 2, 2)
    assert here.client.delete(f"/v1/transactions/{gone['id']}", headers=key).status_code == 200
    assert counted(here) == (1, 1, 1)
    here.clock.ahead_ms = 31 * 86_400_000
    here.client.app.state.retention.erase_old()  # type: ignore[attr-defined]
    assert counted(here) == (0, 0, 0)
    assert kept["id"] != gone["id"]


def test_a_denied_device_goes_to_review_and_an_allowed_one_is_not_limited(here: House) -> None:
    key = with_policy(here, "signals.lists", "signals.velocity")

    def put(path: str, *values: str) -> dict[str, int]:
        answer = here.client.post(
            f"/v1/lists/{path}", json={"values": list(values), "label": "case 17"}, headers=key
        )
        assert answer.status_code == 200, answer.text
        told: dict[str, int] = answer.json()
        return told

    assert put("deny/device", "bad", "worse", "bad") == {"added": 2, "known": 0}
    assert put("allow/device", "kiosk", "bad") == {"added": 2, "known": 0}
    assert put("deny/device", "bad") == {"added": 0, "known": 1}
    denied = here.finished(key, 80, policy="watched", device_ref="bad")
    assert (denied["outcome"], check(denied, "signals.lists")["evidence"]["label"]) == (
        "review", "case 17"
    )  # fmt: skip
    kiosk = [
        here.finished(key, 81 + number, policy="watched", device_ref="kiosk")["outcome"]
        for number in range(5)
    ]
    assert kiosk == ["accept"] * 5
    sizes = here.client.get("/v1/lists", headers=key).json()["items"]
    assert [(s["effect"], s["kind"], s["label"], s["entries"]) for s in sizes] == [
        ("allow", "device", "case 17", 2), ("deny", "device", "case 17", 2)
    ]  # fmt: skip
    assert put("deny/device/remove", "bad", "unknown") == {"removed": 1}
    assert here.finished(key, 99, policy="watched", device_ref="bad")["outcome"] == "accept"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("deny/colour", {"values": ["red"]}),
        ("ban/device", {"values": ["d"]}),
        ("deny/phone", {"values": ["none"]}),
        ("deny/device", {"values": []}),
        ("deny/device", {"values": ["d"], "label": "a\nb"}),
    ],
)
def test_malformed_lists_are_refused(here: House, path: str, body: dict[str, Any]) -> None:
    answer = here.client.post(f"/v1/lists/{path}", json=body, headers=here.key())
    assert answer.status_code == 422, answer.text


def test_lists_want_their_scopes(here: House) -> None:
    reader = here.key("lists:read")
    body = {"values": ["d"]}
    assert here.client.get("/v1/lists", headers=reader).status_code == 200
    assert here.client.post("/v1/lists/deny/device", json=body, headers=reader).status_code == 403
    assert here.client.get("/v1/lists", headers=here.key("lists:write")).status_code == 403


# --- the command line -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def test_a_file_is_imported_twice_and_counts_once(run: Run, folder: Path) -> None:
    file = folder / "phones.txt"
    file.write_text("13800138000\n+86 138 0013 8001\nnobody\n13800138000\n", encoding="utf-8")
    code, out, err = run("lists", "import", file, "--kind", "phone", "--label", "2026-11")
    assert (code, out) == (0, "3 values, 2 new on the deny list of phone, 1 refused\n")
    assert "no phone in line 3\n" in err
    assert run("lists", "import", file, "--kind", "phone")[1].startswith("3 values, 0 new")
    assert run("lists", "stats")[1] == "deny   phone             2  2026-11\n"
    assert b"13800138000" not in (folder / "data" / "veridical.db").read_bytes()


def test_a_column_of_a_csv_file_is_imported(run: Run, folder: Path) -> None:
    file = folder / "cases.csv"
    file.write_text('case,number\n1,"11010519491231002X"\n2,E12345678\n', encoding="utf-8-sig")
    words = ("lists", "import", file, "--kind", "document", "--effect", "allow", "--column")
    assert run(*words, "number")[1].startswith("2 values, 2 new on the allow list")
    assert run("lists", "find", "--kind", "document", "e-12345678")[0] == 0
    code, _, err = run(*words, "phone")
    assert (code, "usage.column" in err) == (2, True)


def test_values_are_added_found_and_removed(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("lists", "stats")[1] == "no lists\n"
    monkeypatch.setattr("sys.stdin", StringIO("d1\nd2\n"))
    assert run("lists", "add", "--kind", "device", "-")[1] == "2 new on the deny list of device\n"
    code, out, _ = run("lists", "find", "--kind", "device", "d0", "d2")
    assert (code, out.startswith("value 2: deny device since ")) == (0, True)
    assert run("lists", "remove", "--kind", "device", "d2")[0] == 0
    assert run("lists", "remove", "--kind", "device", "d2")[0] == 1
    assert run("lists", "find", "--kind", "device", "d2")[:2] == (1, "on no list\n")
    assert run("lists", "stats", "--json")[1].count('"entries": 1') == 1


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("add", "--kind", "colour", "red"), "signals.value", 4),
        (("add", "--kind", "phone", "none"), "signals.value", 4),
        (("import", "nowhere.txt", "--kind", "phone"), "usage.no_file", 2),
    ],
)
def test_what_cannot_be_listed_is_said(
    run: Run, folder: Path, words: tuple[str, ...], code: str, exit_code: int
) -> None:
    ended, _, err = run("lists", *words)
    assert (ended, f"[{code}]" in err) == (exit_code, True)
