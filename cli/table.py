"""Which commands are there, and what is imported for one? The table tells, without importing any.

`veridical --help` reads the table alone; a command's module is imported when the command is asked
for, so that each may import what it needs at its top.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

__all__ = ["COMMANDS", "CommandTable", "load_command"]

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "Verify eleven sample transactions and write a report.",
        "verify": "Verify one applicant and print the verdict.",
        "batch": "Verify every row of a manifest, exactly once.",
        "rejudge": "Judge what is stored of accepted customers again.",
        "worker": "Verify each row that is put into a folder.",
        "serve": "Serve the API and its pages.",
        "webcam": "Serve the capture page and open it: try yourself.",
        "doctor": "Say whether this installation is fit, and what it is made of.",
        "bench": "Time the standard transaction on one thread.",
        "document": "Identity documents.",
        "face": "Match faces; judge how well one was captured.",
        "liveness": "Presentation attack detection.",
        "voice": "Enrol and compare voices; check what was said.",
        "lips": "Hold lips against sound, schedule and prompt.",
        "light": "Hold a face's colour against the colours a screen showed.",
        "motion": "Hold the turns of a head against those asked for.",
        "recording": "Recorded consent: judge a video by its script.",
        "gallery": "Enrolled faces and watchlists.",
        "lists": "Allowed or denied numbers, phones and devices.",
        "models": "Pull, prove and list the models.",
        "engines": "Packages that need an environment of their own.",
        "policy": "Lint, test, compare and replay policies.",
        "evidence": "Verify signed records of verdicts.",
        "keys": "Master keys of the database.",
        "db": "The database: upgrade, back up and restore.",
        "tenants": "Tenants of the service, their keys and webhooks.",
        "drift": "Baselines of scores and reasons.",
        "evaluate": "Measure error rates with intervals; write a report.",
        "calibrate": "Fit scores to error rates; a policy names the file.",
        "adapt": "Fit a check to one's own consented recordings.",
        "simulate": "Make a simulated attack from genuine media.",
    }
)
"""Name and one line of help of every command, in the order of `--help`: what is used first stands
first. A command lives in the module of its name: a function of that name, or an `app` of several.
"""


def load_command(name: str) -> Any:  # noqa: ANN401  typer carries a click of its own, without names
    """Import a command.

    Args:
        name: One of `COMMANDS`.

    Returns:
        The command, or the group of commands, as typer makes it.
    """
    module = import_module(f"veridical.cli.{name}")
    group: typer.Typer | None = getattr(module, "app", None)
    if group is not None:
        loaded: Any = typer.main.get_group(group)
    else:
        single = typer.Typer(add_completion=False)
        single.command(help=getattr(module, "HELP", None))(getattr(module, name))
        loaded = typer.main.get_command(single)
    loaded.name = name
    return loaded


class CommandTable(TyperGroup):
    """The root group: knows its commands by the table and imports the one that is run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """Names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """A command as `--help` shows it: its name and its line; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, callback=None, help=COMMANDS[cmd_name])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """The command that is run, imported."""
        # What a mistyped name is compared with.
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}
        name, found, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if found is not None and name is not None else None, rest
