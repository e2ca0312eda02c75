"""Write the SDK's package from the rooms of this repository.

Two distributions cannot own one package: `veridical.client` is part of `veridical`, so the same
code is written here as `veridical_client`, with what it needs of the core and the wire below it.
"""

import re
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parents[2]
NAME = "veridical_client"
PLACES = {
    "client": ("veridical.client", NAME),
    "wire": ("veridical.wire", f"{NAME}.wire"),
    "veridical": ("veridical", f"{NAME}.core"),
}
"""Folders, and their names there and here; longer names first."""
CORE = ("errors.py", "languages.py", "release.py", "result.py")


def write_package(target: Path) -> None:
    """Write the package `veridical_client` into a folder."""
    for folder, (_, new) in PLACES.items():
        place = target.joinpath(*new.split("."))
        place.mkdir(parents=True, exist_ok=True)
        for path in sorted((ROOT / folder).glob("*.py")):
            if folder != "veridical" or path.name in CORE:
                text = renamed(path.read_text(encoding="utf-8"))
                (place / path.name).write_text(text, encoding="utf-8")
    (target / NAME / "core" / "__init__.py").write_text('"""Errors and results."""\n', "utf-8")
    (target / NAME / "py.typed").touch()


def renamed(text: str) -> str:
    """A module that imports what it needs by the names it has here."""
    for old, new in PLACES.values():
        imports = re.compile(rf"^(\s*(?:from|import) ){re.escape(old)}\b", re.M)
        text = imports.sub(rf"\g<1>{new}", text)
    return text


class FromRooms(build_py):
    """Builds from the rooms; there is nothing else."""

    def run(self) -> None:
        """Write the package where setuptools gathers it."""
        write_package(Path(self.build_lib))


if __name__ == "__main__":
    setup(packages=[NAME], package_dir={NAME: "."}, cmdclass={"build_py": FromRooms})
