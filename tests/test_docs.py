"""What the documents say of the code is what the code says."""

import importlib.util
import re
from pathlib import Path

import pytest

from veridical.service.settings import ServiceSettings

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
assert spec is not None
assert spec.loader is not None
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", sorted(generate.pages()))
def test_generated_pages_are_current(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == generate.pages()[name], "run `python docs/generate.py`"


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for target in re.findall(r"`((?:docs|tests|benchmarks|training|samples)/[\w./-]+\.\w+)`", text):
        assert (ROOT / target).exists(), f"{page.name} names {target}"


@pytest.mark.parametrize("name", sorted(ServiceSettings.model_fields))
def test_every_setting_is_in_the_table(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert re.search(rf"^\|[^|]*`VERIDICAL_{name.upper()}`", page, re.M)


def test_every_setting_of_the_table_is_one() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    named = {name.lower() for name in re.findall(r"VERIDICAL_([A-Z_]+)", page)}
    assert named <= ServiceSettings.model_fields.keys()


def test_every_runtime_dependency_is_justified() -> None:
    declared = re.search(r"\ndependencies = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.S)
    assert declared is not None
    page = (ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    for name in re.findall(r'"([a-z0-9-]+)', declared[1]):
        assert re.search(rf"^\|[^|]*\b{name}\b", page, re.M), (
            f"docs/explanation/dependencies.md lacks {name}"
        )
