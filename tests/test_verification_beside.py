"""A document read in another thread gives the same verdict."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.verification import Settings, Verdict, Verifier, load_verifier, verdict_to_json


@pytest.fixture(scope="module")
def verifier(store: ModelStore) -> Verifier:
    return load_verifier(Settings(models_dir=store.directory, policy="demo"))


def told(verdict: Verdict) -> dict[str, Any]:
    """A verdict without its times."""
    shown = verdict_to_json(verdict)
    for key in ("decided_at", "timings_ms"):
        del shown[key]
    for check in shown["checks"]:
        check.pop("elapsed_ms", None)
    return shown


def test_the_verdict_is_the_same(verifier: Verifier, samples: dict[str, Sample]) -> None:
    transaction = samples["genuine"].transaction
    verifier.executor = None
    alone = verifier.verify(transaction)
    used: list[int] = []
    with ThreadPoolExecutor(1) as pool:

        def beside(work: Callable[[], Any]) -> Future[Any]:
            def noted() -> object:
                used.append(threading.get_ident())
                return work()

            return pool.submit(noted)

        verifier.executor = beside
        lent = verifier.verify(transaction)
        assert len(used) == 1
        assert used[0] != threading.get_ident()
        assert told(lent) == told(alone)
        assert [r.check for r in lent.results] == [r.check for r in alone.results]
        assert lent.timings_ms["document"] > 0


def test_nobody_has_to_have_a_thread_to_lend(
    verifier: Verifier, samples: dict[str, Sample]
) -> None:
    transaction = samples["genuine"].transaction
    asked: list[Callable[[], Any]] = []

    def none_free(work: Callable[[], Any]) -> None:
        asked.append(work)

    verifier.executor = none_free
    verdict = verifier.verify(transaction)
    assert len(asked) == 1
    verifier.executor = None
    assert told(verdict) == told(verifier.verify(transaction))
