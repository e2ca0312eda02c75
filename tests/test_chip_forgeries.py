"""Chips: what their state signed passes, and no forgery does."""

import hashlib
import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from asn1crypto import cms, keys
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.chip_maker import (
    GROUPS,
    LINE_1,
    TODAY,
    State,
    certified,
    chip,
    hash_list,
    line_2,
    openssl,
    revocations,
    rsa_key,
    sign,
    state,
    tlv,
    zone_group,
)
from veridical.chip import ChipCheck, ChipFiles, TrustList, inspect_chip
from veridical.chip.inspection import UNDECIDED
from veridical.chip.signatures import RefusedError, load_key
from veridical.ocr.document import Document
from veridical.ocr.mrz import exact_mrz


@pytest.fixture(scope="module")
def utopia() -> State:
    return state()


def reason(files: ChipFiles, trust: TrustList | None, today: date = TODAY) -> str:
    return inspect_chip(files, trust, today).reason


def test_a_signed_chip_passes(utopia: State) -> None:
    told = inspect_chip(chip(utopia), utopia.trust, TODAY)
    assert (told.reason, told.evidence["country"]) == ("", "UT")
    assert told.zone is not None
    assert told.zone.fields["surname"] == "ERIKSSON"
    measured = ChipCheck()(told, ())
    assert (measured.score, measured.reason) == (1.0, "")
    assert measured.evidence["printed_zone"] == "not_handed_in"


@pytest.mark.parametrize(
    ("curve", "digest"),
    [
        (ec.SECP224R1, "sha224"),
        (ec.SECP256R1, "sha256"),
        (ec.SECP384R1, "sha384"),
        (ec.SECP521R1, "sha512"),
        (ec.BrainpoolP384R1, "sha384"),
        (ec.BrainpoolP512R1, "sha512"),
    ],
)
def test_every_curve_passes(curve: type[ec.EllipticCurve], digest: str) -> None:
    by = state(ec.generate_private_key(curve()))
    assert reason(chip(by, digest=digest), by.trust) == ""


@pytest.mark.parametrize("pss", [False, True])
def test_rsa_passes(pss: bool) -> None:
    key = rsa_key()
    by = state(rsa_key(), key, pss=pss)
    assert reason(chip(by, pss=pss), by.trust) == ""


def test_without_a_list_nothing_is_told(utopia: State) -> None:
    told = inspect_chip(chip(utopia), None, TODAY)
    assert ChipCheck()(told, ()).score is None
    assert told.reason == "no_trust_list"
    assert told.zone is None


# --- openssl signs, we verify ---------------------------------------------------------------------


@pytest.mark.parametrize("curve", ["brainpoolP256r1", "prime256v1", "secp384r1"])
def test_a_chip_that_openssl_signed_with_explicit_parameters(tmp_path: Path, curve: str) -> None:
    """States write out all parameters of their curves, which most libraries refuse."""
    explicit = ("-param_enc", "explicit")
    for name in ("ca", "ds"):
        openssl(
            "ecparam",
            "-name",
            curve,
            *explicit,
            "-genkey",
            "-noout",
            "-out",
            f"{name}.key",
            cwd=tmp_path,
        )
    (tmp_path / "ca.cnf").write_text(
        "[req]\ndistinguished_name=d\nprompt=no\nx509_extensions=v\n[d]\nC=UT\nCN=CSCA\n"
        "[v]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\n[s]\nkeyUsage=critical,digitalSignature\n"
    )
    openssl(
        "req",
        "-x509",
        "-new",
        "-key",
        "ca.key",
        "-config",
        "ca.cnf",
        "-days",
        "3650",
        "-out",
        "ca.pem",
        cwd=tmp_path,
    )
    openssl(
        "req", "-new", "-key", "ds.key", "-subj", "/C=UT/CN=DSC", "-out", "ds.csr", cwd=tmp_path
    )
    openssl(
        "x509", "-req", "-in", "ds.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7",
        "-days", "3650", "-extfile", "ca.cnf", "-extensions", "s", "-out", "ds.pem", cwd=tmp_path,
    )  # fmt: skip
    (tmp_path / "list.der").write_bytes(hash_list(GROUPS))
    openssl(
        "cms", "-sign", "-binary", "-nodetach", "-econtent_type", "2.23.136.1.1.1",
        "-in", "list.der", "-signer", "ds.pem", "-inkey", "ds.key", "-md", "sha256",
        "-outform", "DER", "-out", "sod.der",
        cwd=tmp_path,
    )  # fmt: skip
    trust = TrustList.load(tmp_path / "ca.pem")
    today = date.today()  # openssl certifies from now on
    files = ChipFiles(tlv(0x77, (tmp_path / "sod.der").read_bytes()), GROUPS)
    assert reason(files, trust, today) == ""
    altered = replace(files, groups={1: zone_group(LINE_1, line_2("L898902C4"))})
    assert reason(altered, trust, today) == "chip_group_altered"


def test_a_curve_with_a_generator_of_its_own_is_none_we_know(tmp_path: Path) -> None:
    """Whoever chooses the generator can make a key fit any public point (CVE-2020-0601)."""
    by = state(ec.generate_private_key(ec.BrainpoolP256R1()))
    openssl(
        "ecparam",
        "-name",
        "brainpoolP256r1",
        "-param_enc",
        "explicit",
        "-outform",
        "DER",
        "-out",
        "p.der",
        cwd=tmp_path,
    )
    info = by.signer.asn1.public_key
    point = bytes(info["public_key"])
    parameters = (tmp_path / "p.der").read_bytes()
    base = bytes(keys.ECDomainParameters.load(parameters).chosen["base"])

    def key(given: bytes) -> keys.PublicKeyInfo:
        identifier = tlv(0x30, bytes.fromhex("06072a8648ce3d0201"), given)
        return keys.PublicKeyInfo.load(tlv(0x30, identifier, tlv(0x03, b"\0" + point)))

    assert load_key(key(parameters)).key_size == 256
    with pytest.raises(RefusedError, match="chip_unsupported"):
        load_key(key(parameters.replace(base, point)))


# --- forgeries ------------------------------------------------------------------------------------


def test_an_altered_group(utopia: State) -> None:
    files = chip(utopia)
    for groups in (
        {1: zone_group(LINE_1, line_2(expiry="330415"))},
        {1: GROUPS[1] + b"\0"},
        {**GROUPS, 2: b"never signed"},
    ):
        assert reason(replace(files, groups=groups), utopia.trust) == "chip_group_altered"


def test_an_altered_list_of_hashes(utopia: State) -> None:
    forged = {1: zone_group(LINE_1, line_2(birth="840812"))}
    right, wrong = hash_list(GROUPS), hash_list(forged)
    sod = chip(utopia).sod.replace(right, wrong)
    assert reason(ChipFiles(sod, forged), utopia.trust) == "chip_sod_altered"


def test_rebuilt_attributes(utopia: State) -> None:
    """The digest of the forged list is stated, over the signature of the genuine one."""
    forged = {1: zone_group(LINE_1, line_2(birth="840812"))}
    genuine = cms.ContentInfo.load(sign(hash_list(GROUPS), utopia.signer))
    signature = genuine["content"]["signer_infos"][0]["signature"].native
    sod = sign(hash_list(forged), utopia.signer, signature=signature)
    assert reason(ChipFiles(tlv(0x77, sod), forged), utopia.trust) == "chip_sod_altered"
    stated = hashlib.sha256(hash_list(GROUPS)).digest()
    sod = sign(hash_list(forged), utopia.signer, stated=stated)
    assert reason(ChipFiles(tlv(0x77, sod), forged), utopia.trust) == "chip_sod_altered"


def test_a_foreign_signer(utopia: State) -> None:
    other = state()
    assert reason(chip(other), utopia.trust) == "chip_signer_unknown"
    elsewhere = certified(rsa_key(), ca=True, country="ZZ", name="ZZ")
    nowhere = State(elsewhere, certified(rsa_key(), elsewhere, country="ZZ", name="DSC"))
    told = reason(chip(nowhere), utopia.trust)
    assert told == "chip_country_unknown"
    assert told in UNDECIDED
    # Names the genuine certificate, and signs with a key of its own.
    files = ChipFiles(
        tlv(0x77, sign(hash_list(GROUPS), other.signer, claimed=utopia.signer)), GROUPS
    )
    assert reason(files, utopia.trust) == "chip_sod_altered"


def test_nobody_signs_but_a_document_signer(utopia: State) -> None:
    """The authority itself, a signer of master lists, and who was certified by a signer."""
    for signer in (
        utopia.authority,
        certified(rsa_key(), utopia.authority, name="ML", purposes=True),
        certified(rsa_key(), utopia.signer, name="below"),
    ):
        files = chip(State(utopia.authority, signer))
        assert reason(files, utopia.trust) == "chip_signer_unknown"


def test_a_signer_of_one_country_cannot_sign_for_another(utopia: State) -> None:
    foreign = {1: zone_group(LINE_1.replace("UTO", "D<<"), line_2())}
    assert reason(chip(utopia, foreign), utopia.trust) == "chip_issuer_mismatch"
    abroad = certified(ec.generate_private_key(ec.SECP256R1()), utopia.authority, country="DE")
    files = chip(State(utopia.authority, abroad), foreign)
    assert reason(files, utopia.trust) == "chip_signer_unknown"


def test_an_expired_signer_or_authority_or_document(utopia: State) -> None:
    days = (date(2010, 1, 1), date(2026, 1, 1))
    late = certified(ec.generate_private_key(ec.SECP256R1()), utopia.authority, name="D", days=days)
    files = chip(State(utopia.authority, late))
    assert reason(files, utopia.trust) == "chip_signer_expired"
    assert reason(files, utopia.trust, date(2025, 12, 31)) == ""
    old = certified(rsa_key(), ca=True, days=days)
    by = State(old, certified(rsa_key(), old, name="DSC"))
    assert reason(chip(by), by.trust) == "chip_signer_expired"
    ended = chip(utopia, {1: zone_group(LINE_1, line_2(expiry="251120"))})
    assert reason(ended, utopia.trust) == "expired"


def test_a_signer_that_was_taken_back(utopia: State) -> None:
    serial = utopia.signer.certificate.serial_number
    taken = TrustList.of([utopia.authority.asn1, revocations(utopia.authority, serial)])
    assert reason(chip(utopia), taken) == "chip_signer_revoked"
    for until, told in ((date(2027, 1, 1), "checked"), (date(2026, 6, 1), "stale")):
        lists = revocations(utopia.authority, serial + 1, until=until)
        found = inspect_chip(chip(utopia), TrustList.of([utopia.authority.asn1, lists]), TODAY)
        assert (found.reason, found.evidence["revocation"]) == ("", told)


@pytest.mark.parametrize("how", ["sha1", "rsa1024", "certificate"])
def test_a_weak_algorithm(how: str) -> None:
    if how == "sha1":
        by = state(rsa_key())
        files = chip(by, digest="sha1")
    elif how == "rsa1024":
        by = state(rsa_key(1024))
        files = chip(by)
    else:
        by = state(authority_key=rsa_key(1024))
        files = chip(by)
    assert reason(files, by.trust) == "chip_weak_algorithm"


def test_hostile_bytes_are_an_answer_and_no_error(utopia: State) -> None:
    sod = chip(utopia).sod
    chance = random.Random(7)
    cases = [sod[:at] for at in range(1, len(sod), 37)]
    for _ in range(150):
        noise = bytearray(sod)
        for _ in range(chance.randint(1, 6)):
            noise[chance.randrange(len(noise))] = chance.randrange(256)
        cases.append(bytes(noise))
    cases += [
        tlv(0x77, b"\x30\x80" * 20_000),
        tlv(0x77, tlv(0x30, b"\x30\x84\xff\xff\xff\xff")),
        tlv(0x77, b"\x31\x82\xff\xff" + bytes(100)),
        b"\x77\x84\x7f\xff\xff\xff",
        b"\x00" * 60_000,
        tlv(0x77, b""),
    ]
    for case in cases:
        told = reason(ChipFiles(case, GROUPS), utopia.trust)
        # Noise may fall on bytes that nobody signs: then what was signed is whole.
        assert told or hash_list(GROUPS) in case
    for group in (b"", b"\x61", b"\x61\x03\x5f\x1f\x58", zone_group(LINE_1, line_2()[:-1] + "0")):
        assert reason(chip(utopia, {1: group}), utopia.trust) == "chip_malformed"


# --- the print beside it --------------------------------------------------------------------------


def printed(*lines: str) -> Document:
    mrz = exact_mrz(lines, TODAY)
    assert mrz is not None
    return Document("td3", mrz=mrz)


@pytest.mark.parametrize(
    ("sides", "score", "code"),
    [
        ((printed(LINE_1, line_2()),), 1.0, ""),
        ((printed(LINE_1, line_2("L898902C4")),), 0.0, "chip_zone_mismatch"),
        ((printed(LINE_1, line_2(birth="940812")),), 0.0, "chip_zone_mismatch"),
        ((printed(LINE_1.replace("ANNA", "ANNE"), line_2()),), 0.5, "chip_zone_mismatch"),
        ((Document("prc_id_front"),), 0.5, "chip_zone_not_read"),
        ((Document("none"),), 0.5, "chip_zone_not_read"),
    ],
)
def test_the_print_must_be_of_the_same_document(
    utopia: State, sides: tuple[Document, ...], score: float, code: str
) -> None:
    told = inspect_chip(chip(utopia), utopia.trust, TODAY)
    measured = ChipCheck()(told, sides)
    assert (measured.score, measured.reason) == (score, code)


# --- the chip itself ------------------------------------------------------------------------------


def key_group(key: object) -> bytes:
    public = key.public_key()  # type: ignore[attr-defined]
    return tlv(0x6F, public.public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo))


def recovered(key: object, challenge: bytes) -> bytes:
    """A signature with message recovery, as a chip makes it (ISO/IEC 9796-2, scheme 1)."""
    numbers = key.private_numbers()  # type: ignore[attr-defined]
    n, size = numbers.public_numbers.n, (numbers.public_numbers.n.bit_length() + 7) // 8
    own = b"\x17" * (size - 3 - 32)
    block = b"\x6a" + own + hashlib.sha256(own + challenge).digest() + b"\x34\xcc"
    return pow(int.from_bytes(block, "big"), numbers.d, n).to_bytes(size, "big")


@pytest.mark.parametrize("kind", ["rsa", "ec", "ec_der"])
def test_a_copied_chip_is_known_by_its_answer(utopia: State, kind: str) -> None:
    key, other = (
        rsa_key(1024) if kind == "rsa" else ec.generate_private_key(ec.BrainpoolP256R1())
        for _ in range(2)
    )

    def answer(by: object, challenge: bytes) -> bytes:
        if kind == "rsa":
            return recovered(by, challenge)
        made = by.sign(challenge, ec.ECDSA(hashes.SHA256()))  # type: ignore[attr-defined]
        r, s = utils.decode_dss_signature(made)
        return made if kind == "ec_der" else r.to_bytes(32, "big") + s.to_bytes(32, "big")

    now, before = b"12345678", b"87654321"
    plain = chip(utopia, {**GROUPS, 15: key_group(key)})

    def told(challenge: bytes, response: bytes) -> tuple[str, object]:
        files = replace(plain, challenge=challenge, response=response)
        found = inspect_chip(files, utopia.trust, TODAY, now)
        return found.reason, found.evidence["active_authentication"]

    assert told(now, answer(key, now)) == ("", "verified")
    assert told(before, answer(key, before)) == ("", "old_answer")
    assert told(now, answer(key, before)) == ("chip_cloned", "failed")
    assert told(now, answer(other, now)) == ("chip_cloned", "failed")
    assert told(now, b"\0" * 128) == ("chip_cloned", "failed")
    assert inspect_chip(plain, utopia.trust, TODAY).evidence["active_authentication"] == "not_made"
