"""Write the npm package `@veridical/capture` from the page's own files.

python deploy/capture/build.py build/capture && npm pack ./build/capture
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
OWN = ("package.json", "index.d.ts", "react.js", "react.d.ts", "README.md")


def write_package(target: Path) -> None:
    """Write it into a folder, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "service" / "pages" / "static" / "capture", target)
    for name in OWN:
        shutil.copy(HERE / name, target / name)
    shutil.copy(ROOT / "LICENSE", target / "LICENSE")


if __name__ == "__main__":
    write_package(Path(sys.argv[1]))
