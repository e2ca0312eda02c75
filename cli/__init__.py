"""The command line: `veridical`.

Verbs register themselves with the root; nouns are added here. All import their rooms inside their
functions, so that `veridical --help` does not wait for any.
"""

from veridical.cli import (
    adapt,
    batch,
    bench,
    calibrate,
    db,
    demo,
    doctor,
    document,
    drift,
    engines,
    evaluate,
    evidence,
    face,
    gallery,
    keys,
    lips,
    lists,
    liveness,
    models,
    policy,
    recording,
    serve,
    simulate,
    tenants,
    verify,
    voice,
    webcam,
)
from veridical.cli.main import app, main

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
    "webcam",
]

for noun in (
    adapt,
    db,
    document,
    drift,
    engines,
    evaluate,
    evidence,
    face,
    gallery,
    keys,
    lists,
    liveness,
    models,
    policy,
    recording,
    tenants,
    voice,
):
    app.add_typer(noun.app, name=noun.__name__.rpartition(".")[2])
