"""What the documents say of the code is what the code says."""

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from veridical.cli.table import COMMANDS, load_command
from veridical.service.settings import ServiceSettings
from veridical.verification import CHECKS

ROOT = Path(__file__).parent.parent
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
TEXTS = [*PAGES, *sorted(ROOT.glob("deploy/*.y*ml")), ROOT / "Dockerfile"]
TOPS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
assert spec is not None
assert spec.loader is not None
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)
GENERATED = generate.pages()


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Of the headings of a page, as the site and code hosts make them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        plain = re.sub(r"[^\w\s-]", "", heading.lower())
        found.add(re.sub(r"\s+", "-", plain.strip()))
    return found


@pytest.mark.parametrize("page", sorted(GENERATED))
def test_generated_pages_are_current(page: str) -> None:
    written = (ROOT / page).read_text(encoding="utf-8")
    assert written == GENERATED[page], "run `python docs/generate.py`"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        found = (page.parent / unquote(target)).resolve() if target else page
        assert found.is_file(), f"{name(page)} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{name(page)} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    quoted = re.findall(r"`([a-z_]+/[\w./-]+\.(?:py|toml|md|js|json|yaml|html|txt))`", text)
    for script in re.findall(r"\bpython ((?:[\w-]+/)*[\w-]+\.py)", text):
        assert (ROOT / script).exists(), f"{name(page)} runs {script}"
    for target in quoted:
        if target.split("/")[0] in TOPS and not re.search(r"demo-report|NAME|XX", target):
            assert (ROOT / target).exists(), f"{name(page)} names {target}"


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_commands_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for line in _command_lines(text):
        if "|" in line.split("#")[0]:
            continue
        words = [word for word in re.split(r"\s+", line.split("#")[0])[1:] if word]
        fault = _fault(words)
        assert not fault, f"{name(page)}: `{line.strip()}`: {fault}"


def _command_lines(text: str) -> Iterator[str]:
    """Inside a line of text, indented, or in a block of code."""
    yield from re.findall(r"`(veridical [^`\n]+)`", text)
    yield from re.findall(r"^ {4,}(veridical [a-z].*)$", text, re.M)
    for block in re.findall(r"```\n(.*?)```", text, re.S):
        yield from re.findall(r"^(?:[A-Z_]+=\S+ )*(veridical [a-z].*)$", block, re.M)


def _fault(words: list[str]) -> str:
    """Why the command line would not take these words; empty when it would."""
    if not words or not re.fullmatch(r"[a-z]+", words[0]):
        return ""
    if words[0] not in COMMANDS:
        return f"no command {words[0]}"
    command = load_command(words[0])
    rest = words[1:]
    while hasattr(command, "commands"):
        if not rest or not re.fullmatch(r"[a-z][a-z-]*", rest[0]):
            return ""
        if rest[0] not in command.commands:
            return f"no {rest[0]} below {command.name}"
        command, rest = command.commands[rest[0]], rest[1:]
    options = {option for parameter in command.params for option in parameter.opts}
    asked = {word.split("=")[0] for word in rest if re.fullmatch(r"--[a-z][a-z-]*(=.*)?", word)}
    unknown = asked - options - {"--help"}
    return f"no option {', '.join(sorted(unknown))}" if unknown else ""


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert _fault(shlex.split("keys forge"))
    assert _fault(shlex.split("nothing"))
    assert _fault(shlex.split("verify --sefie x"))
    assert not _fault(shlex.split("keys rotate"))


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_settings_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"VERIDICAL_([A-Z_]+[A-Z])\b", page.read_text(encoding="utf-8"))
    assert {setting.lower() for setting in named} <= {
        *ServiceSettings.model_fields,
        "soak_dir",
        "soak_rounds",
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_waits_for_a_figure(page: Path) -> None:
    """A placeholder in braces that nobody filled."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    assert not re.findall(r"\{[a-z_]*\d*\}", text)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_rows_of_a_table_have_as_many_cells_as_its_head(page: Path) -> None:
    cells = 0
    for line in page.read_text(encoding="utf-8").splitlines():
        count = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (cells and count) or count == cells, f"{name(page)}: {line}"
        cells = count


@pytest.mark.parametrize("setting", sorted(ServiceSettings.model_fields))
def test_every_setting_is_in_the_table(setting: str) -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert re.search(rf"^\|[^|]*`VERIDICAL_{setting.upper()}`", page, re.M)


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_every_check_is_explained(check: str) -> None:
    page = (ROOT / "docs" / "explanation" / "checks.md").read_text(encoding="utf-8")
    assert f"`{check}`" in page


def test_every_runtime_dependency_is_justified() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    for dependency in declared["dependencies"]:
        (package,) = re.findall(r"^[a-z0-9-]+", dependency)
        assert re.search(rf"^\|[^|]*\b{package}\b", page, re.M), f"the page lacks {package}"


def test_every_page_is_in_the_site_s_index() -> None:
    index = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    missing = [page for page in _of_the_site() if page not in index]
    assert not missing


def _of_the_site() -> Iterator[str]:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        yield str(page.relative_to(ROOT / "docs"))


def test_the_site_loads_nothing_from_elsewhere() -> None:
    index = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in index
    assert "://" not in index.replace("tag:yaml.org", "")
