"""The command line: `veridical`.

Verbs register themselves with the root; nouns are added here. All import their rooms inside their
functions, so that `veridical --help` does not wait for any.
"""

from veridical.service.cli import (
    batch,
    bench,
    calibrate,
    demo,
    doctor,
    document,
    engines,
    evaluate,
    face,
    gallery,
    liveness,
    models,
    policy,
    serve,
    simulate,
    verify,
)
from veridical.service.cli.main import app, main

__all__ = [
    "app",
    "batch",
    "bench",
    "calibrate",
    "demo",
    "doctor",
    "main",
    "serve",
    "simulate",
    "verify",
]

for noun in (document, engines, evaluate, face, gallery, liveness, models, policy):
    app.add_typer(noun.app, name=noun.__name__.rpartition(".")[2])
