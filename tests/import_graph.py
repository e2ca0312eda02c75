"""Which module imports which, read from the source: nothing is imported to find out."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def modules_of(packages: Mapping[str, Path]) -> dict[str, Path]:
    """Dotted name and file of every module; a package goes by its own name.

    Args:
        packages: Dotted name and folder of each package.
    """
    return {
        package if file.stem == "__init__" else f"{package}.{file.stem}": file
        for package, folder in packages.items()
        for file in folder.glob("*.py")
    }


def import_graph(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Every module with those it imports, at the top or inside a function.

    Imports under `if TYPE_CHECKING` never run and do not count.
    """
    return {name: _imported(name, modules) - {name} for name in modules}


def cycle_of(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle, first name repeated at its end; empty when there is none."""
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def sibling_graphs(
    graph: Mapping[str, set[str]], packages: set[str]
) -> Iterator[dict[str, set[str]]]:
    """For every package, which of its direct sub-packages imports which other."""
    for parent in sorted(packages):
        depth = parent.count(".") + 2
        siblings: dict[str, set[str]] = {
            package: set()
            for package in packages
            if package.startswith(f"{parent}.") and package.count(".") == depth - 1
        }
        for module, imported in graph.items():
            above = ".".join(module.split(".")[:depth])
            below = {".".join(name.split(".")[:depth]) for name in imported}
            if above in siblings:
                siblings[above] |= (below & siblings.keys()) - {above}
        yield siblings


def _imported(name: str, modules: Mapping[str, Path]) -> set[str]:
    found = set()
    for node in _running(ast.parse(modules[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in modules else node.module or "")
    return found & modules.keys()


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that may run; there are no relative imports here."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _running(other)
            continue
        yield child
        yield from _running(child)
