"""The command line: `veridical`.

Verbs register themselves with the root; nouns are added here. All import their rooms inside their
functions, so that `veridical --help` does not wait for any.
"""

from veridical.service.cli import (
    batch,
    bench,
    calibrate,
    db,
    demo,
    doctor,
    document,
    engines,
    evaluate,
    evidence,
    face,
    gallery,
    keys,
    lips,
    liveness,
    models,
    policy,
    serve,
    simulate,
    verify,
    voice,
)
from veridical.service.cli.main import app, main

__all__ = [
    "app",
    "batch",
    "bench",
    "calibrate",
    "demo",
    "doctor",
    "lips",
    "main",
    "serve",
    "simulate",
    "verify",
]

for noun in (
    db,
    document,
    engines,
    evaluate,
    evidence,
    face,
    gallery,
    keys,
    liveness,
    models,
    policy,
    voice,
):
    app.add_typer(noun.app, name=noun.__name__.rpartition(".")[2])
