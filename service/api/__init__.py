"""The HTTP service."""

from veridical.service.api.app import create_app

__all__ = ["create_app"]
