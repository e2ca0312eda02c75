"""A picture or clip that served once comes again, a little changed."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from tests.service_house import House
from tests.test_liveness_injection import alive, encoded_again
from veridical.liveness.fingerprint import picture_codes
from veridical.service.serving import app_of
from veridical.service.settings import ServiceSettings
from veridical.signals import SignalFacts
from veridical.types import Image
from veridical.verification import Transaction, load_policy

Pixels = NDArray[np.uint8]


def scene(seed: int) -> Pixels:
    """Something to know again: coarse colours and finer detail, 480 x 640."""
    chance = np.random.default_rng(seed)
    coarse = cv2.resize(chance.uniform(0, 255, (8, 10, 3)), (640, 480))
    fine = cv2.resize(chance.uniform(-60, 60, (40, 50, 3)), (640, 480))
    return np.clip(coarse + fine, 0, 255).astype(np.uint8)


def encoded(pixels: Pixels, kind: str = "PNG", **how: Any) -> bytes:  # noqa: ANN401
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, kind, **how)
    return stream.getvalue()


COPIES: dict[str, Callable[[Pixels], bytes]] = {
    "a byte more": lambda p: encoded(p) + b"x",
    "jpeg": lambda p: encoded(p, "JPEG", quality=40),
    "webp": lambda p: encoded(p, "WEBP", quality=40),
    "half size": lambda p: encoded(np.asarray(cv2.resize(p, (320, 240)), np.uint8), "JPEG"),
    "brighter": lambda p: encoded(np.clip(p * 1.15 + 8, 0, 255).astype(np.uint8), "JPEG"),
    "mirrored": lambda p: encoded(np.ascontiguousarray(p[:, ::-1]), "JPEG", quality=60),
}


def handed_in(here: House, key: dict[str, str], selfie: bytes, **more: object) -> dict[str, Any]:
    made = here.start(key, **more)
    here.collect(made)
    assert here.put(made, "selfie", selfie).status_code == 200
    answer = here.submit(made)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    return found


@pytest.mark.parametrize("how", COPIES)
def test_a_selfie_serves_one_transaction(here: House, how: str) -> None:
    key, original = here.key(), scene(1)
    assert handed_in(here, key, encoded(original))["outcome"] == "accept"
    seen = handed_in(here, key, COPIES[how](original))
    assert (seen["state"], seen["outcome"]) == ("collecting", "retry")
    assert seen["problem"]["code"] == "media.replayed"
    assert handed_in(here, key, encoded(scene(2)))["outcome"] == "accept"


def test_its_own_transaction_and_other_tenants_may_show_it_again(here: House) -> None:
    key = here.key()
    here.rules.score, here.rules.reason = None, "no_face"
    made = here.start(key)
    for kind in ("JPEG", "WEBP"):  # the second attempt shows the same face before the same wall
        here.collect(made)
        assert here.put(made, "selfie", encoded(scene(3), kind)).status_code == 200
        assert here.submit(made).json()["outcome"] == "retry"
        here.rules.score, here.rules.reason = None, "no_face"
    view = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert view["verdict"]["first_cause"].endswith(":no_face")
    other = here.of_new_tenant()
    assert handed_in(other, other.key(), encoded(scene(3)))["outcome"] == "accept"


def test_samples_come_again_and_again(here: House) -> None:
    key = here.key(sandbox=True)
    for _ in range(2):
        assert handed_in(here, key, encoded(scene(4)))["outcome"] == "accept"


def test_erasing_a_transaction_erases_its_codes(here: House) -> None:
    key = here.key()
    first = handed_in(here, key, encoded(scene(5)))
    here.client.delete(f"/v1/transactions/{first['id']}", headers=key)
    assert handed_in(here, key, COPIES["jpeg"](scene(5)))["outcome"] == "accept"


def test_a_picture_that_shows_nothing_is_no_copy() -> None:
    assert picture_codes(Image(np.full((40, 60, 3), 128, np.uint8))) == ()


def test_the_service_remembers_in_its_own_database_by_tenant(tmp_path: Path) -> None:
    settings = ServiceSettings(
        data_dir=tmp_path, models_dir=tmp_path, profile="registry", allow_missing=True
    )
    app: Any = app_of(settings, "127.0.0.1", dev=True)
    verifier = app.state.service.loader._build()

    def injection(name: str, tenant: str, clip: Any) -> tuple[object, str]:  # noqa: ANN401
        facts = SignalFacts(tenant=tenant)
        transaction = Transaction(name, clip=clip, signals=facts)
        verdict = verifier.verify(transaction, load_policy("spoken"))
        found = {r.measurement.check: r.measurement for r in verdict.results}["liveness.injection"]
        assert "liveness.injection:no_index" not in verdict.assurance
        return found.evidence["replay_search"], found.reason

    clip = alive(1)
    assert injection("first", "bank", clip) == (True, "")
    assert injection("second", "bank", encoded_again(clip)) == (True, "replayed_clip")
    assert injection("third", "shop", encoded_again(clip)) == (True, "")


def test_a_verdict_says_where_nothing_is_remembered(tmp_path: Path) -> None:
    settings = ServiceSettings(
        data_dir=tmp_path,
        models_dir=tmp_path,
        profile="registry",
        allow_missing=True,
        fingerprint_days=0,
    )
    app: Any = app_of(settings, "127.0.0.1", dev=True)
    verifier = app.state.service.loader._build()
    verdict = verifier.verify(Transaction("t", clip=alive(1)), load_policy("spoken"))
    assert "liveness.injection:no_index" in verdict.assurance
