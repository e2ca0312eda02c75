"""A manifest that is not what it should be is one error before any model loads; a row its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.chip_maker import zipped
from veridical import InputError
from veridical.batch.check import check_manifest
from veridical.types import Challenge, Colours, Turns
from veridical.verification.manifest import (
    Row,
    check_columns,
    check_row,
    load_transaction,
    read_manifest,
)
from veridical.verification.manifest_text import PLAIN, Format
from veridical.verification.sources import Folder

INPUTS = Path(__file__).parent.parent.parent / "shared" / "faults" / "inputs"
HEADER = "id,document_front,selfie,policy"


def rows_of(path: Path, content: str | bytes, written: Format = PLAIN) -> list[Row]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_manifest(path, written))


def refused(path: Path, content: str | bytes) -> InputError:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        check_all(path)
    return caught.value


def check_all(path: Path) -> None:
    for row in read_manifest(path):
        check_columns(row)


def of_row(values: dict[str, Any]) -> InputError:
    with pytest.raises(InputError) as caught:
        check_row(Row(3, "x", {"selfie": "s.png", **values}))
    assert str(caught.value).startswith("row 3: ")
    return caught.value


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("gb18030", "gb18030"), ("big5", "big5")],
)
def test_text_is_read_in_its_encoding(tmp_path: Path, encoding: str, told: str) -> None:
    content = f"{HEADER}\r\n007,照片/卡.jpg,自拍.jpg,demo\r\n".encode(encoding)
    (row,) = rows_of(tmp_path / "m.csv", content, Format(told))
    assert (row.id, row.values["document_front"]) == ("007", "照片/卡.jpg")


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        ("id,selfie\n1,照片.jpg\n".encode("gb18030"), "manifest.encoding", "--encoding gb18030"),
        ("id,selfie\n1,a\n".encode("utf-16-le"), "manifest.encoding", "--encoding utf-16-le"),
        ("id,selfie\n1,a\n".encode("utf-16-be"), "manifest.encoding", "--encoding utf-16-be"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x80" * 99, "manifest.not_text", "JSON Lines"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "manifest.not_text", "JSON Lines"),
        (b"PK\x03\x04\x14\0\x06\0", "manifest.not_text", "CSV UTF-8"),
    ],
)
def test_what_is_no_such_text_is_one_error(
    tmp_path: Path, name: str, content: bytes, code: str, told: str
) -> None:
    error = refused(tmp_path / name, content)
    assert error.code == code
    assert told in str(error)


@pytest.mark.parametrize("content", ['[\n {"id": "x"}\n]\n', '[{"id": "x"}]', '{\n "id": "x"\n}\n'])
def test_json_that_is_not_one_object_a_line_is_one_error(tmp_path: Path, content: str) -> None:
    assert refused(tmp_path / "m.jsonl", content).code == "manifest.not_json_lines"


@pytest.mark.parametrize(
    ("header", "code", "told"),
    [
        ("id;document_front;selfie", "manifest.delimiter", "--delimiter ';'"),
        ("id\tselfie", "manifest.delimiter", "\\t"),
        ("id,document,selfie", "manifest.unknown_column", "'document_front'"),
        ("id,Selfie", "manifest.unknown_column", "'selfie'"),
        ("id, selfie", "manifest.unknown_column", "'selfie'"),
        ("id,documentfront", "manifest.unknown_column", "'document_front'"),
        ("id,branch,selfie", "manifest.unknown_column", "metadata"),
        ("id,selfie,selfie", "manifest.columns", "twice"),
        ("", "manifest.columns", "empty"),
    ],
)
def test_a_header_is_known_or_refused(tmp_path: Path, header: str, code: str, told: str) -> None:
    error = refused(tmp_path / "m.csv", header)
    assert error.code == code
    assert told in str(error)


def test_a_mistyped_key_of_json_is_refused_as_well(tmp_path: Path) -> None:
    error = refused(tmp_path / "m.jsonl", '{"id": "a", "selfie": "s"}\n{"id": "b", "selfy": "s"}\n')
    assert error.code == "manifest.unknown_column"
    assert str(error).startswith("row 2: unknown column 'selfy'; did you mean 'selfie'?")


def test_columns_are_parted_as_told(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path / "m.csv", 'id;selfie;;\n1;"a;b";;\n', Format(delimiter=";"))
    assert row.values == {"id": "1", "selfie": "a;b"}


@pytest.mark.parametrize(
    ("lines", "right"),
    [
        (['"q\n1",c,s,demo', 'q2,"c,s,demo', "q3,c,s,demo"], ["q\n1", None, "q3"]),
        (['q1,"c,s,demo', 'q2,"c",s,demo', "q3,c,s,demo"], [None, "q2", "q3"]),
        (['q1,"c,s,demo', 'q2,c,s",demo', "q3,c,s,demo"], [None, None, "q3"]),
        (['"q1,c,s,demo', 'q2",c,s,demo', "q3,c,s,demo"], [None, None, "q3"]),
        (["q1,c,s,demo", 'q2,c,s,"demo'], ["q1", None]),
        (['q1,"c"x,s,demo', "q2,c,s,demo"], [None, "q2"]),
        (["q1,c,s", "q2,c,s,demo", "q3,c,s,demo,more"], [None, "q2", None]),
        (['q1,"",s,demo', "", "q2,c,s,demo"], ["q1", "q2"]),
    ],
)
def test_a_stray_quote_costs_its_own_row_alone(
    tmp_path: Path, lines: list[str], right: list[str | None]
) -> None:
    rows = rows_of(tmp_path / "m.csv", "\n".join([HEADER, *lines]) + "\n")
    assert [None if row.problem else row.id for row in rows] == right
    assert [row.number for row in rows] == list(range(1, len(right) + 1))


@pytest.mark.parametrize(
    ("given", "kept"),
    [("007", "007"), (" 7 ", " 7 "), (7, "7"), (0, "0"), (None, "1"), ("", "1"), ("1e3", "1e3")],
)
def test_ids_are_kept_as_written(tmp_path: Path, given: object, kept: str) -> None:
    (row,) = rows_of(tmp_path / "m.jsonl", json.dumps({"id": given, "selfie": "s"}))
    assert row.id == kept
    if isinstance(given, str):
        (row,) = rows_of(tmp_path / "m.csv", f"id,selfie\n{given},s\n")
        assert row.id == kept


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"id": 1.5}, "id"),
        ({"id": True}, "id"),
        ({"selfie": 3}, "selfie"),
        ({"digits": 4711}, "digits"),
        ({"digits": "47a1"}, "digits"),
        ({"challenge": {"digits": "12"}}, "challenge"),
        ({"challenge": {"digit": "4711"}}, "challenge.digit"),
        ({"challenge": {"phrase": "two words"}}, "challenge"),
        ({"challenge": {"turns": {"directions": ["back"]}}}, "challenge.turns.directions.0"),
        (
            {"challenge": {"colours": {"shown": ["red"], "starts_ms": [0], "end_ms": 1}}},
            "challenge",
        ),
        ({"chip": 3}, "chip"),
        ({"schedule_ms": [0, -1]}, "schedule_ms.1"),
        ({"language": "fr"}, "language"),
        ({"attempt": 0}, "attempt"),
        ({"facts": {"Amount": 5}}, "facts"),
        ({"facts": {"amount": "much"}}, "facts.amount"),
        ({"expect": {"outcome": "acept"}}, "expect.outcome"),
        ({"expect": {"outcome": "accept", "cause": "x"}}, "expect.cause"),
        ({"expect": "accept"}, "expect"),
        ({"expect": {"outcome": "reject", "first_cause": "face.match:not_matd"}},
         "expect.first_cause"),
    ],
)  # fmt: skip
def test_a_row_s_fault_names_row_and_field_and_quotes_nothing(
    values: dict[str, Any], field: str
) -> None:
    error = of_row(values)
    assert getattr(error, "field", None) == field
    assert field in str(error)
    assert "acept" not in str(error)
    assert "47a1" not in str(error)


def test_a_whole_manifest_is_checked_without_models(tmp_path: Path) -> None:
    (tmp_path / "s.png").write_bytes(b"")
    rows = [
        {"id": "a", "selfie": "s.png"},
        {"id": "b", "selfie": "gone.png"},
        {"id": "c", "selfie": "s.png", "policy": "absent.toml"},
        {"id": "d", "selfie": "s.png", "digits": "1"},
        {"id": "a", "selfie": "s.png", "policy": "demo"},
    ]
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = check_manifest(path, Format(), Folder(tmp_path), "selfie")
    assert (found.rows, found.faulty, found.repeated_ids) == (5, 3, 1)
    assert [(f.row, f.field, f.code) for f in found.faults] == [
        (2, "selfie", "media.missing"),
        (3, "policy", "policy.unknown"),
        (4, "digits", "challenge.malformed"),
    ]
    assert found.policies == {"selfie": 3, "demo": 1, "absent.toml": 1}


@pytest.mark.parametrize(
    "asked",
    [
        Challenge("4711", "zh", (0.0, 900.0, 1750.0, 2600.0)),
        Challenge("", phrase="green boats drift by"),
        Challenge("", turns=Turns(("left", "up"), (0.0, 1500.0), 3000.0)),
        Challenge("4711", colours=Colours(("#ff0000", "#00ff00"), (0.0, 700.0), 1400.0)),
    ],
)
def test_a_row_asks_for_all_that_a_challenge_can(tmp_path: Path, asked: Challenge) -> None:
    said = {"chip": "c.zip", "challenge": asked.as_json()}
    (row,) = rows_of(tmp_path / "m.jsonl", json.dumps(said))
    (tmp_path / "c.zip").write_bytes(zipped({"EF.SOD": b"s", "DG1": b"1"}))
    read = load_transaction(row, Folder(tmp_path))
    assert read.challenge == asked
    assert read.chip is not None
    assert read.chip.groups == {1: b"1"}


@pytest.mark.shared
@pytest.mark.skipif(not INPUTS.is_dir(), reason="the shared inputs lie beside the project")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("m_array.jsonl", "manifest.not_json_lines"),
        ("m_gbk.csv", "manifest.encoding"),
        ("m_semi.csv", "manifest.delimiter"),
        ("m_typo.csv", "manifest.unknown_column"),
        ("card_48mp.jpg", "manifest.not_text"),
    ],
)
def test_manifests_that_broke_a_run_are_one_error(name: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        check_all(INPUTS / name)
    assert caught.value.code == code
