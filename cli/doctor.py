"""`veridical doctor`: is this installation fit, and what is it made of?"""

import json
import os
import platform
import sys
import time
from dataclasses import asdict
from typing import Annotated, Any

import cv2
import numpy as np
import onnxruntime
import typer
from rich.markup import escape
from rich.table import Table

import veridical
from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.cli.console import open_console
from veridical.cli.exits import Exit
from veridical.errors import VeridicalError
from veridical.models.calibration import load_calibrations
from veridical.models.quota import cpu_quota
from veridical.policy.trials import refuse_failing
from veridical.service.settings import ServiceSettings
from veridical.store.probe import is_in_use, prove_database
from veridical.store.transactions import due_for_erasure, expired_transactions
from veridical.verification import Settings, load_policy
from veridical.verification.needs import Lack, Needs, summary_of
from veridical.verification.signers import prove_signing

__all__ = ["doctor", "who_decides"]

_LATE_MS = 600_000


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    drift: Annotated[
        bool, typer.Option("--drift", help="Look at scores and reasons of the service instead.")
    ] = False,
) -> None:
    """Check Python, cores, models and licences. Exit code 3 when verification can't run.

    With --drift: compare what the service's database counted with the frozen baselines. Exit code 1
    when an alert is raised, 3 when there is no baseline to compare with.
    """
    if drift:
        raise typer.Exit(_drift(as_json=as_json))
    findings = examine()
    if as_json:
        json.dump(findings, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(findings)
    if findings["problems"]:
        raise typer.Exit(Exit.ENVIRONMENT)


def examine() -> dict[str, Any]:
    """Everything the doctor looks at; opens every model of the profile, touches no network."""
    settings, problems = Settings(), []
    store = settings.model_store()
    engines: Engines | None = None
    lacks: tuple[Lack, ...] = ()
    try:
        engines = Engines.open(settings, store)
        profile = engines.profile
    except VeridicalError as error:
        problems.append(str(error))
        profile = store.profile("registry")
    models = []
    for name in profile.models:
        card = store.card(name)
        state = "ready"
        try:
            store.session(name)
        except VeridicalError as error:
            state = error.code
            problems.append(str(error))
        models.append(
            {"name": name, "state": state, "licence": card.licence, "commercial": card.commercial,
             "sha256": card.file.sha256}
        )  # fmt: skip
    try:
        policy = load_policy(settings.policy)
        load_calibrations(policy.calibration)
        refuse_failing(policy)
        if engines is not None:
            lacks = Needs(engines, points_of(engines)).lacks(policy)
            required = [lack for lack in lacks if lack.required]
            problems += [summary_of(required)] if required else []
    except VeridicalError as error:
        problems.append(str(error))
    problems += _operating(settings)
    return {
        "liveness": who_decides(models, profile.roles["silent"]),
        "veridical": veridical.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        "cores": {"quota": cpu_quota(), "host": os.cpu_count()},
        "threads": "one a model run, no spinning; the service runs one verification a core",
        "torch_imported": "torch" in sys.modules,
        "models_dir": str(settings.models_dir),
        "profile": profile.name,
        "policy": settings.policy,
        "commercial_only": settings.commercial_only,
        "models": models,
        "replay_memory": _replay_memory(settings),
        "lacks": [asdict(lack) for lack in lacks],
        "network": "not needed: nothing but `models pull` and `engines install` ever connects",
        "problems": problems,
    }


def _operating(settings: Settings) -> list[str]:
    """What is wrong with keys, database, disk and signing key; nothing missing is made."""
    database = settings.unopened_database()
    try:
        if not is_in_use(database):
            return []  # nothing was ever sealed: the first start makes what it needs
        keys = settings.keys_given()
        if keys is None:
            return ["the database is sealed with master keys that are not here: give them back"]
        now = time.time_ns() // 1_000_000
        prove_database(database, keys, now)
        prove_signing(database, settings.signing_key())
        with database.reading() as connection:
            late = expired_transactions(connection, now - _LATE_MS, 1)
            late += due_for_erasure(connection, now - _LATE_MS, 1)
    except VeridicalError as error:
        return [str(error)]
    finally:
        database.close()
    if late:
        return ["retention is behind by over ten minutes: is a service running, and its log quiet?"]
    return []


def _replay_memory(settings: Settings) -> str:
    """Whether media that come again are known, and where."""
    if not settings.fingerprint_days:
        return "off: VERIDICAL_FINGERPRINT_DAYS is 0, media that come again are not known"
    elsewhere = "on" if settings.database else "off elsewhere, for VERIDICAL_DATABASE is not named"
    return f"on in the service, {settings.fingerprint_days:g} days; {elsewhere}"


def who_decides(models: list[dict[str, Any]], members: tuple[str, ...]) -> str:
    """Which networks decide whether a living person is there, and what that is worth."""
    ready = [model for model in models if model["name"] in members and model["state"] == "ready"]
    if not ready:
        return (
            f"no network decides it: {', '.join(members)} missing or refused; policies that ask "
            "for it accept nobody"
        )
    said = " and ".join(model["name"] for model in ready)
    verb = "decide" if len(ready) > 1 else "alone decides"
    unclear = any(model["commercial"] != "yes" for model in ready)
    note = "; its licence for commercial use is unclear" if unclear else ""
    return f"{said} {verb}{note}"


def _print(findings: dict[str, Any]) -> None:

    console = open_console()
    for key in ("profile", "liveness", "veridical", "python", "platform", "threads", "models_dir",
                "policy", "commercial_only", "replay_memory", "network"):  # fmt: skip
        console.print(f"[bold]{key:16}[/] {findings[key]}")
    packages = ", ".join(f"{name} {version}" for name, version in findings["packages"].items())
    console.print(f"[bold]{'packages':16}[/] {packages}")
    cores = findings["cores"]
    console.print(f"[bold]{'cores':16}[/] {cores['quota']:g} of {cores['host']}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "state", "commercial", "licence"):
        table.add_column(title)
    colours = {"yes": "green", "unclear": "yellow", "no": "red"}
    for model in findings["models"]:
        table.add_row(
            model["name"],
            f"[{'green' if model['state'] == 'ready' else 'red'}]{model['state']}[/]",
            f"[{colours[model['commercial']]}]{model['commercial']}[/]",
            model["licence"],
        )
    console.print(table)
    for problem in findings["problems"]:
        console.print(f"[red]problem[/] {problem}")
    console.print("[red]not fit[/]" if findings["problems"] else "[green]fit[/]")


def _drift(*, as_json: bool) -> Exit:
    """Say how scores and reasons of every tenant stand."""
    # The service's own figures: an installation that only verifies has neither them nor scipy.
    from veridical.transactions.drift_views import overviews
    from veridical.transactions.resources import now_ms

    database = ServiceSettings().open_database()
    try:
        found = overviews(database, now_ms())
    finally:
        database.close()
    if as_json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print_drift(found)
    if any(tenant["alerts"] for tenant in found.values()):
        return Exit.NOT_ACCEPTED
    watched = any(one["baseline"] for tenant in found.values() for one in tenant["series"])
    return Exit.DONE if watched else Exit.ENVIRONMENT


def _print_drift(found: dict[str, dict[str, Any]]) -> None:

    console = open_console()
    for tenant, view in found.items():
        console.print(f"[bold]{escape(tenant)}[/]")
        for alert in view["alerts"]:
            what = f"{alert['alert']} of {alert['name']} {alert['reason']}".rstrip()
            numbers = f"{alert['value']:g}, raised from {alert['raise_at']:g}"
            console.print(f"[red]alert[/] {what} since {alert['raised_at']}: {numbers}")
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("series", "kind", "n", "baseline n", "nearest to an alert", "models"):
            table.add_column(title)
        for one in view["series"]:
            base = str(one["baseline"]["n"]) if one["baseline"] else "[yellow]none[/]"
            row = (one["name"], one["kind"], str(one["n"]), base, _nearest(one), one["models"])
            table.add_row(*row)
        console.print(table)
    if not found:
        console.print("[yellow]nothing was counted in the last days[/]")


def _nearest(series: dict[str, Any]) -> str:
    """The comparison of a series that lies closest to an alert."""
    worst = max(series["findings"], key=lambda f: f["value"] / f["raise_at"], default=None)
    if worst is None:
        return ""
    return f"{worst['reason'] or 'shift'} {worst['value']:g} of {worst['raise_at']:g}"
