"""The reason catalogue: what every code means, for the applicant and for the operator."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

__all__ = ["Reason", "explain", "explain_cause", "is_mendable", "reasons"]

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code.

    Attributes:
        code: Stable code, such as `face_too_small`.
        mendable: Whether the applicant can mend it by trying again.
        applicant: What to tell the applicant, by language. Gives an attacker no hint.
        operator: What it means, by language.
    """

    code: str
    mendable: bool
    applicant: dict[str, str]
    operator: dict[str, str]


@cache
def reasons() -> dict[str, Reason]:
    """All reasons, by code."""
    content = (files("veridical.verification") / "reasons.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(content)
    applicant_texts = raw.pop("applicant_texts")
    found = {}
    for code, entry in raw.items():
        found[code] = Reason(
            code=code,
            mendable=entry["mendable"],
            applicant=applicant_texts[entry["applicant"]],
            operator={"en": entry["en"], "zh": entry["zh"]},
        )
    return found


def is_mendable(code: str) -> bool:
    """Whether trying again can help; an unknown code counts as not mendable."""
    reason = reasons().get(code)
    return reason is not None and reason.mendable


def explain(code: str, language: Language = "en") -> str:
    """The operator's text for a code; the code itself when the catalogue lacks it."""
    reason = reasons().get(code)
    return reason.operator[language] if reason else code


def explain_cause(cause: str, rules: Mapping[str, str], language: Language = "en") -> str:
    """The operator's text for a cause: that of its reason, or what the policy says of its rule.

    Args:
        cause: `check:reason` or `rule:id`.
        rules: What the policy says of the verdict's rules, by id.
        language: Of reasons; a policy's words are in its author's.
    """
    kind, _, code = cause.partition(":")
    return (rules.get(code) or code) if kind == "rule" else explain(code, language)
