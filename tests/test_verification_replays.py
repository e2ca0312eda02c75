"""A clip handed in again is recognised across transactions, where the installation keeps codes."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.test_liveness_injection import alive, encoded_again
from veridical.verification import Settings, Transaction, Verdict, load_policy, load_verifier


def injection(verdict: Verdict) -> tuple[float | None, str, object]:
    found = next(
        r.measurement for r in verdict.results if r.measurement.check == "liveness.injection"
    )
    return found.score, found.reason, found.evidence["replay_search"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # No models at all: what is tested here asks none.
    return Settings(
        models_dir=tmp_path,
        database=f"sqlite:///{tmp_path}/v.db",
        profile="registry",
        allow_missing=True,
    )


def test_a_clip_of_an_earlier_transaction_is_recognised(settings: Settings) -> None:
    clip, policy = alive(1), load_policy("spoken")
    for verifier in (load_verifier(settings), load_verifier(settings)):  # a restart in between
        again = verifier.verify(Transaction("first", clip=clip), policy)
        assert injection(again) == (1.0, "", True)  # judged again, it is no replay of itself
    copy = verifier.verify(Transaction("second", clip=encoded_again(clip)), policy)
    assert injection(copy) == (0.0, "replayed_clip", True)
    other = verifier.verify(Transaction("third", clip=alive(2)), policy)
    assert injection(other) == (1.0, "", True)


def judged_twice(settings: Settings) -> None:
    verifier = load_verifier(settings)
    for name in ("first", "second"):
        verdict = verifier.verify(Transaction(name, clip=alive(1)), load_policy("spoken"))
        assert injection(verdict) == (1.0, "", False)


def test_without_a_database_nothing_is_kept(settings: Settings) -> None:
    judged_twice(settings.model_copy(update={"database": ""}))
    assert not list(settings.models_dir.glob("*.db"))


def test_no_clip_is_kept_where_the_settings_say_so(settings: Settings) -> None:
    judged_twice(settings.model_copy(update={"fingerprint_days": 0}))
    with closing(sqlite3.connect(settings.models_dir / "v.db")) as connection:
        for table in ("fingerprints", "attempts"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608


def test_an_attestor_makes_the_assessment_full(settings: Settings) -> None:
    verifier = load_verifier(settings, attestor=lambda token, nonce: token == f"signed:{nonce}")
    facts = {"nonce": "n", "attestation": "signed:n"}
    weak = verifier.verify(Transaction("a", clip=alive(1)), load_policy("spoken"))
    full = verifier.verify(Transaction("b", clip=alive(2), metadata=facts), load_policy("spoken"))
    assert "liveness.injection:not_fully_assessed" in weak.assurance
    assert "liveness.injection:not_fully_assessed" not in full.assurance
