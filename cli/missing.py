"""The deliberate way to start an installation that is not whole."""

from typing import Annotated

import typer

__all__ = ["AllowMissing"]

AllowMissing = Annotated[
    bool,
    typer.Option(
        "--allow-missing",
        help="Start although required checks lack a model: such a policy then accepts nobody.",
    ),
]
