"""One set of engines an installation: lazy, shared, asked by every door; a policy's needs kept."""

import ast
import time
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import PIL.Image
import pytest
from fastapi.testclient import TestClient

from tests.conftest import Run
from tests.service_house import house, picture
from veridical.analysis.engines import ROLES, Engines
from veridical.catalogue.points import own_points, points_of
from veridical.cli.exits import Exit, exit_for
from veridical.errors import ModelError
from veridical.liveness import read_settings
from veridical.models import Card, ModelStore, Profile, list_cards, read_profiles
from veridical.result import Measurement, OperatingPoint
from veridical.service.app import create_app
from veridical.service.serving import app_of
from veridical.service.settings import ServiceSettings
from veridical.verification import (
    CHECKS,
    Settings,
    Verifier,
    load_policy,
    load_verifier,
    shipped_policies,
)
from veridical.verification.needs import Needs, NotFitError, roles_of, summary_of

ROOT = Path(__file__).parent.parent
CONSENT = {"biometrics": True}
POINTS = dict.fromkeys(CHECKS, OperatingPoint(0.5, 0.25))
MAKERS = {
    "FaceDetector", "FaceMesher", "FaceEmbedder", "MediapipeMesher", "MediapipeMesh",
    "VoiceEmbedder", "DocumentReader", "Whisper", "DigitListener",
}  # fmt: skip
LOADERS = {"SilentCheck", "LipsCheck", "DigitsCheck", "DocumentReader", "FaceEmbedder"}
HOMES = ("face", "liveness", "ocr", "voiceprint", "models")
"""Rooms that make networks: each its own."""
ELSEWHERE = {
    "analysis/engines.py",
    "research/benchmarks/bench_voice.py",  # candidate networks from files, not an installation's
}


def sources() -> list[Path]:
    rooms = (
        "verification", "consent_recording", "evaluation", "service", "cli", "batch", "client",
        "gallery", "research", "examples", "deploy",
    )  # fmt: skip
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def made_by_hand(path: Path) -> list[str]:
    """Networks that a module makes itself."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(name) if name in MAKERS or name == "load_paddle_reader":
                found.append(name)
            case ast.Attribute(ast.Name(name), "load" | "from_card") if name in LOADERS:
                found.append(name)
            case ast.Attribute(_, name) if name in MAKERS:
                found.append(name)
            case _:
                continue
    return found


def test_nobody_but_engines_makes_a_network() -> None:
    by_hand = {
        name: found
        for path in sources()
        if (name := path.relative_to(ROOT).as_posix()) not in ELSEWHERE
        and (found := made_by_hand(path))
    }
    assert not by_hand, "ask `Engines` for them"


def test_the_search_for_networks_made_by_hand_can_find_one(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("a = FaceDetector(s)\nb = SilentCheck.load(s, p)\nc = face.FaceMesher(s)\n")
    assert sorted(made_by_hand(path)) == ["FaceDetector", "FaceMesher", "SilentCheck"]
    assert made_by_hand(ROOT / "analysis/engines.py")


# --- engines --------------------------------------------------------------------------------------


def nowhere(tmp_path: Path, **settings: object) -> Settings:
    return Settings.model_validate({"models_dir": tmp_path, "profile": "registry", **settings})


def test_an_engine_without_its_model_is_none_or_says_which(tmp_path: Path) -> None:
    engines = Engines.open(nowhere(tmp_path))
    assert engines.detector is None
    with pytest.raises(ModelError) as caught:
        engines.need(Engines.detector)
    assert (caught.value.code, caught.value.model) == ("model.missing", "yunet-2023mar")
    assert engines.missing["yunet-2023mar"] == "model.missing"
    with pytest.raises(ModelError):
        engines.require("speech", "detector")


def test_the_licence_rule_leaves_a_network_out(store: ModelStore) -> None:
    strict = ModelStore(store.directory, commercial_only=True)
    engines = Engines(strict, store.profile("registry"))
    refused = {n for n in engines.profile.models if store.card(n).commercial != "yes"}
    assert {n for n, why in engines.missing.items() if why == "model.not_commercial"} == refused
    assert refused
    assert engines.silent is None
    assert engines.failure(Engines.silent).code == "model.not_commercial"


def test_engines_of_a_caller_are_those_given() -> None:
    fake = object()
    engines = Engines.of(detector=fake)
    assert (engines.detector, engines.mesher) == (fake, None)
    assert engines.lacking(["detector", "mesh"]).keys() == {"mesh"}
    with pytest.raises(ModelError):
        engines.session("speech")


@pytest.mark.parametrize("setting", [{"mesh_engine": "mediapipe"}, {"ocr_engine": "paddleocr"}])
def test_an_engine_that_is_named_and_not_installed_stops_every_door(
    tmp_path: Path, setting: dict[str, str]
) -> None:
    with pytest.raises(ModelError) as caught:
        Engines.open(nowhere(tmp_path, **setting))
    assert caught.value.code == "engine.missing"


def test_many_threads_share_one_engine(store: ModelStore) -> None:
    engines, barrier, found = Engines(store, store.profile()), Barrier(4), []

    def ask() -> None:
        barrier.wait()
        found.append(engines.detector)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(map(id, found))) == 1
    assert found[0] is not None


def test_every_role_of_a_profile_has_its_engine() -> None:
    used = {role for profile in read_profiles().values() for role in profile.roles}
    assert used - ROLES.keys() == {"iris"}


# --- what policies need ---------------------------------------------------------------------------


def test_every_role_of_a_check_has_its_engine() -> None:
    assert {role for spec in CHECKS.values() for role in spec.roles} <= ROLES.keys()


def test_a_policy_of_pictures_opens_no_network_for_sound(store: ModelStore) -> None:
    verifier = load_verifier(Settings(models_dir=store.directory, policy="selfie"))
    opened = set(verifier._engines.store._open)
    roles = verifier._engines.profile.roles
    for role in ("speech", "voice", "lips", "listener", "digits_en", "digits_zh"):
        assert not opened & set(roles[role]), role
    assert opened >= set(roles["detector"]) | set(roles["recogniser"]) | set(roles["ocr_detector"])
    later = load_policy("spoken")
    verifier.require(later)
    opened = set(verifier._engines.store._open)
    assert opened >= {name for role in roles_of(later.checks) for name in roles[role]}


@pytest.mark.parametrize("policy", shipped_policies())
def test_an_empty_folder_is_not_fit_for_any_policy(tmp_path: Path, policy: str) -> None:
    found = load_policy(policy)
    engines = Engines.open(nowhere(tmp_path))
    needs = Needs(engines, POINTS)
    with pytest.raises(NotFitError) as caught:
        needs.require(found)
    assert caught.value.code == "model.required"
    assert {lack.check for lack in caught.value.lacks} <= {*found.required, *found.witnesses}
    assert caught.value.model in str(caught.value)
    assert found.id in summary_of(caught.value.lacks)
    Needs(engines, POINTS, allow_missing=True).require(found)


def test_an_optional_check_lacks_its_model_and_nothing_is_refused() -> None:
    policy = load_policy("selfie")
    whole: dict[str, Any] = {"detector": 1, "mesher": 1, "reader": 1, "silent": 1}
    needs = Needs(Engines.of(**whole, embedder=1), POINTS)
    needs.require(policy)
    assert not needs.lacks(policy)
    hearing = Needs(Engines.of(**whole, embedder=1, vad=1, digits=1, lips=1), POINTS)
    hearing.require(load_policy("reverify"))
    assert {(lack.check, lack.required) for lack in hearing.lacks(load_policy("reverify"))} == {
        ("voice.match", False)
    }


def test_every_profile_can_judge_silent_liveness() -> None:
    for profile in read_profiles().values():
        assert read_settings().ensemble(profile.roles["silent"])


def test_a_swapped_recogniser_inherits_no_number(store: ModelStore) -> None:
    engines = Engines(store, read_profiles()["auraface"])
    faces = {"face.match", "face.same_person", "face.quality", "signals.identity_face"}
    assert not faces & points_of(engines).keys()
    assert "recording.same_person" not in points_of(engines)
    engines._built["embedder"] = object()  # as if its file were at hand
    with pytest.raises(NotFitError) as caught:
        Needs(engines, points_of(engines)).require(load_policy("selfie"))
    lacks = {(lack.check, lack.code, lack.model) for lack in caught.value.lacks}
    assert lacks == {
        (check, "model.no_operating_point", "auraface-v1")
        for check in ("face.quality", "face.match")
    }
    own = dict.fromkeys(faces, OperatingPoint(0.5, 0.25))
    Needs(engines, points_of(engines)).require(
        replace(load_policy("selfie"), sha256="own", operating_points=own)
    )


def test_numbers_of_a_model_stand_on_its_card_alone() -> None:
    """What no card holds is a band of the check itself: no number of a network's scale."""
    scored = {check for card in list_cards() for check in card.operating_points}
    assert not own_points().keys() & scored
    # `face.copy` compares pictures, by no network.
    assert not {check for check in own_points() if check.startswith("face.")} - {"face.copy"}


@pytest.mark.parametrize("source", [*list_cards(), *read_profiles().values()], ids=lambda s: s.name)
def test_rates_are_quoted_at_a_threshold_of_their_point(source: Card | Profile) -> None:
    for check, measured in source.operating_points.items():
        for rate in measured.rates:
            thresholds = (measured.point.accept_at, measured.point.reject_below)
            assert rate.at in thresholds, f"{check}: a rate at {rate.at}, thresholds {thresholds}"


@pytest.mark.parametrize("name", shipped_policies())
def test_no_shipped_policy_holds_a_number_of_a_recogniser_s_scale(name: str) -> None:
    policy = load_policy(name)
    assert not {check for check in policy.operating_points if CHECKS[check].roles}
    scores = {
        word
        for word in policy.rules.inputs
        if word.endswith(".score") and CHECKS[word.removesuffix(".score")].roles
    }
    assert not scores, "compare the margin"


# --- doors ----------------------------------------------------------------------------------------


def test_verify_and_batch_end_with_3_when_no_model_is_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIDICAL_MODELS_DIR", str(tmp_path / "none"))
    picture, manifest = tmp_path / "a.png", tmp_path / "m.csv"
    PIL.Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(picture)
    manifest.write_text("id,selfie,document_front\na,a.png,a.png\n")
    asked = ("--policy", "selfie", "--selfie", str(picture), "--document-front", str(picture))
    code, _, errors = run("verify", *asked)
    assert (code, "yunet-2023mar" in errors) == (3, True)
    assert run("verify", *asked, "--allow-missing")[0] == 1
    out = tmp_path / "out"
    batch = ("batch", str(manifest), "--out", str(out), "--policy", "selfie", "--workers", "1")
    assert run(*batch)[0] == 3
    assert not (out / "results.jsonl").exists()


def test_the_service_refuses_to_start(tmp_path: Path) -> None:
    where = {"models_dir": tmp_path, "data_dir": tmp_path, "policy": "selfie"}
    with pytest.raises(NotFitError) as caught:
        app_of(ServiceSettings.model_validate(where), "127.0.0.1", dev=True)
    assert exit_for(caught.value) is Exit.ENVIRONMENT
    whole = ServiceSettings.model_validate({**where, "allow_missing": True})
    assert app_of(whole, "127.0.0.1", dev=True)


def test_a_service_without_a_required_model_is_never_ready(tmp_path: Path) -> None:
    app = create_app(lambda: load_verifier(nowhere(tmp_path, policy="selfie")), policy="selfie")
    with TestClient(app) as client:
        while (answer := client.get("/readyz")).json()["code"] == "service.not_ready":
            time.sleep(0.01)
        assert (answer.status_code, answer.json()["code"]) == (503, "model.required")
        figures = client.get("/metrics").text
        assert 'veridical_lacking{check="face.match",model="sface-2021dec"' in figures
        assert client.post("/v1/verify").status_code == 503


def test_a_policy_that_lacks_models_is_refused_by_name(tmp_path: Path) -> None:
    """The policy in force has all it needs; a shipped one that has not is refused when named."""
    steps = {check: (lambda _, check=check: Measurement(check, 1.0)) for check in CHECKS}
    whole = {"detector": 1, "mesher": 1, "reader": 1, "silent": 1, "embedder": 1}
    engines = Engines.of("registry", **whole)

    def build() -> Verifier:
        verifier = Verifier(
            steps, engines, POINTS, load_policy("selfie"), needs=Needs(engines, POINTS)
        )
        verifier.enforce(verifier.policy)
        return verifier

    with house(tmp_path / "v.db", tmp_path, build=build) as made:
        here = made.of_new_tenant()
        key = here.key()
        while here.client.get("/readyz").status_code != 200:
            time.sleep(0.01)
        assert here.client.get("/readyz").json()["lacks"] == []
        asked = {"kind": "onboarding", "policy": "spoken", "consent": CONSENT}
        answer = here.client.post("/v1/transactions", json=asked, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (409, "policy.not_fit")
        assert "voice.digits" in answer.json()["detail"]
        files = {"selfie": ("a.png", picture())}
        answer = here.client.post("/v1/verify", data={"policy": "spoken"}, files=files, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (409, "policy.not_fit")
        own = 'id = "own"\nversion = 1\nrequired = ["voice.match", "face.match"]\nattempts = 1\n'
        toml = {**key, "Content-Type": "application/toml"}
        answer = here.client.put("/v1/policies/own", content=own, headers=toml)
        assert (answer.status_code, answer.json()["code"]) == (409, "policy.not_fit")
        answer = here.client.post(
            "/v1/transactions", json={**asked, "policy": "selfie"}, headers=key
        )
        assert answer.status_code == 201
