"""Write the pages that describe code from the code: `python docs/generate.py`.

`tests/test_docs.py` fails when a page differs from what this would write.
"""

import json
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_page import http_page
from pydantic import BaseModel

from veridical.catalogue import COMMON_EVIDENCE, Bands, CheckSpec, SameAs
from veridical.cli.table import COMMANDS, load_command
from veridical.models import list_cards
from veridical.models.listing import cards_as_markdown
from veridical.service.app import create_app
from veridical.store import Database, MasterKeys
from veridical.transactions import Resources
from veridical.verification import CHECKS, Verifier, reasons
from veridical.verification.evidence import SigningKey
from veridical.wire import ManifestRow

HERE = Path(__file__).parent
ROOT = HERE.parent
NOTE = "<!-- Written by docs/generate.py; change the code, not this page. -->\n"
PYTHON_API = """# Python API

Most programs need the front door alone. It loads nothing until it is asked for:

```python
from veridical import Client, Transaction, load_policy, load_verifier
```

`Client` talks to a service ([SDK](../sdk.md)); `load_verifier` builds the chain in your own
process. Each room's page is made from its docstrings: shapes, types, units, ranges and errors.
Colour is RGB everywhere. A higher score speaks for the applicant.
"""


def pages() -> Mapping[str, str]:
    """Every generated page, by its path from the root of the repository."""
    described = openapi_page()
    return {
        "CONTRIBUTING.md": contributing_page(),
        "docs/explanation/models.md": models_page(),
        "docs/openapi.json": described,
        "docs/reference/cli.md": NOTE + cli_page(),
        "docs/reference/http.md": NOTE + http_page(json.loads(described)),
        "docs/reference/manifest.md": manifest_page(),
        "docs/reference/manifest.schema.json": manifest_schema(),
        "docs/reference/reasons.md": NOTE + reasons_page(),
        **{f"docs/reference/python/{name}": NOTE + text for name, text in python_pages().items()},
    }


def python_pages() -> Mapping[str, str]:
    """One page a room, which the site fills from docstrings, and one that lists them."""
    rooms = {
        room: question
        for floor in _rooms()["floors"]
        for room, question in floor.items()
        if room not in {"veridical", "service", "cli"}  # their doors are HTTP and the command line
    }
    listed = "".join(
        f"| [`veridical.{room}`]({room}.md) | {what} |\n" for room, what in rooms.items()
    )
    pages = {
        f"{room}.md": f"# `veridical.{room}`\n\n{what[0].upper() + what[1:]}\n\n"
        f"::: veridical.{room}\n"
        for room, what in rooms.items()
    }
    return pages | {
        "index.md": PYTHON_API + "\n| import | question it answers |\n|---|---|\n" + listed
    }


def openapi_page() -> str:
    """The description of the API, as a service with a database gives it out."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/v.db")
        resources = Resources(
            database,
            MasterKeys.from_text(f"a:{'A' * 43}="),
            SigningKey(Ed25519PrivateKey.generate()),
        )
        described = create_app(_no_verifier, resources=resources).openapi()
        database.close()
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def _no_verifier() -> Verifier:
    raise AssertionError("an application that is only described loads no models")


def manifest_schema() -> str:
    """The JSON schema of a manifest's row."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | ManifestRow.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def manifest_page() -> str:
    """The page on manifests as it is, with the table of the columns written anew."""
    head = ["| column | type | what it says |", "|---|---|---|"]
    rows = [
        f"| `{name}` | {_type_of(ManifestRow, name)} | {field.description} |"
        for name, field in ManifestRow.model_fields.items()
    ]
    page = HERE / "reference" / "manifest.md"
    return _with_table(page, head[0], "\n".join([*head, *rows, ""]))


def _type_of(model: type[BaseModel], name: str) -> str:
    schema = model.model_json_schema()["properties"][name]
    kinds = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return " or ".join(
        ", ".join(f"`{value}`" for value in one["enum"])
        if "enum" in one
        else {"string": "text", "integer": "whole number"}.get(one.get("type", ""), "JSON")
        for one in kinds
    )


def models_page() -> str:
    """The page on models as it is, with the table of the cards written anew."""
    return _with_table(
        HERE / "explanation" / "models.md", "| model | task |", cards_as_markdown(list_cards())
    )


def contributing_page() -> str:
    """The page for contributors as it is, with the map of the rooms written anew."""
    rooms = _rooms()
    rows = [
        f"| {level} | `{room}/` | {question} |"
        for level, floor in enumerate(rooms["floors"])
        for room, question in floor.items()
    ]
    rows += [f"| | `{folder}` | {what} |" for folder, what in rooms["beside"].items()]
    head = ["| floor | room | question it answers |", "|---|---|---|"]
    return _with_table(ROOT / "CONTRIBUTING.md", head[0], "\n".join([*head, *rows, ""]))


def _rooms() -> dict[str, Any]:
    return tomllib.loads((HERE / "rooms.toml").read_text(encoding="utf-8"))


def _with_table(page: Path, head: str, table: str) -> str:
    """A page as it is, with the table below that head replaced."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(place for place, line in enumerate(lines) if line.startswith(head))
    last = next(place for place in range(first, len(lines)) if not lines[place].startswith("|"))
    return "".join(lines[:first]) + table + "".join(lines[last:])


def cli_page() -> str:
    """All verbs with their arguments and options."""
    lines = [
        "# Command line\n",
        "Exit codes: 0 accepted or done, 1 not accepted, 2 usage, 3 environment (models, server), "
        "4 unusable input, 70 a fault of veridical itself.\n",
    ]
    named = ((name, load_command(name)) for name in sorted(COMMANDS))
    for path, command in chain.from_iterable(
        _commands(command, ("veridical", name)) for name, command in named
    ):
        usage = command.collect_usage_pieces(command.context_class(command))
        lines.append(f"## `{' '.join(path)}`\n")
        lines.append((command.help or "").strip() + "\n")
        lines.append("```\n" + " ".join([*path, *usage]) + "\n```\n")
        rows = [_row(parameter) for parameter in command.params]
        if rows:
            lines += ["| | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401
    """Every command below one, with its words. Typer carries its own click: types stay open."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, found in sorted(command.commands.items()):
        yield from _commands(found, (*path, name))


def _row(parameter: Any) -> str:  # noqa: ANN401
    text = (getattr(parameter, "help", "") or "").strip()
    if parameter.param_type_name == "option":
        names = ", ".join(f"`{name}`" for name in parameter.opts)
        default = parameter.default
        if not (parameter.is_flag or callable(default) or default in (None, "", ())):
            text += f" Default: `{default}`."
    else:
        names = f"`{parameter.name.upper()}`"
    text = text.replace("|", "/").replace("][", "]\\[")  # or a page takes it for a link
    return f"| {names} | {text} |"


def reasons_page() -> str:
    """All checks and reason codes with their texts."""
    lines = [
        "# Checks and reasons\n",
        "Asked for is what a policy that names the check has the applicant hand in; a signal asks "
        "for nothing. Judged by: whose thresholds, where policy and calibration give none.\n",
        "| check | question | 问题 | asked for | judged by |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{check}` | {spec.question.en} | {spec.question.zh} | {_asked(spec)} | {_point(spec)} |"
        for check, spec in CHECKS.items()
    ]
    lines += [
        "",
        "## Evidence\n",
        "What a rule may read of a check beside its score, as `check.key`; a star stands for any "
        "word.\n",
        "| check | key | meaning | 含义 |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | `{key}` | {text.en} | {text.zh} |"
        for name, found in [
            *((f"`{check}`", spec.evidence) for check, spec in CHECKS.items()),
            ("every calibrated check", COMMON_EVIDENCE),
        ]
        for key, text in found.items()
    ]
    lines += [
        "",
        "## Reasons\n",
        "A reason is mendable when the applicant can mend it by trying again: under a policy with "
        "attempts left the outcome is then `retry`. Applicants are told what helps an honest "
        "person and nothing an attacker could learn from.\n",
        "| code | mendable | operator | 审核员 | applicant | 申请人 |",
        "|---|---|---|---|---|---|",
    ]
    for code, reason in sorted(reasons().items()):
        lines.append(
            f"| `{code}` | {'yes' if reason.mendable else 'no'} | {reason.operator.en} | "
            f"{reason.operator.zh} | {reason.applicant.en} | {reason.applicant.zh} |"
        )
    return "\n".join(lines) + "\n"


def _asked(spec: CheckSpec) -> str:
    """What the check needs, in words."""
    needs = [" or ".join(f"`{medium}`" for medium in need) for need in spec.needs]
    return ", ".join([*needs, *filter(None, [spec.prompt])]) or "–"


def _point(spec: CheckSpec) -> str:
    """Whose thresholds judge it, in words."""
    match spec.point:
        case Bands(accept_at, reject_below):
            return f"itself: passes from {accept_at:g}, fails below {reject_below:g}"
        case SameAs(other):
            return f"as `{other}`"
        case _:
            return "the model's card"


if __name__ == "__main__":
    from openapi_changes import breaking

    for name, text in pages().items():
        page = ROOT / name
        if page.name == "openapi.json" and page.exists():
            before = json.loads(page.read_text(encoding="utf-8"))
            for change in breaking(before, json.loads(text)):
                sys.stdout.write(f"breaks clients: {change}\n")
        page.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}\n")
