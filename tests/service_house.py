"""A whole service in process: real database, queue, chain and routes; checks answer by rule."""

import base64
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import PIL.Image
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.patience import eventually
from tests.wire_contract import ContractClient
from veridical import Measurement, OperatingPoint
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.models import ModelStore
from veridical.service.api.auth import SCOPES
from veridical.service.app import create_app
from veridical.store import Database, KeyProvider, MasterKeys
from veridical.store.tenants import Tenant, add_tenant, find_tenant, issue_api_key
from veridical.transactions import Resources, TransactionSettings
from veridical.verification import CHECKS, Verifier, load_policy
from veridical.verification.evidence import SigningKey, public_keys
from veridical.verification.signers import admit_signer

KEYS = MasterKeys.from_text("a:" + "A" * 43 + "=")
IN_STEPS = {"revealed": "stepwise"}
"""What a sum of witnesses asks of the light."""
POINTS = dict.fromkeys(CHECKS, OperatingPoint(0.5, 0.25))


def picture(grey: int = 128) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.full((40, 60, 3), grey, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


HEADS = {"clip": b"\x1aE\xdf\xa3", "recording": b"\x1aE\xdf\xa3", "voice": b"OggS", "chip": b"PK"}
"""How a medium of each kind begins; whether it can be decoded is found when it is judged."""


def medium(kind: str, grey: int = 1) -> bytes:
    """A medium that is taken as one of its kind; only pictures can be decoded."""
    return HEADS[kind] + bytes([grey]) * 20 if kind in HEADS else picture(grey)


def digest_of(data: bytes) -> dict[str, str]:
    return {
        "Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
    }


class Clock:
    """Real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


@dataclass
class Rules:
    """What every check answers, and what happens on the way."""

    score: float | None = 1.0
    reason: str = ""
    hook: Callable[[], None] = field(default=lambda: None)
    seen: list[str] = field(default_factory=list)

    def build(self, policy: str = "selfie") -> Callable[[], Verifier]:
        def step(check: str) -> Callable[[Analysis], Measurement]:
            def run(analysis: Analysis) -> Measurement:
                self.seen.append(analysis.transaction.id)
                self.hook()
                return Measurement(check, self.score, self.reason, IN_STEPS)

            return run

        steps = {check: step(check) for check in CHECKS}
        return lambda: Verifier(steps, Engines.of("registry"), POINTS, load_policy(policy))


@dataclass
class House:
    """One running service and what is behind it."""

    client: TestClient
    resources: Resources
    clock: Clock
    rules: Rules
    tenant: str = "default"

    def of_new_tenant(self) -> "House":
        """The same service, as somebody new sees it."""
        self.clock.ahead_ms = 0
        self.rules.score, self.rules.reason, self.rules.hook = 1.0, "", lambda: None
        self.rules.seen.clear()
        tenant = f"tenant-{uuid4().hex}"
        add_tenant(self.resources.database, Tenant(tenant, 60_000, 64))
        return replace(self, tenant=tenant)

    def key(
        self,
        *scopes: str,
        expires_at: int | None = None,
        sandbox: bool = False,
        person: str = "",
    ) -> dict[str, str]:
        """Headers of a new key; every scope when none is named."""
        _, text = issue_api_key(
            self.resources.database,
            self.tenant,
            scopes or tuple(SCOPES),
            "",
            expires_at,
            sandbox=sandbox,
            person=person,
        )
        return bearer(text)

    def start(self, headers: dict[str, str], **more: object) -> dict[str, Any]:
        body = {"policy": "selfie", "consent": {"biometrics": True}, **more}
        answer = self.client.post("/v1/transactions", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def put(self, made: dict[str, Any], kind: str, data: bytes, token: str = "") -> Response:
        return self.client.put(
            f"/v1/transactions/{made['id']}/media/{kind}",
            content=data,
            headers={**bearer(token or made["upload_token"]), **digest_of(data)},
        )

    def submit(self, made: dict[str, Any], wait_s: float = 20, **more: object) -> Response:
        body = {"nonce": made["challenge"]["nonce"]} if made["challenge"] else {}
        return self.client.post(
            f"/v1/transactions/{made['id']}/submit",
            params={"wait_s": wait_s},
            json={**body, **more},
            headers=bearer(made["upload_token"]),
        )

    def collect(self, made: dict[str, Any], grey: int = 1) -> None:
        """Hand in a medium of each kind that is required."""
        for kind in made["media"]["required"]:
            assert self.put(made, kind, medium(kind, grey)).status_code == 200

    def ended(self, made: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """A transaction that was submitted, once it is judged; as the operator sees it."""
        found: dict[str, Any] = {}

        def is_over() -> bool:
            answer = self.client.get(f"/v1/transactions/{made['id']}", headers=headers)
            found.update(answer.json())
            return found["state"] not in ("created", "processing")

        eventually(is_over, "the verdict")
        return found

    def finished(self, headers: dict[str, str], grey: int = 1, **more: object) -> dict[str, Any]:
        """A transaction by selfie, judged; as the operator sees it."""
        made = self.start(headers, **more)
        self.collect(made, grey)
        assert self.submit(made).status_code == 200
        found: dict[str, Any] = self.client.get(
            f"/v1/transactions/{made['id']}", headers=headers
        ).json()
        return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def house(
    url: str | Path,
    folder: Path,
    settings: TransactionSettings | None = None,
    capacity: int = 2,
    build: Callable[[], Verifier] | None = None,
    policy: str = "selfie",
    models: ModelStore | None = None,
    keys: KeyProvider = KEYS,
) -> Iterator[House]:
    """Start a service over a database; its checks answer by rule unless others are built."""
    database = Database(url)
    database.upgrade()
    if find_tenant(database, "default") is None:
        add_tenant(database, Tenant("default", 60_000, 64))
    clock, rules = Clock(), Rules()
    signing = SigningKey.from_file(folder / "signing.pem")
    admit_signer(database, signing, public_keys(folder / "signing.pem"))
    resources = Resources(database, keys, signing, clock)
    app = create_app(
        build or rules.build(),
        resources=resources,
        transactions=settings or TransactionSettings(),
        policy=policy,
        models=models,
        snapshots=folder / "galleries",
        capacity=capacity,
    )
    with ContractClient(app, raise_server_exceptions=False) as client:
        eventually(lambda: client.get("/readyz").status_code == 200, "readiness")
        yield House(client, resources, clock, rules)
    database.close()
