"""Barcodes of driving licences: every version is read, and nothing that is written otherwise."""

import contextlib
import sys
from datetime import date

import cv2
import numpy as np
import pdf417gen
import pytest
from numpy.typing import NDArray
from pdf417gen.compaction import compact
from pdf417gen.encoding import compute_error_correction_code_words, encode_rows
from pdf417gen.util import chunks

from veridical.errors import InputError
from veridical.media import Symbol
from veridical.ocr import Document, DocumentReadCheck, Field, Quad, holder_number
from veridical.ocr.aamva import MalformedBarcodeError, looks_like_licence, parse_aamva
from veridical.ocr.kinds import Tools
from veridical.ocr.kinds.aamva import LicenceBack, find_symbols
from veridical.ocr.page import Page
from veridical.ocr.text import Reading
from veridical.rehearsal.specimens import render_specimen
from veridical.rehearsal.specimens.kinds.aamva import barcode_text, write_symbol
from veridical.types import Image

TODAY = date(2026, 11, 21)
NOTHING = Reading("", 0.0, (), ())
HOLDER = {
    "number": "D1234567",
    "surname": "SAMPLE",
    "given_names": "JO ANN",
    "sex": "F",
    "birth": "1990-02-28",
    "issued": "2022-03-04",
    "expiry": "2030-03-04",
    "address": "1 EXAMPLE ST, ANYTOWN, CA, 94203",
    "issuer": "CA",
}


@pytest.mark.parametrize("version", range(1, 11))
@pytest.mark.parametrize("state", ["CA", "ON"])
def test_every_version_is_read(version: int, state: str) -> None:
    holder = {**HOLDER, "issuer": state, "address": f"1 EXAMPLE ST, ANYTOWN, {state}, 94203"}
    licence = parse_aamva(barcode_text(holder, version))
    assert (licence.version, licence.kind) == (version, "DL")
    assert {**licence.fields, "issuer": licence.issuer} == holder


def found_in(pixels: NDArray[np.uint8]) -> tuple[bytes, Quad] | None:
    return next(find_symbols(pixels), None)


@pytest.mark.parametrize("turns", range(4))
def test_the_other_hand_s_symbol_says_the_same(turns: int) -> None:
    text = barcode_text(HOLDER, 10)
    drawn = np.pad(write_symbol(text).pixels, ((90, 90), (60, 60), (0, 0)), constant_values=240)
    symbol = found_in(np.ascontiguousarray(np.rot90(drawn, turns)))
    assert symbol is not None
    assert symbol[0] == text
    right, down = symbol[1][1] - symbol[1][0], symbol[1][3] - symbol[1][0]
    assert np.hypot(*right) > 2 * np.hypot(*down)  # the corners are the upright symbol's
    assert np.argmax([right[0], -right[1], -right[0], right[1]]) == turns


TEXT = barcode_text(HOLDER, 9)


@pytest.mark.parametrize(
    "data",
    [
        *(TEXT[:at] for at in range(0, len(TEXT), 7)),
        TEXT + b"\n",
        TEXT.replace(b"ANSI ", b"ANSI"),
        TEXT.replace(b"636014090002", b"636014090001"),
        TEXT.replace(b"636014090002", b"636014090003"),
        TEXT.replace(b"636014090002", b"636014090000"),
        TEXT.replace(b"636014090002", b"636014110002"),
        TEXT.replace(b"636014090002", b"636014000002"),
        TEXT.replace(b"DL0041", b"DL0042"),
        TEXT.replace(b"DAQD1234567", b"DAQD12345678"),
        TEXT.replace(b"DAQD1234567", b"DAQD123\x00567"),
        TEXT.replace(b"DAQD1234567", b"DAQD123\x1b567"),
        TEXT.replace(b"DAQD1234567", b"DAQD123\n567"),
        TEXT.replace(b"DAQD1234567", b"DAQ        "),
        TEXT.replace(b"DDEN\n", b"DAQX\n"),
        TEXT.replace(b"DBB02281990", b"DBB02301990"),
        TEXT.replace(b"DBB02281990", b"DBB19900228"),
        TEXT.replace(b"DBB02281990", b"DBB02282025"),
        b"@\n\x1e\rANSI " + b"9" * 5000,
    ],
)
def test_what_is_not_written_as_the_standard_asks_is_refused_whole(data: bytes) -> None:
    assert data != TEXT
    with pytest.raises(MalformedBarcodeError):
        parse_aamva(data)


def test_every_change_of_one_byte_of_the_structure_is_refused() -> None:
    body = TEXT.index(b"DLDAQ")
    for place in range(body):
        for byte in (0x00, 0x0A, 0x30, 0x39, 0x41, 0xFF):
            changed = TEXT[:place] + bytes([byte]) + TEXT[place + 1 :]
            if changed == TEXT:
                continue
            try:
                licence = parse_aamva(changed)
            except MalformedBarcodeError:
                continue
            # Issuer and versions are free to be others: what the holder's fields say is not.
            assert 9 <= place < 19, place
            assert licence.fields["number"] == HOLDER["number"]


def test_other_barcodes_are_none_of_ours() -> None:
    assert not looks_like_licence(b"https://example.test/1")
    assert looks_like_licence(TEXT)


def back(**fields: str) -> Document:
    return Document("aamva_back", {n: Field(v, 1.0, None) for n, v in fields.items()})


def test_a_licence_is_judged_by_what_its_barcode_says() -> None:
    check = DocumentReadCheck()
    assert check(back(**HOLDER), None, TODAY).score == 1.0
    assert check(back(**HOLDER), None, date(2031, 1, 1)).reason == "expired"
    assert check(back(), None, TODAY).reason == "barcode_malformed"
    unknown = {name: value for name, value in HOLDER.items() if name != "issuer"}
    assert check(back(**unknown), None, TODAY).reason == "barcode_issuer_unknown"
    assert holder_number(back(**HOLDER)) == "CA:D1234567"
    assert holder_number(back(**unknown)) == ""


@pytest.mark.parametrize("profile", ["clean", "perspective", "rotation"])
def test_a_photographed_licence_is_read_exactly(profile: str) -> None:
    image, truth = render_specimen("aamva_back", None, 1003, profile)
    symbol = found_in(image.pixels)
    assert symbol is not None
    licence = parse_aamva(symbol[0])
    assert {**licence.fields, "issuer": licence.issuer} == dict(truth.fields)


def padded(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(pixels, ((90, 90), (60, 60), (0, 0)), constant_values=240)


def test_symbols_are_decoded_beside_this_process() -> None:
    assert found_in(padded(write_symbol(TEXT).pixels)) is not None
    assert "zxingcpp" not in sys.modules


def test_a_symbol_over_which_the_decoder_dies_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(grey: NDArray[np.uint8]) -> tuple[Symbol, ...]:
        raise InputError("the decoder died", "media.undecodable")

    monkeypatch.setattr("veridical.ocr.kinds.aamva.read_symbols", dies)
    page = Page(Image(padded(write_symbol(TEXT).pixels)), [], 0.0, lambda image, quad: NOTHING)
    assert LicenceBack().find(page, ["aamva_back"], Tools(None, TODAY)) is None


def test_a_licence_is_found_beside_another_barcode() -> None:
    other = write_symbol(
        b"a parcel, nothing more than a parcel with a long number 0123456789"
    ).pixels
    licence = write_symbol(TEXT).pixels
    width = max(other.shape[1], licence.shape[1])
    both = np.full((other.shape[0] + licence.shape[0] + 260, width, 3), 240, np.uint8)
    both[: other.shape[0], : other.shape[1]] = other
    both[-licence.shape[0] :, : licence.shape[1]] = licence
    page = Page(Image(padded(both)), [], 0.0, lambda image, quad: NOTHING)
    found = LicenceBack().find(page, ["aamva_back"], Tools(None, TODAY))
    assert found is not None
    assert found.fields["number"].value == HOLDER["number"]


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_symbol_says_what_was_written_or_nothing(seed: int) -> None:
    chance = np.random.default_rng(seed)
    pixels = padded(write_symbol(TEXT, columns=10 + seed % 6).pixels).copy()
    height, width = pixels.shape[:2]
    for _ in range(1 + seed % 4):
        x, y = int(chance.integers(width)), int(chance.integers(height))
        end = (int(chance.integers(width)), int(chance.integers(height)))
        cv2.line(pixels, (x, y), end, (int(chance.choice([0, 255])),) * 3, 3)
        pixels[y : y + 40, x : x + 60] = 255
    assert {data for data, _ in find_symbols(pixels)} <= {TEXT}


@pytest.mark.parametrize("seed", range(4))
def test_a_symbol_of_any_codewords_is_refused_or_read_whole(seed: int) -> None:
    chance = np.random.default_rng(seed)
    words = list(compact(TEXT)) if seed % 2 else [901, *map(int, chance.integers(0, 900, 200))]
    for _ in range(4):  # latches, macro blocks, shifts of character set
        words[chance.integers(len(words))] = int(chance.integers(900, 929))
    words += [900] * (-(len(words) + 65) % 13)
    words = [len(words) + 1, *words]
    words += compute_error_correction_code_words(words, 5)
    rows = list(encode_rows(list(chunks(words, 13)), 13, 5))
    drawn = pdf417gen.render_image(rows, scale=4, ratio=3, padding=8).convert("RGB")
    for data, _ in find_symbols(padded(np.asarray(drawn, np.uint8))):
        with contextlib.suppress(MalformedBarcodeError):
            assert parse_aamva(data).fields["birth"] == HOLDER["birth"]


def test_a_blurred_symbol_is_read() -> None:
    drawn = padded(write_symbol(TEXT, columns=13).pixels)
    small = cv2.resize(drawn, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), 2.0).astype(np.uint8)
    assert {data for data, _ in find_symbols(blurred)} == {TEXT}


def test_pictures_without_a_barcode_hold_none() -> None:
    chance = np.random.default_rng(1)
    noise = chance.integers(0, 256, (300, 400, 3)).astype(np.uint8)
    for pixels in (noise, np.zeros((8, 8, 3), np.uint8), np.full((300, 400, 3), 255, np.uint8)):
        assert found_in(pixels) is None
