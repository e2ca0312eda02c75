"""The watchlist of an installation, from enrolment to the verdict."""

from pathlib import Path

import pytest

from veridical.errors import ModelError
from veridical.face import FaceDetector, FaceEmbedder, FaceMesher, look
from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.result import Outcome, Status
from veridical.types import Template
from veridical.verification import Settings, load_policy, load_verifier
from veridical.verification.galleries import open_gallery, open_watchlist


@pytest.fixture
def settings(store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    assert store
    monkeypatch.delenv("VERIDICAL_DATABASE", raising=False)
    return Settings(data_dir=tmp_path, watchlist="fraudsters")


def template(settings: Settings, sample: Sample) -> Template:
    store = settings.model_store()
    selfie = sample.transaction.selfie
    assert selfie is not None
    detector = FaceDetector(store.session("yunet-2023mar"))
    mesher = FaceMesher(store.session("facemesh-468"))
    name = store.profile(settings.profile).roles["recogniser"][0]
    embedder = FaceEmbedder.from_card(store.session(name), store.card(name))
    return embedder(look(selfie, detector, mesher))


def test_who_is_on_the_list_goes_to_review_and_is_never_rejected_for_it(
    settings: Settings, samples: dict[str, Sample]
) -> None:
    database = settings.open_database()
    entries = open_gallery(settings, database, settings.keys(), "fraudsters")
    entries.enrol("case-17", template(settings, samples["genuine"]))
    verdict = load_verifier(settings).verify(samples["genuine"].transaction, load_policy("demo"))
    hit = next(result for result in verdict.results if result.check == "watchlist.search")
    assert hit.status is Status.REVIEW
    assert hit.reason == "watchlist_hit"
    assert hit.measurement.evidence["entry"] == "case-17"
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.first_cause == "watchlist.search:watchlist_hit"
    entries.delete("case-17")
    entries.enrol("case-18", template(settings, samples["impostor"]))
    verdict = load_verifier(settings).verify(samples["genuine"].transaction, load_policy("demo"))
    assert verdict.outcome is Outcome.ACCEPT
    database.close()


def test_without_a_name_there_is_no_list(settings: Settings) -> None:
    assert open_watchlist(settings.model_copy(update={"watchlist": ""})) is None


def test_a_recogniser_without_a_curve_cannot_search_a_list(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("veridical.gallery.FmrCurve.from_card", lambda card: None)
    with pytest.raises(ModelError) as caught:
        open_watchlist(settings)
    assert caught.value.code == "model.no_curve"
