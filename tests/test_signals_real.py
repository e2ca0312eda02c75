"""The real models, the real database: who came before is known again."""

from dataclasses import replace
from pathlib import Path

import pytest

from veridical import Outcome, Status
from veridical.models import ModelStore
from veridical.policy import Policy, parse_policy
from veridical.rehearsal.samples import Sample
from veridical.result import CheckResult
from veridical.signals import SignalFacts
from veridical.verification import Settings, Verifier, load_verifier

pytestmark = pytest.mark.models

POLICY = b"""
id = "watched"
version = 1
allow_specimens = true
required = ["document.read", "face.match"]
optional = [
  "signals.face_identity", "signals.identity_face", "signals.velocity", "signals.device",
  "signals.region", "signals.lists", "signals.provider",
]
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy(POLICY, "a test", Path())


def judged(
    verifier: Verifier, sample: Sample, policy: Policy, id: str, facts: SignalFacts
) -> tuple[Outcome, dict[str, CheckResult]]:
    """Judge and keep, as the service does."""
    analysis = verifier.analyse(replace(sample.transaction, id=id, signals=facts))
    verdict = verifier.judge(analysis, policy)
    if analysis.ledger is not None and analysis.sighting is not None:
        analysis.ledger.keep(analysis.sighting, analysis.face_template)
    return verdict.outcome, {result.check: result for result in verdict.results}


def test_without_a_database_signals_say_so_and_an_accept_stays_one(
    store: ModelStore, samples: dict[str, Sample], policy: Policy
) -> None:
    verifier = load_verifier(Settings(models_dir=store.directory, database=""))
    facts = SignalFacts(subject="s", device="d")
    outcome, results = judged(verifier, samples["genuine"], policy, "t1", facts)
    assert outcome is Outcome.ACCEPT
    assert {name: r.reason for name, r in results.items() if r.status is Status.NOT_ASSESSED} == {
        "signals.face_identity": "no_store", "signals.identity_face": "no_store",
        "signals.velocity": "no_store", "signals.lists": "no_store",
        "signals.region": "missing_input", "signals.provider": "no_provider",
    }  # fmt: skip


def test_the_same_face_under_another_identity_goes_to_review(
    store: ModelStore, samples: dict[str, Sample], policy: Policy, tmp_path: Path
) -> None:
    settings = Settings(
        models_dir=store.directory, database=f"sqlite:///{tmp_path}/v.db", data_dir=tmp_path
    )
    verifier, sample = load_verifier(settings), samples["genuine"]
    first, results = judged(verifier, sample, policy, "t1", SignalFacts(device="d"))
    assert first is Outcome.ACCEPT
    assert results["signals.velocity"].measurement.evidence["document_1h"] == 1
    again, results = judged(verifier, sample, policy, "t2", SignalFacts(device="d"))
    assert again is Outcome.ACCEPT
    counts = results["signals.velocity"].measurement.evidence
    assert (counts["document_1h"], counts["face_1h"], counts["device_24h"]) == (2, 2, 2)
    assert results["signals.identity_face"].score == pytest.approx(1.0, abs=1e-3)
    # The same selfie beside no document, by somebody who calls himself otherwise.
    alone = replace(sample.transaction, document_front=None, document_back=None)
    for subject, expected in (("ann", Status.PASS), ("bob", Status.REVIEW)):
        analysis = verifier.analyse(
            replace(alone, id=subject, signals=SignalFacts(subject=subject))
        )
        verdict = verifier.judge(analysis, policy)
        found = {result.check: result for result in verdict.results}["signals.face_identity"]
        assert found.status is expected
        assert analysis.ledger is not None
        assert analysis.sighting is not None
        analysis.ledger.keep(analysis.sighting, analysis.face_template)
