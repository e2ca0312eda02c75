"""The command line: `veridical`."""

from veridical.service.cli import doctor, serve, verify
from veridical.service.cli.main import app, main

__all__ = ["app", "doctor", "main", "serve", "verify"]
