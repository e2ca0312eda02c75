"""What chips and trust lists come in, portraits of two formats, and ages."""

import base64
import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from tests.chip_maker import (
    GROUPS,
    LINE_1,
    TODAY,
    State,
    blocks_2019,
    certified,
    chip,
    line_2,
    master_list,
    portrait_group,
    record_2005,
    revocations,
    state,
    tlv,
    zipped,
    zone_group,
)
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.chip import ChipFiles, TrustList, chip_challenge, inspect_chip, read_chip
from veridical.chip.age import AgeCheck, years_on
from veridical.cli import app
from veridical.errors import InputError
from veridical.media.picture import read_image, read_portrait
from veridical.ocr.document import Document, Field
from veridical.ocr.mrz import exact_mrz
from veridical.types import Image
from veridical.verification import Transaction


@pytest.fixture(scope="module")
def utopia() -> State:
    return state()


def files_of(found: ChipFiles) -> dict[str, bytes]:
    return {"EF.SOD": found.sod} | {f"DG{n}": content for n, content in found.groups.items()}


def encoded(kind: str) -> bytes:
    rows = np.linspace(40, 200, 96, dtype=np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(np.repeat(rows[:, None], 72, 1)[..., None].repeat(3, 2)).save(stream, kind)
    return stream.getvalue()


# --- files ----------------------------------------------------------------------------------------


def test_a_zip_and_a_folder_say_the_same(utopia: State, tmp_path: Path) -> None:
    files = files_of(chip(utopia))
    for name, content in {**files, "notes.txt": b"left alone"}.items():
        (tmp_path / name).write_bytes(content)
    assert read_chip(tmp_path) == read_chip(zipped(files)) == chip_like(files)
    renamed = {"chip/sod.bin": files["EF.SOD"], "chip/ef_dg01.BIN": files["DG1"]}
    assert read_chip(zipped(renamed)) == chip_like(files)


def chip_like(files: dict[str, bytes]) -> ChipFiles:
    return ChipFiles(files["EF.SOD"], {1: files["DG1"]})


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"DG1": b"x"}, "chip.no_sod"),
        ({"SOD": b"x", "DG17": b"x"}, "chip.malformed"),
        ({"SOD": b"x", "DG0": b"x"}, "chip.malformed"),
        ({"SOD": b"x", "EF.SOD": b"y"}, "chip.malformed"),
        ({"SOD": b"x", "DG1": b"x", "DG01": b"y"}, "chip.malformed"),
        ({"SOD": bytes(70_000)}, "chip.malformed"),
        ({"SOD": b"x", "DG2": bytes(3 << 20)}, "chip.malformed"),
        ({"SOD": b"x", "AA.CHALLENGE": bytes(8)}, "chip.malformed"),
        ({str(n): b"" for n in range(40)}, "chip.malformed"),
    ],
)
def test_what_is_no_chip_is_refused(files: dict[str, bytes], code: str) -> None:
    with pytest.raises(InputError) as told:
        read_chip(zipped(files))
    assert told.value.code == code


def test_bytes_that_are_no_zip_are_refused() -> None:
    for content in (b"", b"PK\3\4" + bytes(40), zipped({"SOD": b"x"})[:-8]):
        with pytest.raises(InputError, match="zip"):
            read_chip(content)


# --- portraits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
@pytest.mark.parametrize("wrap", [record_2005, blocks_2019])
def test_a_portrait_is_found_and_opened(utopia: State, kind: str, wrap: object) -> None:
    picture = encoded(kind)
    tag = 0x7F2E if wrap is blocks_2019 else 0x5F2E
    groups = {**GROUPS, 2: portrait_group(wrap(picture), tag)}  # type: ignore[operator]
    told = inspect_chip(chip(utopia, groups), utopia.trust, TODAY)
    assert told.portrait == picture
    opened = read_portrait(told.portrait)
    assert (opened.width, opened.height) == (72, 96)
    assert abs(int(opened.pixels[48, 36, 0]) - 120) < 8


def test_jpeg_2000_is_opened_from_chips_alone() -> None:
    with pytest.raises(InputError, match="JPEG 2000: send a JPEG"):
        read_image(encoded("JPEG2000"))
    with pytest.raises(InputError, match="JPEG or JPEG 2000"):
        read_portrait(encoded("PNG"))


def test_the_portrait_of_a_believed_chip_is_what_faces_are_compared_with(utopia: State) -> None:
    groups = {**GROUPS, 2: portrait_group(record_2005(encoded("JPEG")))}
    own = Image(np.full((32, 24, 3), 9, np.uint8))

    def portrait(trust: TrustList | None, *lines: str) -> Image | None:
        mrz = exact_mrz(lines, TODAY) if lines else None
        transaction = Transaction("t", chip=chip(utopia, groups), today=TODAY)
        analysis = Analysis(transaction, Engines.of(), trust=trust)
        analysis.front = Document("td3" if mrz else "prc_id_front", portrait=own, mrz=mrz)
        analysis.back = None
        return analysis.portrait.image if analysis.portrait else None

    believed = portrait(utopia.trust, LINE_1, line_2())
    assert believed is not None
    assert believed.height == 96
    # Nobody vouches for it; it is another passport's; it stands beside a card without a zone.
    assert portrait(None, LINE_1, line_2()) is own
    assert portrait(utopia.trust, LINE_1, line_2("L898902C4")) is own
    assert portrait(utopia.trust) is own


# --- trust lists ----------------------------------------------------------------------------------


def pem(der: bytes, kind: str = "CERTIFICATE") -> bytes:
    lines = base64.encodebytes(der).decode()
    return f"-----BEGIN {kind}-----\n{lines}-----END {kind}-----\n".encode()


def ldif(**values: bytes) -> bytes:
    text = "version: 1\n"
    for name, value in values.items():
        line = f"{name.replace('_', ';')}:: {base64.b64encode(value).decode()}"
        folded = "\n ".join(line[at : at + 76] for at in range(0, len(line), 76))
        text += f"dn: cn={name},o=dsc,c=UT,dc=data\nobjectClass: top\n{folded}\n\n"
    return text.encode()


def test_every_form_of_a_list_is_read(utopia: State, tmp_path: Path) -> None:
    other = certified(ec.generate_private_key(ec.SECP256R1()), ca=True, name="other")
    keeper = certified(ec.generate_private_key(ec.SECP256R1()), utopia.authority, name="ML")
    listed = master_list(keeper, utopia.authority, other)
    crl = revocations(utopia.authority, utopia.signer.certificate.serial_number).dump()
    for content, anchors in (
        (utopia.authority.der, 1),
        (pem(utopia.authority.der) + pem(other.der), 2),
        (listed, 2),
        (pem(listed, "CMS"), 2),
        (ldif(pkdMasterListContent=listed), 2),
        (ldif(CscaMasterListData=listed, userCertificate_binary=utopia.signer.der), 2),
    ):
        path = tmp_path / "list"
        path.write_bytes(content)
        trust = TrustList.load(path)
        assert len(trust.anchors) == anchors
        assert inspect_chip(chip(utopia), trust, TODAY).authentic
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "a.cer").write_bytes(utopia.authority.der)
    (folder / "b.ldif").write_bytes(ldif(certificateRevocationList_binary=crl))
    told = inspect_chip(chip(utopia), TrustList.load(folder), TODAY)
    assert told.reason == "chip_signer_revoked"


def test_lists_that_cannot_be_trusted_are_refused(utopia: State, tmp_path: Path) -> None:
    listed = master_list(utopia.signer, utopia.authority)
    other = certified(ec.generate_private_key(ec.SECP256R1()), ca=True)  # of the same name
    forged = revocations(other, 5).dump()
    for name, content, code in (
        ("none", None, "trust.missing"),
        ("signer", utopia.signer.der, "trust.empty"),
        ("text", b"no list at all", "trust.malformed"),
        ("cut", utopia.authority.der[:200], "trust.malformed"),
        ("nested", b"\x30\x80" * 5000, "trust.malformed"),
        ("altered", listed.replace(b"CSCA", b"CSCB"), "trust.malformed"),
        ("crl", pem(utopia.authority.der) + pem(forged, "X509 CRL"), "trust.malformed"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError) as told:
            TrustList.load(path)
        assert told.value.code == code, name


def test_a_signer_that_is_not_in_the_object_is_found_in_the_list(utopia: State) -> None:
    from asn1crypto import cms

    info = cms.ContentInfo.load(chip(utopia).sod[4:])
    info["content"]["certificates"] = []
    bare = ChipFiles(tlv(0x77, info.dump(force=True)), GROUPS)
    assert inspect_chip(bare, utopia.trust, TODAY).reason == "chip_signer_unknown"
    both = TrustList.of([utopia.authority.asn1, utopia.signer.asn1])
    assert inspect_chip(bare, both, TODAY).reason == ""


# --- command line ---------------------------------------------------------------------------------


def test_the_command_line_verifies_a_folder(utopia: State, tmp_path: Path) -> None:
    folder, anchor = tmp_path / "chip", tmp_path / "csca.der"
    folder.mkdir()
    for name, content in files_of(chip(utopia)).items():
        (folder / name).write_bytes(content)
    anchor.write_bytes(utopia.authority.certificate.public_bytes(serialization.Encoding.DER))
    run = CliRunner().invoke
    told = run(app, ["document", "chip", str(folder), "--trust", str(anchor), "--json"])
    assert told.exit_code == 0
    found = json.loads(told.output)
    assert found["authentic"]
    assert found["fields"]["surname"] == "ERIKSSON"
    bare = run(app, ["document", "chip", str(folder), "--json"])
    assert json.loads(bare.output)["reason"] == "no_trust_list"
    assert bare.exit_code != 0


# --- age ------------------------------------------------------------------------------------------


def zone(birth: str, expiry: str = "320415") -> Document:
    mrz = exact_mrz([LINE_1, line_2(birth=birth, expiry=expiry)], TODAY)
    assert mrz is not None
    return Document("td3", {"birth": Field(mrz.fields["birth"], 0.99, None)}, mrz=mrz)


@pytest.mark.parametrize(
    ("birth", "age", "reason"),
    [
        ("740812", 52.0, "under_age"),
        ("081121", 18.0, "under_age"),  # 1908 is beyond any living person
        ("081122", 17.0, "under_age"),
        ("250101", None, "birth_century_open"),  # a baby, or somebody of 101
        ("120101", None, "birth_century_open"),
        ("270101", 99.0, "under_age"),  # 2027 is yet to come
    ],
)
def test_a_century_is_told_and_never_guessed(birth: str, age: float | None, reason: str) -> None:
    measured = AgeCheck()([zone(birth)], None, TODAY)
    assert (measured.score, measured.reason) == (age, reason)


def test_what_a_chip_says_in_full_decides(utopia: State) -> None:
    groups = {1: zone_group(LINE_1, line_2(birth="120101"))}
    check = AgeCheck()
    for more, age in (
        ({}, None),
        ({11: tlv(0x6B, tlv(0x5C, b"\x5f\x2b"), tlv(0x5F2B, b"19120101"))}, 114.0),
        ({11: tlv(0x6B, tlv(0x5F2B, bytes.fromhex("20120101")))}, 14.0),
        ({11: tlv(0x6B, tlv(0x5F2B, b"19990101"))}, None),  # is not what the zone says
        ({12: tlv(0x6C, tlv(0x5F26, b"20110505"))}, 114.0),  # issued before the later one
    ):
        told = inspect_chip(chip(utopia, {**groups, **more}), utopia.trust, TODAY)
        assert told.authentic
        assert check([], told, TODAY).score == age


def test_print_with_its_whole_year_is_believed_when_it_was_read_well() -> None:
    check = AgeCheck()

    def card(**how: float) -> Document:
        return Document(
            "hk_id", {"birth": Field("2008-11-22", **{"score": 0.99, "box": None, **how})}
        )  # type: ignore[arg-type]

    assert check([card()], None, TODAY).score == 17
    assert check([card()], None, date(2026, 11, 22)).score == 18
    for document in (card(score=0.6), card(weakest=0.3), Document("none")):
        assert check([document], None, TODAY).reason == "birth_not_read"
    assert years_on(date(2008, 2, 29), date(2026, 2, 28)) == 17
    assert years_on(date(2008, 2, 29), date(2026, 3, 1)) == 18


def test_the_challenge_follows_from_the_transaction() -> None:
    assert chip_challenge("t_1") == chip_challenge("t_1") != chip_challenge("t_2")
    assert len(chip_challenge("t_1")) == 8
    assert replace(ChipFiles(b"x", {}), challenge=bytes(8), response=b"1").response == b"1"
