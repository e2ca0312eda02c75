"""How do routes declare what they answer?"""

from typing import Any

from pydantic import BaseModel

__all__ = ["answers", "content", "nothing"]


def answers(operation: str, model: type[BaseModel], description: str = "") -> dict[str, Any]:
    """Arguments of a route that answers JSON.

    What it answers is held against the model when it is sent: members it did not set stay away, and
    one of another type is an error of the service, not a surprise of its client.

    Args:
        operation: Its operationId: generated clients name their functions after it.
        model: Of the answer.
        description: Of a good answer.
    """
    return {
        "operation_id": operation,
        "response_model": model,
        "response_model_exclude_unset": True,
        "response_description": description or "As asked",
    }


def content(operation: str, media_type: str, description: str) -> dict[str, Any]:
    """Arguments of a route that answers a text of some media type; see `answers`."""
    return {
        "operation_id": operation,
        "response_model": None,
        "responses": {
            200: {
                "description": description,
                "content": {media_type: {"schema": {"type": "string"}}},
            }
        },
    }


def nothing(operation: str, description: str) -> dict[str, Any]:
    """Arguments of a route that answers 204; see `answers`."""
    return {
        "operation_id": operation,
        "response_model": None,
        "status_code": 204,
        "response_description": description,
    }
