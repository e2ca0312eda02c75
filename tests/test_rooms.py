"""The house stands: links, mapping and floors agree."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import veridical
from tests.import_graph import cycle_of, import_graph, modules_of, sibling_graphs

ROOT = Path(__file__).parent.parent
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "setuptools"
]
MAPPING: dict[str, str] = SETUPTOOLS["package-dir"]
GRAPH = import_graph(modules_of({package: ROOT / target for package, target in MAPPING.items()}))
FLOORS: list[dict[str, str]] = tomllib.loads(
    (ROOT / "docs" / "rooms.toml").read_text(encoding="utf-8")
)["floors"]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
ROOMS = sorted({target.split("/")[0] for target in MAPPING.values()} - {"veridical"})

SQL = re.compile(
    r"^\s*(from|import) (sqlalchemy|sqlite3|psycopg|veridical\.store\.schema)\b"
    r"|\.(execute|exec_driver_sql|scalars?)\(",
    re.MULTILINE,
)

links = pytest.mark.skipif(
    not any(path.is_symlink() for path in (ROOT / "veridical").iterdir()),
    reason="this checkout has no symlinks (an sdist, or git without core.symlinks)",
)


@links
@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_its_link(room: str) -> None:
    assert (ROOT / "veridical" / room).resolve() == (ROOT / room).resolve()


@links
def test_no_link_without_a_room() -> None:
    linked = {path.name for path in (ROOT / "veridical").iterdir() if path.is_symlink()}
    assert linked == set(ROOMS)


def test_every_room_has_its_floor() -> None:
    assert set(ROOMS) <= set(LEVEL)


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_upwards_or_sideways(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        for module in imported_rooms(path):
            assert module == room or LEVEL.get(module, 0) < LEVEL[room], f"{path} imports {module}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert not cycle_of(GRAPH)


def test_no_package_imports_its_sibling_and_is_imported_by_it() -> None:
    for siblings in sibling_graphs(GRAPH, set(MAPPING)):
        assert not cycle_of(siblings)


def test_a_circle_is_found_wherever_its_imports_stand(tmp_path: Path) -> None:
    for name, source in {
        "a/one": "def late():\n    from p.b.two import x",
        "a/two": "",
        "b/one": "import p.a.two",
        "b/two": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.a.one",
    }.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(source, encoding="utf-8")
    modules = modules_of({"p": tmp_path, "p.a": tmp_path / "a", "p.b": tmp_path / "b"})
    graph = import_graph(modules)
    assert not cycle_of(graph)
    (siblings, *_) = sibling_graphs(graph, {"p", "p.a", "p.b"})
    assert set(cycle_of(siblings)) == {"p.a", "p.b"}
    modules["p.b.two"].write_text("if True:\n    import p.a.one", encoding="utf-8")
    assert set(cycle_of(import_graph(modules))) == {"p.a.one", "p.b.two"}


@pytest.mark.parametrize("room", sorted({*ROOMS} - {"store"}))
def test_sql_stands_in_the_store_alone(room: str) -> None:
    """Who else needs something kept or found asks a function of `store` that says what it is."""
    for path in (ROOT / room).rglob("*.py"):
        assert not SQL.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    "line",
    [
        "from sqlalchemy import select",
        "    import sqlite3",
        "from veridical.store.schema import templates",
        "rows = connection.execute(query)",
    ],
)
def test_sql_is_known_by_its_words(line: str) -> None:
    assert SQL.search(f"import ast\n{line}\n")


def test_the_package_root_imports_no_room() -> None:
    for path in (ROOT / "veridical").glob("*.py"):
        if path.name != "__init__.py":
            assert not imported_rooms(path) & LEVEL.keys() - {"veridical"}, path


def test_the_front_door_is_imported_only_when_it_is_asked_for() -> None:
    """The one exception: what most programs need is named by the root, and loaded by its rooms."""
    program = (
        "import sys, veridical; before = {m for m in sys.modules if m.startswith('veridical.')}; "
        "assert before <= {'veridical.release', 'veridical.renamed'}, before; "
        "assert 'numpy' not in sys.modules; "
        "veridical.load_verifier, veridical.Transaction, veridical.Client; print(veridical.__all__)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ast.literal_eval(result.stdout) == sorted(veridical.__all__)
    assert {
        name: getattr(veridical, name) is not None for name in veridical.__all__
    } == dict.fromkeys(veridical.__all__, True)
    assert set(veridical.__all__) >= {"Client", "Transaction", "load_policy", "load_verifier"}
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = veridical.nothing_such


def imported_rooms(path: Path) -> set[str]:
    """Second part of every `veridical.x` import in one file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module == "veridical":
                names = [f"veridical.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("veridical.")}
    return found


def test_every_folder_with_code_is_shipped() -> None:
    found = {"veridical"}
    for package, target in MAPPING.items():
        if package.count(".") == 1:
            for init in (ROOT / target).rglob("__init__.py"):
                found.add(".".join([package, *init.parent.relative_to(ROOT / target).parts]))
    assert set(SETUPTOOLS["packages"]) == found == set(MAPPING)


def test_every_data_file_of_a_package_is_shipped() -> None:
    shipped = {
        path
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for path in (ROOT / MAPPING[package]).glob(pattern)
    }
    left_out = [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".md"} and path not in shipped
    ]
    assert not left_out
