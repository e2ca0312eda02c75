"""Pictures that once were read wrong without a doubt: each is right now, or doubted, or refused."""

import json
import unicodedata
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from veridical.media import read_image
from veridical.models import ModelStore
from veridical.ocr import DocumentReadCheck, DocumentReader, DocumentSpecimenCheck

pytestmark = [pytest.mark.models, pytest.mark.shared]
TODAY = date(2026, 11, 21)
RIGHT: Mapping[str, Mapping[str, str]] = {
    "addr4rows_0": {
        "address": "新疆维吾尔自治区伊犁哈萨克自治州察布查尔锡伯自治县琼博拉镇阿克亚尔村"
    },
    "dot_lost_1": {"name": "阿卜杜合曼·阿卜杜外力"},
    "name_two_rows_1": {"name": "阿卜杜合曼·阿卜杜外力"},
    "nation_chuanqing": {"nation": "穿青人"},
    "rare_char": {"name": "李𠮷"},
    "trad_mire": {"name": "米热古丽·依明"},
    "region_430419": {"number": "430419197503046312"},
    "residence_hk": {"number": "810000198803040231", "name": "陈大文"},
}
KINDS = {
    "foreign_permanent_9": ("prc_foreign_permanent", "kind_not_supported"),
    "mrz_birth_unknown_day": ("td3", "birth_incomplete"),
    "mrz_french_old": ("fra_id", "expiry_not_read"),
}


@pytest.fixture(scope="module")
def reader(store: ModelStore) -> DocumentReader:
    return DocumentReader.load(store, store.profile("registry"))


@pytest.fixture(scope="module")
def inputs(shared: Path) -> Path:
    folder = shared / "faults" / "inputs"
    if not (folder / "expected.json").is_file():
        pytest.skip("no inputs of faults in shared/")
    return folder


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_what_is_wrong_is_doubted(reader: DocumentReader, inputs: Path, name: str) -> None:
    told = json.loads((inputs / "expected.json").read_text(encoding="utf-8"))
    assert f"{name}.jpg" in told
    document = reader(read_image(inputs / f"{name}.jpg"), today=TODAY)
    measured = DocumentReadCheck()(document, None, TODAY)
    wrong = {
        field: document.value(field)
        for field, value in RIGHT[name].items()
        if plain(document.value(field) or "") != plain(value)
    }
    assert not wrong or measured.score == 0.5, wrong
    assert measured.score != 0


@pytest.mark.parametrize("name", ["region_430419", "residence_hk", "nation_chuanqing"])
def test_lawful_holders_have_no_finding(reader: DocumentReader, inputs: Path, name: str) -> None:
    document = reader(read_image(inputs / f"{name}.jpg"), today=TODAY)
    assert document.warnings == ()


@pytest.mark.parametrize("name", sorted(KINDS))
def test_other_documents_are_told_as_what_they_are(
    reader: DocumentReader, inputs: Path, name: str
) -> None:
    document = reader(read_image(inputs / f"{name}.jpg"), today=TODAY)
    kind, finding = KINDS[name]
    assert document.kind == kind
    assert finding in document.warnings
    assert DocumentReadCheck()(document, None, TODAY).score == 0.5
    assert DocumentSpecimenCheck()(document).reason != "region_never_issued"
