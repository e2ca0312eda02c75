"""What was decided can be proven later, and nothing about it can be changed unseen."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veridical import InputError, Measurement, ModelRef, OperatingPoint, StoreError
from veridical.policy import Policy
from veridical.verification import Verdict, decide
from veridical.verification.evidence import (
    EvidenceLog,
    SigningKey,
    key_id,
    read_public_keys,
    verify_chain,
)

POLICY = Policy("p", 1, "0" * 64, ("face.match",))


def verdict(transaction: str = "t-1", score: float = 0.5) -> Verdict:
    decision = decide(
        [Measurement("face.match", score, "not_mated", {"note": "small"}, (ModelRef("m", "a"),))],
        POLICY,
        {"face.match": OperatingPoint(0.43, 0.36, "card:m")},
    )
    return Verdict(
        transaction, decision.outcome, decision.first_cause, decision.causes, decision.results,
        {"id": "p", "version": 1, "sha256": "0" * 64}, "registry", (), (), 1, 0,
        datetime(2026, 1, 1, tzinfo=UTC), {"name": {"value": "a person's name"}},
    )  # fmt: skip


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.from_file(tmp_path_factory.mktemp("keys") / "signing.pem")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    path = tmp_path_factory.mktemp("log") / "evidence.jsonl"
    for i in range(4):
        EvidenceLog(path, key).append(verdict(f"t-{i}", 0.1 * i), {"selfie": "ab" * 32})
    return path


def keys_of(*keys: SigningKey) -> Mapping[str, Ed25519PublicKey]:
    return {k.key_id: k.private.public_key() for k in keys}


def test_a_log_holds(log: Path, key: SigningKey) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    chain = verify_chain(lines, keys_of(key))
    assert (chain.records, chain.problem) == (4, "")
    assert chain.head == json.loads(lines[-1])["hash"]


def test_a_record_names_no_person(log: Path) -> None:
    text = log.read_text(encoding="utf-8")
    assert "a person's name" not in text
    assert "evidence" not in json.loads(text.splitlines()[0])["checks"][0]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_found(log: Path, key: SigningKey, place: int, flip: int) -> None:
    content = bytearray(log.read_bytes())
    content[place % len(content)] ^= flip
    chain = verify_chain(bytes(content).splitlines(keepends=True), keys_of(key))
    assert chain.problem


@pytest.mark.parametrize("order", [[1, 2, 3], [0, 2, 3], [1, 0, 2, 3], [0, 1, 1, 2]])
def test_removed_moved_and_doubled_records_are_found(
    log: Path, key: SigningKey, order: list[int]
) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    assert verify_chain([lines[i] for i in order], keys_of(key)).problem


def test_a_cut_tail_is_found_by_the_anchored_head(log: Path, key: SigningKey) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    head = json.loads(lines[-1])["hash"]
    assert not verify_chain(lines, keys_of(key), head).problem
    assert not verify_chain(lines[:-1], keys_of(key)).problem
    assert "anchored" in verify_chain(lines[:-1], keys_of(key), head).problem


def test_a_record_signed_by_another_key_does_not_hold(
    log: Path, key: SigningKey, tmp_path: Path
) -> None:
    other = SigningKey.from_file(tmp_path / "other.pem")
    lines = log.read_bytes().splitlines(keepends=True)
    assert "not given" in verify_chain(lines, keys_of(other)).problem
    forged = {key.key_id: other.private.public_key()}
    assert "signature" in verify_chain(lines, forged).problem


def test_keys_may_be_rotated(tmp_path: Path, key: SigningKey) -> None:
    path, second = tmp_path / "log.jsonl", SigningKey.from_file(tmp_path / "second.pem")
    EvidenceLog(path, key).append(verdict(), {})
    EvidenceLog(path, second).append(verdict(), {})
    (tmp_path / "both.pem").write_bytes(key.public_pem + second.public_pem)
    keys = read_public_keys([tmp_path / "both.pem"])
    assert verify_chain(path.read_bytes().splitlines(keepends=True), keys).records == 2
    assert set(keys) == {key.key_id, second.key_id}


def test_a_line_cut_off_by_a_crash_is_replaced(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "log.jsonl"
    first = EvidenceLog(path, key).append(verdict(), {})
    EvidenceLog(path, key).append(verdict(), {})
    path.write_bytes(path.read_bytes()[:-7])
    EvidenceLog(path, key).append(verdict("again"), {})
    lines = path.read_bytes().splitlines(keepends=True)
    assert verify_chain(lines, keys_of(key)).records == 2
    assert json.loads(lines[1])["previous"] == first


@pytest.mark.parametrize("content", [b"{}\n", b"[]\n", b"\0\0\n", b"x" * (3 << 20)])
def test_a_log_that_ends_in_no_record_is_not_gone_on_with(
    tmp_path: Path, key: SigningKey, content: bytes
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="does not end in a record"):
        EvidenceLog(path, key).append(verdict(), {})
    assert path.read_bytes() == content


def test_a_forged_key_name_is_a_finding_and_no_crash(log: Path, key: SigningKey) -> None:
    record = json.loads(log.read_bytes().splitlines()[0])
    record["key"] = []
    line = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    found = verify_chain([line.encode() + b"\n"], keys_of(key))
    assert (found.records, "not given" in found.problem) == (0, True)


def write_many(path: Path, key_path: Path, count: int) -> None:
    log = EvidenceLog(path, SigningKey.from_file(key_path))
    for i in range(count):
        log.append(verdict(f"{os.getpid()}-{i}"), {})


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    path, key_path = tmp_path / "log.jsonl", tmp_path / "key.pem"
    context = get_context("spawn")
    writers = [context.Process(target=write_many, args=(path, key_path, 20)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    keys = keys_of(SigningKey.from_file(key_path))
    chain = verify_chain(path.read_bytes().splitlines(keepends=True), keys)
    assert (chain.records, chain.problem) == (60, "")


def test_the_key_is_its_owner_s_alone(tmp_path: Path) -> None:
    first = SigningKey.from_file(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    assert SigningKey.from_file(tmp_path / "key.pem").key_id == first.key_id
    assert first.key_id == key_id(first.private.public_key())


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key", encoding="utf-8")
    with pytest.raises(InputError, match="no unencrypted PEM key"):
        SigningKey.from_file(tmp_path / "key.pem")
    with pytest.raises(InputError, match="Ed25519 public keys"):
        read_public_keys([tmp_path / "key.pem"])


def test_evidence_that_cannot_be_written_is_an_error(tmp_path: Path, key: SigningKey) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError):
        EvidenceLog(tmp_path / "file" / "log.jsonl", key).append(verdict(), {})
