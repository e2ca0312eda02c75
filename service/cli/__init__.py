"""The command line: `veridical`."""

from veridical.service.cli import demo, doctor, serve, verify
from veridical.service.cli.main import app, main

__all__ = ["app", "demo", "doctor", "main", "serve", "verify"]
