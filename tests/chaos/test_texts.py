"""Texts from outside that cost a parser more than their length: refused by their outline."""

import json
import resource
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veridical.consent_recording import parse_script
from veridical.errors import InputError
from veridical.policy import parse_policy
from veridical.reading import LARGEST_NUMBER, TextLimits, read_json, read_toml

N = 20_000
TOML_BOMBS = {
    "dotted key": "a" + ".a" * N + " = 1",
    "quoted dotted key": "'a'" + ' . "a"' * N + " = 1",
    "dotted header": "[a" + ".a" * N + "]",
    "dotted key in a table": "x = {a" + ".a" * N + " = 1}",
    "lists in lists": "a = " + "[" * N,
    "tables in tables": "a = " + "{a = " * N,
    "lists in lists behind a string": 'b = """[" \n"""\n' + "a = " + "[" * N,
    "whole number": "version = " + "9" * 23,
    "long whole number": "version = " + "9" * N,
    "hexadecimal number": "version = 0x" + "f" * N,
    "infinity": "version = inf",
    "no number": "version = nan",
    "long key": "a" * N + " = 1",
    "long quoted key": '"' + "a" * N + '" = 1',
    "many values": "a = [" + "1," * N + "]",
    "only quotes": '"' * N,
}
JSON_BOMBS = {
    "lists in lists": "[" * N,
    "objects in objects": '{"a":' * N,
    "many objects": "[" + "{}," * N + "{}]",
    "many keys": "{" + ",".join(f'"{i}":1' for i in range(N)) + "}",
    "whole number": "9" * 23,
    "long whole number": "9" * N,
    "infinite fraction": "1e999",
    "no number": "NaN",
    "key twice": '{"a": 1, "a": 2}',
    "key twice, escaped": r'{"a": 1, "\u0061": 2}',
    "long key": '{"' + "a" * N + '": 1}',
    "half a character": r'"\ud800"',
    "end of a C string": r'{"a": "b\u0000"}',
    "brackets behind a quote": r'["\"", ' + "[" * N,
}


@pytest.mark.parametrize("name", TOML_BOMBS)
def test_toml_that_costs_more_than_its_length_is_refused(name: str) -> None:
    text, before = TOML_BOMBS[name], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (
        read_toml,
        lambda text: parse_policy(text.encode(), "p", Path()),
        lambda text: parse_script(text.encode(), "s"),
    ):
        with pytest.raises(InputError) as caught:
            read(text)
        assert "aaaa" not in str(caught.value)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 50 * 1024


@pytest.mark.parametrize("name", JSON_BOMBS)
def test_json_that_costs_more_than_its_length_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read_json(JSON_BOMBS[name])
    assert caught.value.code == "text.malformed"


def test_limits_hold_to_the_unit() -> None:
    limits = TextLimits(size_bytes=60, depth=3, key_characters=4, key_parts=3, values=9)
    assert read_toml("a.b.c = [[1]]", limits) == {"a": {"b": {"c": [[1]]}}}
    assert read_json('{"abcd": [[1]]}', limits) == {"abcd": [[1]]}
    assert read_json(str(LARGEST_NUMBER)) == LARGEST_NUMBER
    for text in ("a.b.c.d = 1", "a = [[[[1]]]]", "abcde = 1", "a = 1 #" + "x" * 60):
        with pytest.raises(InputError):
            read_toml(text, limits)
    for text in ('{"abcde": 1}', "[[[[1]]]]", str(LARGEST_NUMBER + 1), '"' + "x" * 60 + '"'):
        with pytest.raises(InputError):
            read_json(text, limits)


def test_what_stands_in_strings_and_comments_is_no_outline() -> None:
    deep = "[" * 50 + "a.b.c.d.e.f.g.h.i.j.k"
    text = f'a = "{deep}" # {deep}\nb = """\n{deep}\\" "" {deep}"""""\nc = \'\'\'{deep}\'\'\'\n'
    assert read_toml(text)["a"] == deep
    assert read_json(json.dumps({"a": deep + '"' + deep})) == {"a": deep + '"' + deep}


@given(st.text(string.printable + "é𠮷\x00", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_toml, read_json):
        try:
            read(text)
        except InputError:
            continue


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-LARGEST_NUMBER, LARGEST_NUMBER) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=200), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_json_within_the_limits_reads_as_it_was_written(value: object) -> None:
    text = json.dumps(value)
    if "\\u0000" not in text:
        assert read_json(text, TextLimits(depth=50)) == value
