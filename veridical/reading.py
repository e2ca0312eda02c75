"""What does a text from outside say, in TOML or JSON, and how much may reading it cost?

Both parsers of the standard library were made for files of one's own: a dotted key of thousands of
parts, or brackets within brackets, cost them gigabytes or the stack. What comes from outside is
therefore measured before a parser sees it, by its outline alone, in one pass.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from veridical.errors import InputError

__all__ = ["LARGEST_NUMBER", "TextLimits", "read_json", "read_toml"]

LARGEST_NUMBER = 2**53 - 1
"""Whole numbers beyond it are not the same number to every reader (RFC 8259, section 6)."""
_MOST_DIGITS = 64
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class TextLimits:
    """Caps on a text, each checked before the work that it bounds.

    Attributes:
        size_bytes: Of the whole text, in UTF-8.
        depth: Tables and lists within each other.
        key_characters: Of one part of a key.
        key_parts: Parts of a dotted key.
        values: Values, keys and parts of keys together, about.
    """

    size_bytes: int = 128 * 1024
    depth: int = 16
    key_characters: int = 200
    key_parts: int = 8
    values: int = 20_000


class _Unread(Exception):
    """What is wrong with a text, in words that quote none of it."""


def read_toml(
    text: bytes | str,
    limits: TextLimits = TextLimits(),
    *,
    where: str = "the text",
    code: str = "text.malformed",
) -> dict[str, Any]:
    """Read TOML from outside.

    Args:
        text: UTF-8.
        limits: Caps; checked before the text is parsed.
        where: What to call it in messages.
        code: Code of the error.

    Raises:
        InputError: With `code`: no UTF-8, no TOML, beyond the limits, or a number out of range.

    Source: TOML 1.0.0.
    """
    try:
        plain = _decoded(text, limits)
        _outline_toml(plain, limits)
        try:
            raw = tomllib.loads(plain)
        except (ValueError, RecursionError) as error:
            # What stands before the place may be a name or a number of somebody.
            place = re.search(r"\(at [a-z0-9 ,]+\)$", str(error))
            raise _Unread(f"not a TOML file {place.group() if place else ''}".strip()) from None
        _check_values(raw, limits)
    except _Unread as problem:
        raise InputError(f"{where}: {problem}", code) from None
    return raw


def read_json(
    text: bytes | str,
    limits: TextLimits = TextLimits(),
    *,
    where: str = "the text",
    code: str = "text.malformed",
) -> object:
    """Read JSON from outside; a key that stands twice in one object is refused.

    Args:
        text: UTF-8.
        limits: Caps; checked before the text is parsed.
        where: What to call it in messages.
        code: Code of the error.

    Raises:
        InputError: With `code`: no UTF-8, no JSON, beyond the limits, a number out of range, or
            a key that stands twice.

    Source: RFC 8259; RFC 7493 for keys that stand once.
    """
    try:
        plain = _decoded(text, limits)
        _outline_json(plain, limits)
        try:
            found: object = json.loads(
                plain,
                object_pairs_hook=lambda pairs: _object(pairs, limits),
                parse_int=_whole,
                parse_float=_fraction,
                parse_constant=_constant,
            )
        except json.JSONDecodeError as error:
            raise _Unread(f"not JSON (at line {error.lineno}, column {error.colno})") from None
        except (ValueError, RecursionError):
            raise _Unread("not JSON") from None
        if _RARE.search(plain):
            _check_characters(found)
        return found
    except _Unread as problem:
        raise InputError(f"{where}: {problem}", code) from None


def _decoded(text: bytes | str, limits: TextLimits) -> str:
    try:
        size = len(text) if isinstance(text, bytes) else len(text.encode())
        if size > limits.size_bytes:
            raise _Unread(f"at most {limits.size_bytes} bytes are read, these are {size}")
        return text.decode() if isinstance(text, bytes) else text
    except UnicodeError:
        raise _Unread("not UTF-8") from None


# --- TOML ----------------------------------------------------------------------------------------

# In the order in which a parser would try them; what stands in a string or a comment is no outline.
_TOML_TOKEN = re.compile(
    r"""
      (?P<string> \"{3} (?: [^"\\]++ | \\. | "(?!"") )*+ "{3,5}
                | '{3} (?: [^']++ | '(?!'') )*+ '{3,5}
                | " (?: [^"\\\n]++ | \\. )*+ "
                | ' [^'\n]*+ ' )
    | (?P<comment> \#[^\n]*+ )
    | (?P<space> [ \t\r]++ )
    | (?P<line> \n )
    | (?P<open> [\[{] )
    | (?P<close> [\]}] )
    | (?P<dot> \. )
    | (?P<word> [A-Za-z0-9_+:-]++ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def _outline_toml(text: str, limits: TextLimits) -> None:
    depth, parts, values, joined = 0, 0, 0, False
    for token in _TOML_TOKEN.finditer(text):
        kind = token.lastgroup
        if kind in ("space", "comment"):
            continue
        if kind == "open":
            depth += 1
            if depth > limits.depth:
                raise _too_deep(limits)
        elif kind == "close":
            depth = max(0, depth - 1)
        elif kind in ("word", "string"):
            values += 1
            parts = parts + 1 if joined else 1
            if parts > limits.key_parts:
                raise _Unread(f"a dotted key has at most {limits.key_parts} parts")
            if kind == "word" and token.end() - token.start() > limits.key_characters:
                raise _Unread(f"a key or number has at most {limits.key_characters} characters")
            if values > limits.values:
                raise _too_many(limits)
        joined = kind == "dot"


# --- JSON ----------------------------------------------------------------------------------------

_JSON_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_JSON_BRACKETS = re.compile(r"[\[\]{}]")
_RARE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
"""Escapes that may make what is no text: half a character, or the one that ends strings of C."""
_LONG_NUMBER = re.compile(rf"[0-9.eE+-]{{{_MOST_DIGITS + 1}}}")


def _outline_json(text: str, limits: TextLimits) -> None:
    outline = _JSON_STRING.sub('"', text)
    if outline.count(",") + outline.count("[") + outline.count("{") >= limits.values:
        raise _too_many(limits)
    if _LONG_NUMBER.search(outline):
        raise _Unread(f"a number has at most {_MOST_DIGITS} characters")
    depth = 0
    for bracket in _JSON_BRACKETS.finditer(outline):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > limits.depth:
            raise _too_deep(limits)


def _object(pairs: list[tuple[str, Any]], limits: TextLimits) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unread("a key stands twice in one object")
    _check_keys(found, limits)
    return found


def _whole(text: str) -> int:
    return _in_range(int(text))


def _fraction(text: str) -> float:
    return _in_range(float(text))


def _constant(_: str) -> NoReturn:
    raise _Unread("a number is finite")


def _check_characters(found: object) -> None:
    try:
        plain = json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _Unread("a text holds half a character") from None
    if b"\\u0000" in plain:
        raise _Unread("a text holds the character U+0000")


# --- both ----------------------------------------------------------------------------------------


def _check_values(raw: Mapping[str, Any], limits: TextLimits) -> None:
    """Hold every key and number of parsed TOML to its range, and say where one breaks it."""
    waiting: list[tuple[str, Any]] = [("", raw)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            _check_keys(value, limits)
            waiting.extend((f"{place}.{key}" if place else key, value[key]) for key in value)
        elif isinstance(value, list):
            waiting.extend((f"{place}[{number}]", part) for number, part in enumerate(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            try:
                _in_range(value)
            except _Unread as problem:
                raise _Unread(f"{place}: {problem}") from None


def _check_keys(keys: Iterable[str], limits: TextLimits) -> None:
    if any(len(key) > limits.key_characters for key in keys):
        raise _Unread(f"a key has at most {limits.key_characters} characters")


def _in_range(value: _Number) -> _Number:
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise _Unread(f"a whole number is at most {LARGEST_NUMBER}")
    if isinstance(value, float) and not math.isfinite(value):
        raise _Unread("a number is finite")
    return value


def _too_deep(limits: TextLimits) -> _Unread:
    return _Unread(f"tables and lists stand at most {limits.depth} within each other")


def _too_many(limits: TextLimits) -> _Unread:
    return _Unread(f"at most {limits.values} values are read")
