"""Fail when mypy did not look at every module of the package.

A green mypy that checked one file is the most expensive kind of green.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Compare the modules of a `--linecount-report` with those there are."""
    lines = Path(sys.argv[1], "linecount.txt").read_text(encoding="utf-8").splitlines()
    seen = {line.split()[-1] for line in lines}
    unseen = sorted(modules() - seen)
    if unseen:
        sys.stderr.write(f"mypy did not look at: {', '.join(unseen)}\n")
    return bool(unseen)


def modules() -> set[str]:
    """Names of all modules, through the links as mypy sees them."""
    found = set()
    for folder in [ROOT / "veridical", *(p for p in (ROOT / "veridical").iterdir() if p.is_dir())]:
        real = folder.resolve()
        for path in real.glob("*.py") if folder.name == "veridical" else real.rglob("*.py"):
            parts = ["veridical", folder.name, *path.relative_to(real).with_suffix("").parts]
            if folder.name == "veridical":
                parts = ["veridical", *path.relative_to(real).with_suffix("").parts]
            found.add(".".join(parts).removesuffix(".__init__"))
    return found


if __name__ == "__main__":
    sys.exit(main())
