"""The command line: `veridical`."""

from veridical.cli.main import app, main

__all__ = ["app", "main"]
