"""Accepted customers are judged again by what is stored: lists, terms, watchlists, models."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Run
from tests.service_house import KEYS, House, Rules, house
from tests.test_signals_service import MODEL, watching, with_policy
from veridical.cli import rejudge as command
from veridical.errors import InputError
from veridical.gallery import FmrCurve, Gallery, WatchlistCheck
from veridical.store.attempts import keys_of_transactions
from veridical.store.lists import add_entries
from veridical.transactions.rejudge import Rejudged, Rejudgement
from veridical.types import Template
from veridical.verification import Verifier

MARK = "m@000000000000"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("rejudge")
    rules = Rules()
    build = lambda: watching(folder / "v.db", rules)  # noqa: E731
    with house(folder / "v.db", folder, build=build) as made:
        made.rules = rules
        yield made


@pytest.fixture
def here(whole: House) -> House:
    return whole.of_new_tenant()


def judged_again(here: House, **given: Any) -> list[Rejudged]:  # noqa: ANN401
    app: Any = here.client.app
    book = Rejudgement(app.state.service.transactions, **given)
    return list(book.run(here.tenant))


def events(here: House, key: dict[str, str], transaction: str) -> list[str]:
    lines = here.client.get(f"/v1/transactions/{transaction}/evidence", headers=key).text
    return [json.loads(line)["event"] for line in lines.splitlines()]


def test_who_is_denied_since_is_found_and_told_once(here: House) -> None:
    key = with_policy(here, "signals.lists")
    made = here.finished(key, 10, policy="watched", device_ref="d")
    other = here.finished(key, 20, policy="watched", device_ref="e")
    assert {found.findings for found in judged_again(here)} == {()}
    with here.resources.database.writing() as connection:
        kept = keys_of_transactions(connection, here.tenant, [made["id"]], ["device"])
        add_entries(
            connection, here.tenant, "deny", "device", [kept[made["id"]]["device"]], "case 7", 1
        )
    found = {one.transaction: one for one in judged_again(here)}
    assert [f.as_json() for f in found[made["id"]].findings] == [
        {"check": "signals.lists", "status": "review", "reason": "denied"}
    ]
    assert (found[made["id"]].news, found[other["id"]].news) == (True, False)
    again = {one.transaction: one for one in judged_again(here)}
    assert (again[made["id"]].news, len(again[made["id"]].findings)) == (False, 1)
    assert events(here, key, made["id"]) == ["verdict", "rejudged"]
    seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert seen["outcome"] == "accept"


def test_a_face_that_is_on_the_watchlist_since_is_found(here: House) -> None:
    key = with_policy(here, "signals.face_identity")
    made = here.finished(key, 30, policy="watched")
    face = np.zeros(256, np.float32)
    face[3] = 1.0
    wanted = Gallery(here.resources.database, KEYS, "wanted", MARK)
    wanted.enrol("w1", Template(face, MARK))
    check = WatchlistCheck(wanted, FmrCurve([0.2, 0.4], [1e-1, 1e-6]), MODEL)
    (found,) = judged_again(here, watchlist=check, face_model=MARK)
    assert found.transaction == made["id"]
    assert [f.reason for f in found.findings] == ["watchlist_hit"]


def test_a_document_whose_term_is_over_is_found(here: House) -> None:
    here.finished(with_policy(here), 40, policy="watched")
    app: Any = here.client.app
    book = Rejudgement(app.state.service.transactions, today=date(2030, 5, 2))
    (row,) = book._rows(here.tenant, "")
    stored = book._open(row)
    assert stored is not None

    def reasons(last: str) -> list[str]:
        told = {**stored.told, "document": {"valid_to": {"value": last}}}
        return [f.reason for f in book.judge(replace(stored, told=told))[1]]

    assert (reasons("2030-05-01"), reasons("2030-05-02")) == (["expired"], [])
    assert book.judge(replace(stored, told={**stored.told, "document": {}}))[0] == ()


def test_kept_media_are_judged_by_the_models_of_today_and_never_for_life(here: House) -> None:
    key = here.key()
    made = here.finished(key, 50)
    asked: list[str] = []

    class Today(Verifier):
        def judge(self, analysis: Any, policy: Any = None) -> Any:  # noqa: ANN401
            asked.extend(policy.checks)
            return super().judge(analysis, policy)

    app: Any = here.client.app
    verifier = app.state.service.loader.get()
    today = Today(verifier._steps, verifier._engines, verifier._points, verifier.policy)
    again = {"document.read", "face.match", "watchlist.search"}
    (found,) = judged_again(here, verifier=today)
    assert (found.findings, set(found.checked)) == ((), again)
    here.rules.score, here.rules.reason = 0.0, "not_mated"
    (found,) = judged_again(here, verifier=today)
    assert {f.check for f in found.findings} == again
    assert set(asked) == again
    assert events(here, key, made["id"]) == ["verdict", "rejudged"]


def test_a_run_that_was_broken_off_goes_on_behind_its_last_whole_line(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    line = json.dumps(Rejudged("t_1", ("signals.lists",), (), news=False).as_json())
    out.write_text(f"{line}\n{line.replace('t_1', 't_2')[:20]}")
    after, counts = command._so_far(out)
    assert (after, counts[""], out.read_text()) == ("t_1", 1, f"{line}\n")
    out.write_text("id,name\n")
    with pytest.raises(InputError) as caught:
        command._so_far(out)
    assert caught.value.code == "usage.not_a_rejudgement"


def test_the_command_judges_a_book(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path / "data"))
    for name in ("DATABASE", "WATCHLIST", "MASTER_KEYS", "SIGNING_KEY_FILE"):
        monkeypatch.delenv(f"VERIDICAL_{name}", raising=False)
    code, output, _ = run("rejudge", tmp_path / "out.jsonl", "--json")
    assert (code, json.loads(output)) == (0, {"transactions": 0, "findings": {}})
