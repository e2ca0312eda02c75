"""A link leads one device through a transaction, and another one on with it."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.service_house import House, bearer, picture
from veridical.errors import InputError
from veridical.store.tenants import Look, set_look
from veridical.transactions.journeys import HAND_OVER_MS, MOST_LINKS


class Phone:
    """A device of an applicant: its key never leaves it."""

    def __init__(self, here: House) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._here = here
        self.journey: dict[str, Any] = {}

    def open(self, url: str) -> int:
        public = self.key.public_key()
        key = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        body = {"link": url.partition("#")[2], "public_key": base64.b64encode(key).decode()}
        answer = self._here.client.post("/v1/links/open", json=body)
        if answer.status_code == 200:
            self.journey = answer.json()
        return answer.status_code

    def come_back(self, number: int, key: ec.EllipticCurvePrivateKey | None = None) -> int:
        device = self.journey["device"]
        signed = f"veridical.device/1|{device}|{number}".encode()
        r, s = decode_dss_signature((key or self.key).sign(signed, ec.ECDSA(SHA256())))
        raw = base64.b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
        body = {"device": device, "number": number, "signature": raw}
        answer = self._here.client.post("/v1/devices/renew", json=body)
        if answer.status_code == 200:
            self.journey = answer.json()
        return answer.status_code

    @property
    def path(self) -> str:
        return f"/v1/transactions/{self.journey['transaction']['id']}"

    def ask(self, method: str, path: str = "", **more: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
        answer = self._here.client.request(
            method, self.path + path, headers=bearer(self.journey["upload_token"]), **more
        )
        return answer.status_code, answer.json()


def started(here: House, **more: object) -> tuple[dict[str, Any], Phone]:
    made = here.start(here.key(), **more)
    phone = Phone(here)
    assert phone.open(made["url"]) == 200
    return made, phone


def test_a_link_works_once_and_takes_the_place_of_the_first_token(here: House) -> None:
    made, phone = started(here)
    assert made["url"].startswith("http://testserver/verify#vl_t_")
    assert phone.journey["transaction"]["here"] is True
    assert Phone(here).open(made["url"]) == 404
    # What the caller was given sees how it stands, and hands nothing in any more.
    assert here.put(made, "selfie", picture()).json()["code"] == "device.handed_over"
    path = f"/v1/transactions/{made['id']}"
    seen = here.client.get(path, headers=bearer(made["upload_token"])).json()
    assert seen["here"] is False
    assert here.put(made, "selfie", picture(), phone.journey["upload_token"]).status_code == 200


def test_a_device_comes_back_by_its_key_alone(here: House) -> None:
    _, phone = started(here)
    before = phone.journey["upload_token"]
    assert phone.come_back(5) == 200
    assert phone.come_back(5) == 401  # heard on the way, and sent again
    assert phone.come_back(6, ec.generate_private_key(ec.SECP256R1())) == 401
    assert phone.ask("GET")[0] == 200
    assert here.client.get(phone.path, headers=bearer(before)).status_code == 401


def test_another_device_takes_over_and_the_first_looks_on(here: House) -> None:
    _, desktop = started(here)
    status, link = desktop.ask("POST", "/links")
    assert status == 201
    assert link["qr"].startswith("<svg")
    phone = Phone(here)
    assert phone.open(link["url"]) == 200
    assert desktop.ask("POST", "/links")[1]["code"] == "device.handed_over"
    token = phone.journey["upload_token"]
    for kind in phone.journey["transaction"]["media"]["required"]:
        here.put(phone.journey["transaction"], kind, picture(), token)
    seen = desktop.ask("GET")[1]
    assert (seen["here"], sorted(seen["media"]["received"])) == (
        False,
        sorted(seen["media"]["required"]),
    )
    # And back, where the phone is lost.
    assert desktop.ask("POST", "/take-over")[1]["here"] is True
    assert phone.ask("POST", "/cancel")[1]["code"] == "device.handed_over"
    assert phone.come_back(1) == 200
    assert phone.journey["transaction"]["here"] is False


def test_links_grow_old_and_few(here: House) -> None:
    made, phone = started(here)
    link = phone.ask("POST", "/links")[1]
    here.clock.ahead_ms += HAND_OVER_MS + 1
    assert Phone(here).open(link["url"]) == 404
    answers = [phone.ask("POST", "/links")[0] for _ in range(MOST_LINKS)]
    assert answers.count(201) == MOST_LINKS - 2
    assert phone.ask("POST", "/links")[1]["code"] == "link.too_many"
    here.client.delete(f"/v1/transactions/{made['id']}", headers=here.key())
    assert phone.come_back(9) == 401


@pytest.mark.parametrize("key", ["", "AAAA", "no base64!"])
def test_a_key_that_is_none_is_refused(here: House, key: str) -> None:
    made = here.start(here.key())
    body = {"link": made["url"].partition("#")[2], "public_key": key}
    answer = here.client.post("/v1/links/open", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "link.key")


def test_nothing_is_taken_before_the_applicant_agreed(here: House) -> None:
    made, phone = started(here, consent=None)
    assert phone.journey["agreed"] is False
    token = phone.journey["upload_token"]
    assert here.put(made, "selfie", picture(), token).json()["code"] == "consent.missing"
    assert phone.ask("POST", "/challenge")[1]["code"] in ("consent.missing", "challenge.not_wanted")
    agreed = {"biometrics": True, "text_version": "page-1", "language": "ar"}
    assert phone.ask("PUT", "/consent", json=agreed)[0] == 200
    assert here.put(made, "selfie", picture(), token).status_code == 200
    told = here.client.get(phone.path, headers=here.key()).json()
    assert told["consent"] == {"enrol": False, **agreed}
    assert phone.ask("PUT", "/consent", json={**agreed, "biometrics": False})[0] == 422


def test_an_applicant_is_sent_only_where_the_tenant_allows(here: House) -> None:
    database = here.resources.database
    look = Look("Bank", "#112233", b"", ("https://bank.example/app/", "https://x.example/done"))
    set_look(database, here.tenant, look)
    _, phone = started(here, return_url="https://bank.example/app/7?a=b")
    assert phone.journey["return_url"] == "https://bank.example/app/7?a=b"
    assert phone.journey["brand"] == {"name": "Bank", "accent": "#112233", "logo": ""}
    body = {"policy": "selfie", "consent": {"biometrics": True}}
    for refused in (
        "https://bank.example.evil/app/", "https://bank.example/", "javascript:alert(1)",
        "https://x.example/done/more", "http://bank.example/app/", "//bank.example/app/",
    ):  # fmt: skip
        answer = here.client.post(
            "/v1/transactions", json={**body, "return_url": refused}, headers=here.key()
        )
        assert answer.json()["code"] == "return_url.refused", refused
    for urls in (("https://bank.example",), ("http://bank.example/",), ("https://a@b.example/",)):
        with pytest.raises(InputError) as caught:
            set_look(database, here.tenant, Look(return_urls=urls))
        assert caught.value.code == "tenant.look"
    with pytest.raises(InputError):
        set_look(database, here.tenant, Look(accent="red;background:url(x)"))


def test_a_case_is_claimed_by_one_reviewer(here: House) -> None:
    here.rules.score = 0.3
    seen = here.finished(here.key())
    path = f"/v1/transactions/{seen['id']}"
    ana, ben = here.key(person="ana"), here.key(person="ben")
    assert here.client.put(f"{path}/claim", headers=ana).status_code == 200
    (item,) = here.client.get("/v1/reviews", headers=ben).json()["items"]
    assert item["claimed_by"] == "ana"
    assert here.client.put(f"{path}/claim", headers=ben).json()["code"] == "review.claimed"
    here.clock.ahead_ms += 16 * 60_000
    assert here.client.put(f"{path}/claim", headers=ben).status_code == 200
