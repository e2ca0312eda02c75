"""A model is opened only when it is exactly what was pulled, and only once."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models_tiny import mirror_of, silent, tiny_card, tiny_onnx
from veridical.errors import ModelError
from veridical.models import ModelStore, catalogue, list_cards, read_profiles
from veridical.models.card import Card
from veridical.models.lock_file import LOCK_NAME, LockEntry, read_lock, write_lock
from veridical.models.pull import pull


def pulled(folder: Path, *cards: Card) -> Path:
    directory = folder / "models"
    results = pull(cards, directory, mirror=mirror_of(folder, *cards), note=silent)
    assert all(result.ready for result in results)
    return directory


def model_file(directory: Path) -> Path:
    return directory / read_lock(directory)["tiny"].file


def code_of(store: ModelStore, name: str = "tiny") -> str:
    with pytest.raises(ModelError) as caught:
        store.session(name)
    return caught.value.code


def test_a_pulled_model_runs(tmp_path: Path) -> None:
    card = tiny_card()
    session = ModelStore(pulled(tmp_path, card), cards=[card]).session("tiny")
    x = np.ones((2, 64), np.float32)
    assert (session.run({"x": x})[0] == 2).all()
    assert session.ref == card.ref
    assert session.metadata["character"] == "a\nb"
    assert session.inputs == {"x": ("n", 64)}


def test_one_session_per_file_and_process(tmp_path: Path) -> None:
    card = tiny_card()
    directory = pulled(tmp_path, card)
    stores = [ModelStore(directory, cards=[card]) for _ in range(3)]
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda s=s: found.append(s.session("tiny"))) for s in stores * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 9
    assert len({id(session) for session in found}) == 1


def test_every_flipped_byte_is_refused(tmp_path: Path) -> None:
    card = tiny_card()
    directory = pulled(tmp_path, card)
    path = model_file(directory)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert code_of(ModelStore(directory, cards=[card])) == "model.altered"
    path.write_bytes(whole)
    ModelStore(directory, cards=[card]).session("tiny")


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    card = tiny_card()
    directory = pulled(tmp_path, card)
    path = model_file(directory)
    path.write_bytes(path.read_bytes()[:keep])
    assert code_of(ModelStore(directory, cards=[card])) == "model.altered"


def test_a_file_that_lost_its_weights_and_matches_its_hash_fails_its_known_answer(
    tmp_path: Path,
) -> None:
    doubling, tripling = tiny_card(), tiny_card(factor=3.0)
    directory = pulled(tmp_path, doubling)
    entry = read_lock(directory)["tiny"]
    forged = LockEntry(entry.file, entry.sha256, tripling.file.sha256, "", "")
    write_lock(directory, {"tiny": forged})
    assert code_of(ModelStore(directory, cards=[tripling])) == "model.altered"


def test_a_model_that_is_not_there_is_missing(tmp_path: Path) -> None:
    card = tiny_card()
    store = ModelStore(tmp_path / "nowhere", cards=[card])
    assert not store.has("tiny")
    assert code_of(store) == "model.missing"


def shipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Card, Path]:
    """A network of our own, in a weights folder of the package."""
    card = replace(tiny_card(), recipe="shipped")
    monkeypatch.setattr(catalogue, "WEIGHTS_DIRECTORY", folder)
    path = folder / card.file.name
    path.write_bytes(tiny_onnx())
    return card, path


def test_a_shipped_model_needs_no_pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card, _ = shipped(tmp_path, monkeypatch)
    store = ModelStore(tmp_path / "nowhere", cards=[card])
    assert store.has("tiny")
    assert store.session("tiny").ref == card.ref
    (result,) = pull([card], tmp_path / "models", note=silent)
    assert (result.ready, result.source) == (True, "already here")


def test_a_shipped_model_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card, path = shipped(tmp_path, monkeypatch)
    path.write_bytes(path.read_bytes() + b"\0")
    assert code_of(ModelStore(tmp_path, cards=[card])) == "model.altered"
    (result,) = pull([card], tmp_path / "models", note=silent)
    assert not result.ready
    path.unlink()
    assert code_of(ModelStore(tmp_path, cards=[card])) == "model.missing"


def test_a_deleted_file_is_missing(tmp_path: Path) -> None:
    card = tiny_card()
    directory = pulled(tmp_path, card)
    model_file(directory).unlink()
    store = ModelStore(directory, cards=[card])
    assert not store.has("tiny")
    assert code_of(store) == "model.missing"


def test_a_model_pulled_for_another_card_is_missing(tmp_path: Path) -> None:
    directory = pulled(tmp_path, tiny_card())
    assert code_of(ModelStore(directory, cards=[tiny_card(factor=3.0)])) == "model.missing"


def test_an_unknown_name_is_said_so(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert code_of(store, "resnet-9000") == "model.unknown"
    with pytest.raises(ModelError, match="resnet-9000"):
        store.has("resnet-9000")
    with pytest.raises(ModelError) as caught:
        store.profile("platinum")
    assert caught.value.code == "model.unknown"


@pytest.mark.parametrize("commercial", ["unclear", "no"])
def test_commercial_only_refuses_every_other_licence(tmp_path: Path, commercial: str) -> None:
    card = tiny_card(commercial=commercial)
    directory = pulled(tmp_path, card)
    strict = ModelStore(directory, commercial_only=True, cards=[card])
    assert code_of(strict) == "model.not_commercial"
    assert not strict.has("tiny")
    assert ModelStore(directory, cards=[card]).session("tiny")


def test_commercial_only_lets_a_clear_licence_through(tmp_path: Path) -> None:
    card = tiny_card()
    store = ModelStore(pulled(tmp_path, card), commercial_only=True, cards=[card])
    assert store.session("tiny")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": {"tiny": {}}}', '{"models": 3}'])
def test_a_spoilt_lock_file_is_said_so(tmp_path: Path, text: str) -> None:
    card = tiny_card()
    directory = pulled(tmp_path, card)
    (directory / LOCK_NAME).write_text(text)
    assert code_of(ModelStore(directory, cards=[card])) == "model.altered"


def with_files(directory: Path, names: set[str]) -> Path:
    """A directory in which models of the shipped cards seem to be."""
    directory.mkdir()
    entries = {}
    for card in list_cards():
        if card.name in names:
            (directory / card.name).write_bytes(b"x")
            entries[card.name] = LockEntry(card.name, "0", card.file.sha256, "", "")
    write_lock(directory, entries)
    return directory


def test_auto_takes_the_most_complete_profile(tmp_path: Path) -> None:
    profiles = read_profiles()
    everything = set(profiles["standard"].models)
    store = ModelStore(with_files(tmp_path / "all", everything))
    assert store.profile("auto").name == "standard"
    registry = ModelStore(with_files(tmp_path / "few", set(profiles["registry"].models)))
    assert registry.profile("auto").name == "registry"
    assert ModelStore(tmp_path / "none").profile().name == "registry"


def test_auto_keeps_to_commercial_models_when_told(tmp_path: Path) -> None:
    everything = set(read_profiles()["standard"].models)
    store = ModelStore(with_files(tmp_path / "all", everything), commercial_only=True)
    assert store.profile("auto").name == "standard"


def test_operating_points_of_a_profile_go_before_those_of_its_cards(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    registry = store.operating_points(store.profile("registry"))
    profile = store.profile("standard")
    standard = store.operating_points(profile)
    assert registry["liveness.silent"].point.source == "card:faceplugin-liveness"
    assert standard["liveness.silent"].point.source == "profile:standard"
    assert standard["face.match"].point.source == f"card:{profile.roles['recogniser'][-1]}"


@pytest.mark.models
@pytest.mark.parametrize("name", read_profiles()["standard"].models)
@pytest.mark.parametrize("harm", ["flipped", "truncated"])
def test_no_real_model_is_opened_when_one_byte_is_wrong(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, harm: str
) -> None:
    if not store.has(name):
        pytest.skip(f"{name} was not pulled")
    card = store.card(name)
    path, sha256 = catalogue.locate(card, store.directory)
    data = bytearray(path.read_bytes())
    if harm == "flipped":
        data[len(data) // 2] ^= 0x10  # in the weights: onnxruntime would load it without a word
    else:
        del data[-1]
    (tmp_path / path.name).write_bytes(data)
    monkeypatch.setattr(catalogue, "WEIGHTS_DIRECTORY", tmp_path)
    write_lock(tmp_path, {name: LockEntry(path.name, sha256, card.file.sha256, "", "")})
    assert code_of(ModelStore(tmp_path), name) == "model.altered"
