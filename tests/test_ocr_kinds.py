"""What every kind must keep, whichever it is: a new one is held to it without a line here."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from veridical.errors import InputError
from veridical.ocr import KINDS, Document, Field, back_of, holder_number, kind_names, kind_of
from veridical.ocr.kinds import Kind, Side
from veridical.rehearsal.specimens import DRAWERS, render_specimen, system_fonts
from veridical.rehearsal.specimens.cards import MARK

OCR = Path(__file__).parent.parent / "ocr"
SIDES = [pytest.param(kind, side, id=side.name) for kind in KINDS for side in kind.sides]


def test_names_are_unique_and_none_is_none() -> None:
    names = [side.name for kind in KINDS for side in kind.sides]
    assert len(set(names)) == len(names)
    assert "none" not in names
    assert set(kind_names()) == set(names)


@pytest.mark.parametrize(("kind", "side"), SIDES)
def test_every_side_is_labelled_and_wants_something(kind: Kind, side: Side) -> None:
    assert kind_of(side.name) is kind
    assert side.en
    assert re.search("[一-鿿]", side.zh)
    assert kind.wanted(Document(side.name))
    for spec in side.fields:
        assert spec.en
        assert re.search("[一-鿿]", spec.zh)


@pytest.mark.parametrize("name", kind_names())
def test_an_empty_reading_is_nobodys(name: str) -> None:
    assert holder_number(Document(name)) == ""
    assert kind_of(name).specimen(Document(name)) == ""


def test_a_number_that_is_none_says_of_nobody_who_he_is() -> None:
    for name in kind_names():
        for field in ("number", "document_number"):
            assert holder_number(Document(name, {field: Field("1", 1.0, None)})) == ""


def test_a_front_knows_its_back() -> None:
    back = back_of("prc_id_front")
    assert back is not None
    assert back.name == "prc_id_back"
    assert back_of("prc_id_back") is None
    assert back_of("td3") is None


@pytest.mark.parametrize("module", ["reader", "checks", "validate", "authentic"])
def test_nothing_around_the_kinds_names_one(module: str) -> None:
    tree = ast.parse((OCR / f"{module}.py").read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docs:
            assert node.value not in kind_names(), f"{module}.py names {node.value}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "isinstance", f"{module}.py asks for a type"


@pytest.mark.parametrize("kind", sorted(DRAWERS))
def test_every_drawing_is_marked_and_repeats_itself(kind: str) -> None:
    try:
        fonts = system_fonts()[0]
    except InputError:
        pytest.skip("no Chinese font: install fonts-noto-cjk")
    assert kind in kind_names()
    image, truth = render_specimen(kind, None, 3, "clean", fonts=fonts)
    again, _ = render_specimen(kind, None, 3, "clean", fonts=fonts)
    assert np.array_equal(image.pixels, again.pixels)
    distance = np.abs(image.pixels.astype(int) - MARK).sum(axis=2)
    assert (distance < 120).sum() > 300, "no mark of a specimen"
    wanted = kind_of(kind).wanted(Document(kind))
    assert set(wanted) <= set(truth.fields)
