"""What does a code mean, for applicant and operator? The catalogue's texts, looked up."""

from collections.abc import Mapping

from veridical.catalogue import REASONS, Language, Reason, Text, applicant

__all__ = ["ADVICE", "Reason", "advice", "explain", "explain_cause", "is_mendable", "reasons"]


ADVICE: Mapping[str, Text] = {
    name.lower(): text for name, text in vars(applicant).items() if isinstance(text, Text)
}
"""What applicants are told, by name: pages have it in more languages."""


def reasons() -> Mapping[str, Reason]:
    """All reasons, by code."""
    return REASONS


def is_mendable(code: str) -> bool:
    """Whether trying again can help; an unknown code counts as not mendable."""
    reason = REASONS.get(code)
    return reason is not None and reason.mendable


def advice(code: str) -> str:
    """Which of the few sentences for applicants a code chooses; empty for a code that is unknown."""
    reason = REASONS.get(code)
    return next((name for name, text in ADVICE.items() if reason and reason.applicant == text), "")


def explain(code: str, language: Language = "en") -> str:
    """The operator's text for a code; the code itself when the catalogue lacks it."""
    reason = REASONS.get(code)
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
