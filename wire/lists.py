"""What is asked and told of lists that allow or deny?"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from veridical.wire.base import Answer, Instant, Request

__all__ = [
    "LABEL_LENGTH",
    "ListAdded",
    "ListEffect",
    "ListKind",
    "ListRemoved",
    "ListSize",
    "ListSizes",
    "ListValues",
]

MOST_VALUES = 10_000
LABEL_LENGTH = 100

ListEffect = Literal["allow", "deny"]
ListKind = Literal["document", "subject", "device", "phone", "network", "address", "geo"]


class ListValues(Request):
    """Values of one kind.

    Attributes:
        values: As they are written; only their keyed hashes are kept.
        label: Which list or case they came from.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"values": ["+8613800138000"], "label": "case 17"}]}
    )

    values: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
        Field(min_length=1, max_length=MOST_VALUES),
    ]
    label: Annotated[str, StringConstraints(max_length=LABEL_LENGTH)] = ""


class ListSize(Answer):
    """How much is on one list under one label."""

    effect: ListEffect
    kind: ListKind
    label: str
    entries: int
    newest_at: Instant


class ListSizes(Answer):
    """How much is on which list."""

    items: tuple[ListSize, ...]


class ListAdded(Answer):
    """How many values are new on a list, and how many were known."""

    added: int
    known: int


class ListRemoved(Answer):
    """How many values were taken off a list."""

    removed: int
