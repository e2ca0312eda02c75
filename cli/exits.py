"""What the command line's exit codes say."""

from enum import IntEnum

from veridical.errors import InputError, ModelError, StoreError, VeridicalError

__all__ = ["Exit", "exit_for"]

_USAGE = ("policy.", "challenge.", "script.", "usage.")
"""Codes of input errors that the command's own words caused, not the media they named."""

_UNKNOWN = ("model.unknown", "engine.unknown")
"""A name that nothing has: the command's own words again."""


class Exit(IntEnum):
    """Exit codes of every verb."""

    DONE = 0
    NOT_ACCEPTED = 1
    USAGE = 2
    ENVIRONMENT = 3
    INPUT = 4
    INTERNAL = 70


def exit_for(error: VeridicalError) -> Exit:
    """The exit code an error ends a command with."""
    if error.code in _UNKNOWN:
        return Exit.USAGE
    if isinstance(error, ModelError | StoreError) or error.code.startswith("environment."):
        return Exit.ENVIRONMENT
    if isinstance(error, InputError) and error.code.startswith(_USAGE):
        return Exit.USAGE
    return Exit.INPUT
