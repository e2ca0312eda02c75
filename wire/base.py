"""What do all models on the wire have in common?"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema

__all__ = ["Answer", "Instant", "Offset", "Plain", "Request", "Sha256"]

_MOMENT = WithJsonSchema({"type": "string", "format": "date-time"})


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _offset(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


Instant = Annotated[datetime, PlainSerializer(_zulu, when_used="json"), _MOMENT]
"""A moment in UTC, written with milliseconds and `Z`."""

Offset = Annotated[datetime, PlainSerializer(_offset, when_used="json"), _MOMENT]
"""A moment, written with milliseconds and its offset: as verdicts and evidence have it."""

Plain = float | int | bool | str | None
"""A small number or short text; see `veridical.result.EvidenceValue`."""

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Answer(BaseModel):
    """Something that is told.

    Members that a later version adds are kept, not refused: an older reader goes on working. What
    the service itself tells holds no member that its model lacks; `tests/test_wire.py` sees to it.
    """

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    @property
    def raw(self) -> dict[str, Any]:
        """As it stood on the wire: plain values, and nothing that was not told."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Request(BaseModel):
    """Something that is asked with; members that are not known are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
