"""Fail when mypy's report is not a success over every module of the package.

A green mypy that checked one file is the most expensive kind of green.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Compare the number of files mypy names with the number there are."""
    report = Path(sys.argv[1]).read_text(encoding="utf-8")
    rooms = [path for path in (ROOT / "veridical").iterdir() if path.is_dir()]
    modules = [*(ROOT / "veridical").glob("*.py")]
    for room in rooms:
        modules += room.resolve().rglob("*.py")
    seen = re.search(r"Success: no issues found in (\d+) source files", report)
    if not seen or int(seen[1]) != len(modules):
        sys.stderr.write(f"mypy: {len(modules)} modules exist, it reported {seen and seen[0]!r}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
