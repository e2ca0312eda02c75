"""From verdicts to alerts: counted by the service, told once, on figures, command line and page."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.drift_streams import MODEL, scores, verdict
from tests.service_house import KEYS, House, house, picture
from veridical.client import verify_webhook
from veridical.errors import InputError, StoreError
from veridical.models import ModelStore
from veridical.result import ModelRef
from veridical.store import Database
from veridical.store.endpoints import set_webhook
from veridical.store.histograms import Key, add_counts, counts_of
from veridical.store.tenants import Tenant, add_tenant
from veridical.transactions import DriftWatch, Resources
from veridical.transactions.drift import freeze
from veridical.transactions.drift_views import HOUR_MS, overview
from veridical.transactions.webhooks import secret_text, sign
from veridical.verification import Verdict
from veridical.verification.evidence import SigningKey

NOW = 1_800_000_000_000 // HOUR_MS * HOUR_MS + 60_000
TENANT = "bank"


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def resources(tmp_path: Path, clock: Hand) -> Iterator[Resources]:
    database = Database(tmp_path / "v.db")
    database.upgrade()
    add_tenant(database, Tenant(TENANT, 60_000, 64))
    signing = SigningKey.from_file(tmp_path / "signing.pem")
    yield Resources(database, KEYS, signing, clock)
    database.close()


def watch_of(resources: Resources) -> DriftWatch:
    return DriftWatch(resources, timedelta(days=35), lambda profile: profile)


def feed(watch: DriftWatch, n: int, seed: int, shift: float = 0.0, copies: int = 0) -> None:
    """Observe verdicts, and let the watch look."""
    for i, score in enumerate(scores(n, seed, shift)):
        copied = i < copies
        watch.observe(TENANT, verdict(0.1 if copied else score, "replayed_clip" if copied else ""))
    watch.flush()


def frozen(resources: Resources, clock: Hand, n: int = 3_000) -> DriftWatch:
    """A watch after a period that was frozen."""
    watch = watch_of(resources)
    feed(watch, n, 1)
    clock.now += HOUR_MS
    freeze(resources.database, TENANT, NOW - HOUR_MS, clock.now, clock.now)
    return watch


def raised(resources: Resources) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = overview(resources.database, TENANT, resources.clock())["alerts"]
    return found


def letters(resources: Resources) -> list[dict[str, Any]]:
    with resources.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM outbox ORDER BY created_at, id")
        return [json.loads(row[0]) for row in rows]


def test_no_change_raises_nothing(resources: Resources, clock: Hand) -> None:
    watch = frozen(resources, clock)
    for seed in range(2, 8):
        feed(watch, 400, seed)
        clock.now += HOUR_MS
    assert raised(resources) == []


def test_an_alert_is_told_once_goes_on_quietly_and_is_told_when_it_is_over(
    resources: Resources, clock: Hand
) -> None:
    set_webhook(resources.database, KEYS, TENANT, "https://bank.example/hooks")
    watch = frozen(resources, clock)
    feed(watch, 400, 2, shift=-0.1)
    (alert,) = raised(resources)
    assert (alert["alert"], alert["name"], alert["n"]) == ("shift", "face.match", 400)
    assert alert["value"] > alert["raise_at"]
    for seed in (3, 4):
        clock.now += HOUR_MS
        feed(watch, 300, seed, shift=-0.1)
    assert [a["id"] for a in raised(resources)] == [alert["id"]]
    assert [letter["type"] for letter in letters(resources)] == ["drift.raised"]
    for seed in range(5, 13):
        clock.now += HOUR_MS
        feed(watch, 500, seed)
    assert raised(resources) == []
    told = letters(resources)
    assert [letter["type"] for letter in told] == ["drift.raised", "drift.cleared"]
    assert {letter["data"]["id"] for letter in told} == {alert["id"]}
    assert told[1]["data"]["state"] == "cleared"


def test_the_client_reads_the_webhook(resources: Resources, clock: Hand) -> None:
    secret = set_webhook(resources.database, KEYS, TENANT, "https://bank.example/hooks")
    feed(frozen(resources, clock), 400, 2, shift=-0.1)
    (letter,) = letters(resources)
    body, text = json.dumps(letter).encode(), secret_text(secret)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1800000000",
        "webhook-signature": sign(text, "msg_1", 1_800_000_000, body),
    }
    message = verify_webhook(text, headers, body, clock=lambda: 1_800_000_000)
    assert (message.type, message.transaction, message.state) == ("drift.raised", "", "raised")
    assert message.raw["data"]["name"] == "face.match"


def test_between_raising_and_clearing_an_alert_stays_as_it_is(
    resources: Resources, clock: Hand
) -> None:
    set_webhook(resources.database, KEYS, TENANT, "https://bank.example/hooks")
    watch = frozen(resources, clock)
    feed(watch, 400, 2, shift=-0.1)
    for seed in range(3, 15):  # a small shift remains, about where alerts begin
        clock.now += HOUR_MS
        feed(watch, 250, seed, shift=-0.028)
    assert len(letters(resources)) == 1


def test_a_wave_of_copies_is_an_alert_of_its_own(resources: Resources, clock: Hand) -> None:
    watch = frozen(resources, clock)
    feed(watch, 100, 2, copies=6)
    assert ("duplicates", "replayed_clip") in {(a["alert"], a["reason"]) for a in raised(resources)}


def test_counts_of_two_processes_add_up_and_one_of_them_tells(
    resources: Resources, clock: Hand
) -> None:
    set_webhook(resources.database, KEYS, TENANT, "https://bank.example/hooks")
    first, second = frozen(resources, clock), watch_of(resources)
    feed(first, 150, 2, shift=-0.15)
    assert raised(resources) == []  # too few to say
    feed(second, 150, 3, shift=-0.15)
    feed(first, 10, 4, shift=-0.15)
    feed(second, 10, 5, shift=-0.15)
    assert len(raised(resources)) == 1
    assert len(letters(resources)) == 1


def test_other_models_are_never_compared_with_a_baseline(resources: Resources, clock: Hand) -> None:
    watch = frozen(resources, clock)
    newer = ModelRef(MODEL.name, "cd" * 32)
    for score in scores(600, 2, shift=-0.3):
        watch.observe(TENANT, verdict(score, model=newer))
    watch.flush()
    assert raised(resources) == []
    view = overview(resources.database, TENANT, clock.now)
    lines = {one["models"]: one for one in view["series"] if one["kind"] == "score"}
    assert lines["sface-2021dec@cdcdcdcd"]["baseline"] is None
    assert lines["sface-2021dec@cdcdcdcd"]["n"] == 600


def test_a_new_baseline_ends_the_alerts_against_the_old(resources: Resources, clock: Hand) -> None:
    set_webhook(resources.database, KEYS, TENANT, "https://bank.example/hooks")
    watch = frozen(resources, clock)
    feed(watch, 600, 2, shift=-0.1)
    clock.now += HOUR_MS
    freeze(resources.database, TENANT, clock.now - 2 * HOUR_MS, clock.now, clock.now)
    assert raised(resources) == []
    feed(watch, 300, 3, shift=-0.1)  # as it now should be
    assert raised(resources) == []
    assert [letter["type"] for letter in letters(resources)] == ["drift.raised", "drift.cleared"]


def test_an_alert_of_which_nothing_more_is_seen_is_over(resources: Resources, clock: Hand) -> None:
    watch = frozen(resources, clock)
    feed(watch, 400, 2, shift=-0.1)
    assert raised(resources)
    clock.now += 8 * 24 * HOUR_MS
    watch.flush()
    assert raised(resources) == []


def test_counts_are_forgotten_in_time_and_baselines_are_not(
    resources: Resources, clock: Hand
) -> None:
    watch = frozen(resources, clock)
    clock.now += 36 * 24 * HOUR_MS
    feed(watch, 300, 2)
    with resources.database.reading() as connection:
        hours = {hour for h in counts_of(connection, TENANT, 0).values() for hour, _ in h}
    assert hours == {clock.now - clock.now % HOUR_MS}
    view = overview(resources.database, TENANT, clock.now)
    assert all(one["baseline"]["n"] == 3_000 for one in view["series"])


class Fragile:
    """A database that fails for a while."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.fails = True
        self.reading = database.reading

    def writing(self) -> Any:  # noqa: ANN401
        if self.fails:
            raise StoreError("full", "store.full")
        return self._database.writing()


def test_counts_wait_for_a_database_that_fails(resources: Resources) -> None:
    fragile: Any = Fragile(resources.database)
    watch = watch_of(replace(resources, database=fragile))
    with pytest.raises(StoreError):
        feed(watch, 10, 1)
    fragile.fails = False
    watch.observe(TENANT, verdict(0.5))
    watch.flush()
    watch.flush()
    with resources.database.reading() as connection:
        found = counts_of(connection, TENANT, 0)
    assert {key.kind: sum(h[0][1].values()) for key, h in found.items()} == {
        "score": 11,
        "reason": 11,
    }


def test_what_was_counted_is_kept_when_the_service_ends(tmp_path: Path) -> None:
    with house(tmp_path / "v.db", tmp_path) as made:
        made.finished(made.key())
        assert not watched(made).is_due
    database = Database(tmp_path / "v.db")
    with database.reading() as connection:
        assert counts_of(connection, made.tenant, 0)
    database.close()


def test_reasons_go_by_the_whole_model_set_whether_pulled_or_not(tmp_path: Path) -> None:
    with house(tmp_path / "v.db", tmp_path, models=ModelStore(tmp_path / "models")) as made:
        made.finished(made.key())
        watched(made).flush()
        with made.resources.database.reading() as connection:
            lines = {
                key.line for key in counts_of(connection, made.tenant, 0) if key.kind == "reason"
            }
    (line,) = lines
    assert line.startswith("registry: ")
    assert "@" in line


def test_freezing_takes_whole_hours_and_wants_enough(resources: Resources, clock: Hand) -> None:
    watch = watch_of(resources)
    feed(watch, 600, 1)
    with pytest.raises(InputError, match="nothing was counted"):
        freeze(
            resources.database, TENANT, NOW - HOUR_MS, clock.now, clock.now
        )  # the hour is not over
    found = freeze(resources.database, TENANT, NOW - HOUR_MS, NOW + HOUR_MS, NOW, ["face.match"])
    assert {one["name"] for one in found["frozen"]} == {"face.match"}
    with resources.database.writing() as connection:
        key = Key(TENANT, "score", "voice.match", "campplus@1")
        add_counts(connection, TENANT, {(key, NOW - NOW % HOUR_MS): {"3": 499}})
    again = freeze(resources.database, TENANT, NOW - HOUR_MS, NOW + HOUR_MS, NOW)
    assert [one["name"] for one in again["too_few"]] == ["voice.match"]


def watched(here: House) -> DriftWatch:
    app: Any = here.client.app
    found: DriftWatch = app.state.service.drift
    return found


def counted(here: House) -> dict[str, int]:
    watched(here).flush()
    with here.resources.database.reading() as connection:
        found = counts_of(connection, here.tenant, 0)
    outcomes = [hours for key, hours in found.items() if key.name == "verdict"]
    return outcomes[0][0][1] if outcomes else {}


def test_the_service_counts_every_verdict_but_those_of_the_sandbox(here: House) -> None:
    here.finished(here.key(), grey=11)
    here.rules.score, here.rules.reason = 0.0, "not_mated"
    here.finished(here.key(), grey=12)
    here.finished(here.key(sandbox=True), grey=13, subject_ref="sandbox:reject")
    assert counted(here) == {"accept": 1, "reject": 1}
    files = {"document_front": picture(), "selfie": picture()}
    assert here.client.post("/v1/verify", files=files, headers=here.key()).status_code == 200
    assert counted(here) == {"accept": 1, "reject": 2}


def test_a_tenant_sees_its_own_counts_with_a_key_for_them(here: House) -> None:
    here.finished(here.key(), grey=21)
    watched(here).flush()
    for scope in ("metrics:read", "reviews"):
        answer = here.client.get("/v1/drift", headers=here.key(scope))
        assert answer.status_code == 200
        assert "verdict" in {one["name"] for one in answer.json()["series"]}
    assert here.client.get("/v1/drift", headers=here.key("analysis")).status_code == 403
    other = here.of_new_tenant()
    answer = other.client.get("/v1/drift", headers=other.key())
    assert answer.json() == {"alerts": [], "series": []}


def test_figures_name_raised_alerts_and_no_tenant(tmp_path: Path) -> None:
    with house(tmp_path / "v.db", tmp_path) as made:
        here = made.of_new_tenant()
        watch, key = watched(here), here.key()

        def observe(n: int, seed: int, shift: float) -> None:
            for score in scores(n, seed, shift):
                watch.observe(here.tenant, verdict(score))
            watch.flush()

        observe(2_000, 1, 0.0)
        here.clock.ahead_ms += HOUR_MS
        end = here.clock()
        freeze(here.resources.database, here.tenant, end - 2 * HOUR_MS, end, end)
        line = 'veridical_drift_alerts{alert="shift",series="face.match"} 1.0'
        assert line not in here.client.get("/metrics", headers=key).text
        observe(300, 2, -0.1)
        text = here.client.get("/metrics", headers=key).text
        assert line in text
        assert here.tenant not in text
        assert "veridical_drift_unwatched_series 0.0" in text
        here.clock.ahead_ms += 8 * 24 * HOUR_MS
        watch.flush()
        assert "veridical_drift_alerts{" not in here.client.get("/metrics", headers=key).text


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Verdict, int], None]:
    """An installation by settings; answers what counts a verdict several times."""
    monkeypatch.setenv("VERIDICAL_DATABASE", f"sqlite:///{tmp_path}/v.db")
    database = Database(tmp_path / "v.db")
    database.upgrade()
    signing = SigningKey.from_file(tmp_path / "signing.pem")
    watch = watch_of(Resources(database, KEYS, signing))

    def count(one: Verdict, times: int) -> None:
        for _ in range(times):
            watch.observe("default", one)
        watch.flush()

    return count


def test_the_doctor_tells_by_its_exit_code(
    installed: Callable[[Verdict, int], None], run: Run, tmp_path: Path
) -> None:
    assert run("doctor", "--drift")[0] == 3  # there is nothing to compare with
    for score in (0.6, 0.8):
        installed(verdict(score), 600)
    code, out, _ = run("doctor", "--drift")
    assert (code, "none" in out) == (3, True)
    _aged(tmp_path / "v.db")
    code, out, _ = run("drift", "freeze")
    assert code == 0
    assert "n = 1200" in out
    installed(verdict(0.6), 300)
    installed(verdict(0.8), 300)
    assert run("doctor", "--drift")[0] == 0
    installed(verdict(0.3, "not_mated"), 400)
    code, out, _ = run("doctor", "--drift")
    assert (code, "shift of face.match" in out, "rise of face.match not_mated" in out) == (
        1,
        True,
        True,
    )
    code, out, _ = run("doctor", "--drift", "--json")
    assert code == 1
    assert {alert["alert"] for alert in json.loads(out)["default"]["alerts"]} == {"shift", "rise"}


def test_freezing_nothing_is_said_so(run: Run, installed: object) -> None:
    code, _, said = run("drift", "freeze", "--tenant", "nobody")
    assert code == 4
    assert "drift.nothing" in said


def _aged(path: Path) -> None:
    """Make what was counted a day older."""
    database = Database(path)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE drift_sketches SET hour = hour - ?", (24 * HOUR_MS,))
    database.close()
