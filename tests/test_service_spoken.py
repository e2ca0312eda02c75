"""What an applicant is asked to say: a statement, or digits in the enrolled voice's language."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.service_house import House, picture
from veridical import Template
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.policy import parse_policy
from veridical.policy.media import wanted_media
from veridical.service.api.state import Service
from veridical.store.transactions import StoredTransaction, find_transaction
from veridical.store.vault import Vault, opened_vault
from veridical.transactions import TransactionService
from veridical.transactions.customers import FACES, VOICES, Customers
from veridical.transactions.worker import load_transaction
from veridical.types import Challenge
from veridical.verification import Transaction, load_policy
from veridical.wire import KeptRequest

TEXT = "I agree to the loan of four hundred pounds."
POLICY = 'id = "said"\nversion = 1\nrequired = ["face.quality", "voice.statement"]\nattempts = 2\n'


def sound() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.random.default_rng(0).integers(-99, 99, 16_000, np.int16).tobytes())
    return stream.getvalue()


def opened(here: House, transaction: str) -> tuple[TransactionService, StoredTransaction, Vault]:
    """The transactions, and what it keeps of a transaction."""
    service: Service = here.client.app.state.service  # type: ignore[attr-defined]
    with here.resources.database.reading() as connection:
        row = find_transaction(connection, transaction)
        vault = opened_vault(connection, here.resources.keys, here.tenant, transaction)
    assert service.transactions is not None
    assert row is not None
    assert vault is not None
    return service.transactions, row, vault


def told(here: House, key: dict[str, str]) -> None:
    """Store the policy that asks for a statement."""
    headers = {**key, "content-type": "application/toml"}
    assert here.client.put("/v1/policies/said", content=POLICY, headers=headers).status_code == 201


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_a_statement_is_sealed_and_handed_to_the_checks(here: House, locale: str) -> None:
    key = here.key()
    told(here, key)
    made = here.start(key, policy="said", statement=TEXT, locale=locale)
    assert made["media"]["required"] == ["selfie", "voice"]
    assert made["challenge"] is None
    assert here.put(made, "selfie", picture(len(locale) + ord(locale[0]))).status_code == 200
    assert here.submit(made).json()["code"] == "media.missing"
    assert here.put(made, "voice", sound() + locale.encode()).status_code == 200
    assert here.submit(made).json()["outcome"] == "accept"
    transactions, row, vault = opened(here, made["id"])
    assert row.sealed_request is not None
    assert TEXT.encode() not in row.sealed_request
    verifier = here.rules.build()()
    found = load_transaction(
        transactions, verifier, row, vault, transactions.request_of(row, vault)
    )
    assert (found.statement, found.language) == (TEXT, locale)
    assert Analysis(found, Engines.of()).language == locale
    kept = transactions.request_of(row, vault).model_dump(mode="json")
    older = KeptRequest.model_validate(
        {k: v for k, v in kept.items() if k not in ("format", "statement", "spoken")}
    )
    assert load_transaction(transactions, verifier, row, vault, older).statement == ""


@pytest.mark.parametrize("more", [{}, {"statement": " ?! "}, {"statement": "a " * 1_001}])
def test_a_policy_for_statements_wants_one_that_can_be_read(
    here: House, more: dict[str, str]
) -> None:
    key = here.key()
    told(here, key)
    body = {"policy": "said", "consent": {"biometrics": True}, **more}
    answer = here.client.post("/v1/transactions", json=body, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.malformed")


def test_a_challenge_says_what_is_spoken() -> None:
    both = Transaction("t", challenge=Challenge("4711", "zh"), statement=TEXT, language="en")
    assert Analysis(both, Engines.of()).language == "zh"


@pytest.mark.parametrize("check", ["voice.match", "voice.replay", "voice.statement"])
def test_a_policy_that_asks_for_a_voice_asks_for_sound(check: str) -> None:
    text = f'id = "v"\nversion = 1\nrequired = ["{check}", "face.match"]\nattempts = 1\n'
    policy = parse_policy(text.encode(), "v", Path())
    wanted = wanted_media(policy, "reverify")
    assert wanted.required == ("selfie", "voice")
    assert not wanted.challenge
    assert wanted.missing(["clip"]) == []
    assert wanted.missing(["selfie"]) == ["voice"]
    assert "voice" not in wanted_media(load_policy("reverify"), "reverify").required


def enrolled(here: House, subject: str, *voices: Template) -> None:
    customers = Customers(here.resources)
    unit = np.eye(1, 8, dtype=np.float32)[0]
    customers.enrol(here.tenant, subject, FACES, Template(unit, "face@1"))
    for voice in voices:
        customers.enrol(here.tenant, subject, VOICES, voice)


@pytest.mark.parametrize(
    ("voices", "locale", "asked"),
    [
        ((("voice@1", "zh"),), "en", "zh"),
        ((("voice@1", "en"),), "zh", "en"),
        ((("voice@1", "zh"), ("voice@2", "en")), "zh", "en"),
        ((("voice@1", ""),), "zh", "zh"),
        ((), "zh", "zh"),
    ],
)
def test_a_customer_is_asked_in_the_language_of_the_enrolled_voice(
    here: House, voices: tuple[tuple[str, str], ...], locale: str, asked: str
) -> None:
    unit = np.eye(1, 8, dtype=np.float32)[0]
    enrolled(here, "c-1", *(Template(unit, model, language) for model, language in voices))
    key = here.key()
    made = here.start(key, kind="reverify", policy="reverify", subject_ref="c-1", locale=locale)
    assert made["challenge"]["language"] == asked
    again = here.client.post(f"/v1/transactions/{made['id']}/challenge", headers=key).json()
    assert again["challenge"]["language"] == asked
    assert again["challenge"]["nonce"] != made["challenge"]["nonce"]
    seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert seen["locale"] == locale
    new = here.start(key, policy="spoken", subject_ref="c-1", locale=locale)
    assert new["challenge"]["language"] == locale
