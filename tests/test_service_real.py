"""The routes over the real chain: what an integrator sees of real models."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.service_house import House, house, picture
from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.types import Image
from veridical.verification import Settings, load_verifier
from veridical.verification.pictures import to_jpeg

Pictures = dict[str, bytes]


@pytest.fixture(scope="module")
def pictures(samples: dict[str, Sample]) -> Pictures:
    def jpeg(sample: str, kind: str, cut: float = 0.0) -> bytes:
        image = getattr(samples[sample].transaction, kind)
        assert isinstance(image, Image)
        x, y = round(cut * image.width), round(cut * image.height)
        pixels = image.pixels[y : image.height - y, x : image.width - x]
        return to_jpeg(Image(np.ascontiguousarray(pixels)))

    return {
        "card": jpeg("genuine", "document_front"),
        "selfie": jpeg("genuine", "selfie"),
        "stranger": jpeg("impostor", "selfie"),
        "selfie_nearer": jpeg("genuine", "selfie", 0.06),
        "stranger_nearer": jpeg("impostor", "selfie", 0.06),
    }


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, store: ModelStore) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(policy="demo")
    with house(
        folder / "v.db",
        folder,
        build=lambda: load_verifier(settings),
        policy="demo",
        models=store,
    ) as made:
        yield made


def judged(
    here: House, key: dict[str, str], pictures: Pictures, **more: object
) -> dict[str, object]:
    made = here.start(key, policy="demo", **more)
    here.put(made, "document_front", pictures["card"])
    here.put(made, "selfie", pictures[str(more.get("subject_ref"))])
    assert here.submit(made, wait_s=60).status_code == 200
    found: dict[str, object] = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    return found


def test_a_holder_is_accepted_enrolled_and_known_again(here: House, pictures: Pictures) -> None:
    key = here.key()
    consent = {"biometrics": True, "enrol": True}
    seen = judged(here, key, pictures, subject_ref="selfie", consent=consent)
    assert seen["outcome"] == "accept", seen
    shown = here.client.get(f"/v1/transactions/{seen['id']}/explanation", headers=key)
    assert shown.status_code == 200, shown.text
    assert shown.json()["outcome"] == "accept"
    assert shown.json()["pictures"]
    where = here.client.get("/v1/subjects/selfie", headers=key).json()
    assert where == {"galleries": ["customers"]}
    # A picture carries no challenge: the policy of this test asks for the enrolled face alone.
    policy = 'id = "again"\nversion = 1\nrequired = ["face.quality", "face.match"]\nattempts = 2\n'
    stored = here.client.put(
        "/v1/policies/again",
        content=policy,
        headers={**key, "content-type": "application/toml"},
    )
    assert stored.status_code == 201, stored.text
    outcomes = {}
    for name in ("selfie", "stranger"):
        made = here.start(key, kind="reverify", policy="again", subject_ref="selfie")
        assert made["media"]["required"] == ["selfie"]
        # Neither the same bytes nor the same picture encoded anew count twice: a nearer one does.
        here.put(made, "selfie", pictures[f"{name}_nearer"])
        outcomes[name] = here.submit(made, wait_s=60).json()["outcome"]
    assert outcomes == {"selfie": "accept", "stranger": "reject"}
    assert here.client.delete("/v1/subjects/selfie", headers=key).json() == {"erased": 1}
    body = {"kind": "reverify", "subject_ref": "selfie", "consent": {"biometrics": True}}
    assert here.client.post("/v1/transactions", json=body, headers=key).status_code == 404


def test_a_stranger_is_rejected_and_not_enrolled(here: House, pictures: Pictures) -> None:
    key = here.key()
    consent = {"biometrics": True, "enrol": True}
    seen = judged(here, key, pictures, subject_ref="stranger", consent=consent)
    assert seen["outcome"] == "reject"
    assert here.client.get("/v1/subjects/stranger", headers=key).json() == {"galleries": []}


def test_two_faces_are_compared(here: House, pictures: Pictures) -> None:
    key = here.key("analysis")
    files = {"reference": pictures["card"], "probe": pictures["selfie"]}
    check = here.client.post("/v1/faces/compare", files=files, headers=key).json()["check"]
    assert (check["check"], check["status"]) == ("face.match", "pass")
    files = {"reference": pictures["selfie"], "probe": pictures["stranger"]}
    check = here.client.post("/v1/faces/compare", files=files, headers=key).json()["check"]
    assert check["status"] == "fail"
    files = {"reference": picture(), "probe": pictures["stranger"]}
    check = here.client.post("/v1/faces/compare", files=files, headers=key).json()["check"]
    assert (check["status"], check["reason"]) == ("not_assessed", "no_face")


def test_single_checks_answer_as_in_a_verdict(here: House, pictures: Pictures) -> None:
    key = here.key("analysis")
    quality = here.client.post(
        "/v1/faces/quality", files={"image": pictures["selfie"]}, headers=key
    ).json()["check"]
    assert (quality["check"], quality["status"]) == ("face.quality", "pass")
    silent = here.client.post(
        "/v1/liveness/silent", files={"image": pictures["selfie"]}, headers=key
    ).json()["check"]
    assert silent["check"] == "liveness.silent"
    assert silent["models"]
    read = here.client.post(
        "/v1/documents/read", files={"front": pictures["card"]}, headers=key
    ).json()
    assert {check["check"] for check in read["checks"]} == {
        "document.read",
        "document.authentic",
        "document.specimen",
    }
    assert read["document"]["number"]["value"]
    answer = here.client.post("/v1/liveness/silent", headers=key)
    assert answer.status_code == 422


def test_a_gallery_finds_whom_it_holds(here: House, pictures: Pictures) -> None:
    key = here.key()
    path = "/v1/galleries/list/subjects"
    for subject in ("selfie", "stranger"):
        answer = here.client.put(
            f"{path}/{subject}", files={"image": pictures[subject]}, headers=key
        )
        assert answer.status_code == 201, answer.text
    again = here.client.put(f"{path}/selfie", files={"image": pictures["selfie"]}, headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "gallery.exists")
    found = here.client.post(
        "/v1/galleries/list/search",
        files={"image": pictures["card"]},
        data={"limit": "1"},
        headers=key,
    ).json()
    assert ([hit["subject"] for hit in found["hits"]], found["entries"]) == (["selfie"], 2)
    assert here.client.delete(f"{path}/selfie", headers=key).status_code == 204
    assert here.client.delete(f"{path}/selfie", headers=key).status_code == 404
    assert here.client.get("/v1/galleries/list", headers=key).json()["entries"] == 1
    stranger = here.of_new_tenant().key()
    assert here.client.get("/v1/galleries/list", headers=stranger).json()["entries"] == 0
    empty = here.client.post("/v1/galleries/list/search", files={"image": picture()}, headers=key)
    assert (empty.status_code, empty.json()["code"]) == (422, "gallery.no_face")


def test_guidance_sees_what_should_change(here: House, pictures: Pictures) -> None:
    made = here.start(here.key(), policy="demo")
    token = {"Authorization": f"Bearer {made['upload_token']}"}

    def look(what: str, data: bytes, language: str = "en") -> dict[str, object]:
        answer = here.client.post(
            f"/v1/guidance/{what}",
            content=data,
            headers={**token, "Accept-Language": language, "Content-Type": "image/jpeg"},
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    face = look("face", pictures["selfie"][:200_000])
    assert (face["faces"], face["reason"]) == (1, "")
    box = face["box"]
    assert isinstance(box, list)
    assert 0 <= box[0] < box[2] <= 1
    nobody = look("face", picture(), "zh")
    assert (nobody["faces"], nobody["box"], nobody["reason"]) == (0, None, "no_face")
    assert "脸" in str(nobody["text"]) or "面" in str(nobody["text"])
    ground = np.full((360, 480, 3), 40, np.uint8)
    assert look("document", to_jpeg(Image(ground)))["reason"] == "document_not_found"
    too_large = here.client.post("/v1/guidance/face", content=bytes(200_001), headers=token)
    assert too_large.status_code == 413


def test_the_catalogue_names_models_and_policies(here: House) -> None:
    key = here.key("catalogue:read")
    models = here.client.get("/v1/models", headers=key).json()
    assert all(len(model["sha256"]) == 64 and model["licence"] for model in models["items"])
    assert {role for model in models["items"] for role in model["roles"]} >= {"detector", "mesh"}
    ids = [p["id"] for p in here.client.get("/v1/policies", headers=key).json()["items"]]
    assert {"spoken", "reverify", "selfie"} <= set(ids)
