"""Each signal reads what it should of a transaction, or says why there is nothing to read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.service_house import picture
from veridical import Box, InputError
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.catalogue import Trait, checks_with
from veridical.catalogue.points import operating_points
from veridical.catalogue.steps import Makers, build_steps
from veridical.client import Session
from veridical.client.calls import create
from veridical.client.flow import Request
from veridical.media import Limits
from veridical.ocr import Document, Field
from veridical.ocr.mrz import Mrz
from veridical.signals import SignalFacts, SignalSettings
from veridical.signals.device import DeviceCheck
from veridical.signals.listed import ListsCheck
from veridical.signals.provider import ProviderCheck, ProviderResponse, Question
from veridical.signals.region import RegionCheck
from veridical.signals.velocity import VelocityCheck
from veridical.verification import Settings, Transaction
from veridical.verification.manifest import load_transaction, read_manifest
from veridical.verification.sources import Folder

SETTINGS = SignalSettings.read()
SIGNALS: Makers = {
    "signals.device": lambda: DeviceCheck(SETTINGS.flags, ("obs",)),
    "signals.region": lambda: RegionCheck(SETTINGS.region),
    "signals.velocity": lambda: VelocityCheck(SETTINGS.velocity),
    "signals.lists": ListsCheck,
}
NUMBER = "44030519900101123X"
ALTERED = NUMBER[:-2] + "0" + NUMBER[-1]


class Heard:
    """A provider that remembers what it was asked."""

    name = "mine"

    def __init__(self) -> None:
        self.questions: list[Question] = []

    def __call__(self, question: Question) -> ProviderResponse:
        self.questions.append(question)
        return ProviderResponse(1.0)


class Read(Analysis):
    """An analysis of a document that was read elsewhere."""

    def __init__(self, transaction: Transaction, front: Document | None) -> None:
        super().__init__(transaction, Engines.of())
        self.__dict__["front"], self.__dict__["back"] = front, None


def document(*warnings: str, **values: str) -> Document:
    fields = {name: Field(value, 1.0, Box(0, 0, 1, 1)) for name, value in values.items()}
    return Document("prc_id_front", fields, warnings=warnings)


def test_without_a_database_each_says_so() -> None:
    analysis = Read(Transaction("t", signals=SignalFacts(device="d")), None)
    steps = build_steps(SIGNALS)
    told = {name: steps[name](analysis).reason for name in checks_with(Trait.SIGNAL)}
    assert told == {
        "signals.velocity": "no_store",
        "signals.lists": "no_store",
        "signals.links": "no_store",
        "signals.travel": "no_store",
        "signals.device": "device_flagged",
        "signals.region": "missing_input",
        "signals.provider": "no_provider",
        "signals.face_identity": "no_store",
        "signals.identity_face": "no_store",
    }


def test_a_provider_is_asked_for_what_is_known() -> None:
    heard = Heard()
    step = build_steps({"signals.provider": lambda: ProviderCheck(heard)})["signals.provider"]
    facts = SignalFacts("bank", "s", phone="13800138000", country="CN")
    measured = step(Read(Transaction("t", signals=facts), document(number=NUMBER, name="李四")))
    assert (measured.score, measured.evidence["provider"]) == (1.0, "mine")
    (question,) = heard.questions
    assert (question.transaction, question.tenant) == ("t", "bank")
    assert question.values == {
        "document": NUMBER, "name": "李四", "subject": "s", "phone": "13800138000", "country": "CN"
    }  # fmt: skip
    assert "李四" not in repr(question)


def test_a_number_whose_check_digit_fails_says_nobody_s_name() -> None:
    facts = SignalFacts(region="440305")
    read = Read(Transaction("t", signals=facts), document(number=NUMBER))
    doubtful = Read(Transaction("t", signals=facts), document(number=ALTERED))
    step = build_steps(SIGNALS)["signals.region"]
    assert (read.document_number, step(read).evidence["level"]) == (NUMBER, "county")
    assert (doubtful.document_number, step(doubtful).reason) == ("", "missing_input")


@pytest.mark.parametrize("agrees", [True, False])
def test_a_passport_s_number_counts_when_its_check_digit_holds(agrees: bool) -> None:
    zone = Mrz("td3", (), {}, {"number": agrees})
    front = replace(document(document_number="E12345678", issuer="D"), kind="td3", mrz=zone)
    found = Read(Transaction("t"), front)
    assert (found.document_number, found.issuer) == ("E12345678" if agrees else "", "D")


def test_an_identity_s_face_is_judged_as_a_face_match() -> None:
    store = Settings().model_store()
    points = operating_points(store, store.profile("registry"))
    assert points["signals.identity_face"] == points["face.match"]


def test_a_manifest_names_facts_in_columns_or_metadata(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    row = {
        "id": "1", "selfie": "a.png", "subject": "s", "device": "d", "flags": "emulator",
        "metadata": {"country": "CN", "device": "other", "camera_label": "c"},
    }  # fmt: skip
    (tmp_path / "m.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (read,) = read_manifest(tmp_path / "m.jsonl")
    found = load_transaction(read, Folder(tmp_path), Limits()).signals
    assert found == SignalFacts(
        subject="s", device="d", country="CN", flags=frozenset({"emulator"})
    )


def test_the_client_sends_what_is_known_and_nothing_when_nothing_is() -> None:
    for known, sent in (({"phone": "+15550100"}, {"phone": "+15550100"}), (None, None)):
        asked = next(create(Session(), consent_text="1", signals=known))
        assert isinstance(asked, Request)
        assert asked.content is not None
        assert json.loads(b"".join(asked.content.chunks())).get("signals") == sent


def test_settings_make_the_provider_they_name() -> None:
    assert Settings(provider_url="").provider() is None
    made = Settings(provider_url="https://blacklist.example/ask", provider_sends="phone, device")
    assert made.provider() is not None
    with pytest.raises(InputError) as caught:
        Settings(provider_url="http://blacklist.example/").provider()
    assert caught.value.code == "usage.provider"


def test_a_ledger_wants_a_database_that_is_named(tmp_path: Path) -> None:
    assert Settings(database="").ledger() is None
    assert Settings(database=f"sqlite:///{tmp_path}/v.db", data_dir=tmp_path).ledger() is not None
