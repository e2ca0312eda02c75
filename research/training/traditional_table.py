"""Write `ocr/tables/traditional.txt`: characters that a simplified document does not print.

    pip download --no-deps --dest WHEELS opencc-python-reimplemented==0.1.7
    python research/training/traditional_table.py WHEELS ocr/tables/traditional.txt

OpenCC's table of characters (Apache-2.0) says which simplified form belongs to a traditional one. A
character that GB 2312 has is simplified whatever else it is (as 乾 in a name), and so are those that
the Table of General Standard Characters of 2013 took back.
"""

import argparse
import zipfile
from pathlib import Path

MEMBER = "opencc/dictionary/TSCharacters.txt"
TAKEN_BACK = set("昇甦迺邨甯逕頫鉅於")
HEADER = """\
# Traditional characters, each followed by the simplified one that documents of the mainland print in
# its place. Written by research/training/traditional_table.py from OpenCC (Apache-2.0).
"""
A_LINE = 40


def main() -> None:
    """Write the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("wheels", type=Path)
    asked.add_argument("out", type=Path)
    given = asked.parse_args()
    (wheel,) = given.wheels.glob("opencc_python_reimplemented-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(MEMBER).decode("utf-8").splitlines()
    pairs: list[str] = []
    for line in lines:
        old, _, new = line.partition("\t")
        first = new.split(" ")[0]
        if first != old and old not in TAKEN_BACK and not _is_simplified(old):
            pairs.append(old + first)
    rows = [" ".join(pairs[at : at + A_LINE]) for at in range(0, len(pairs), A_LINE)]
    given.out.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")


def _is_simplified(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


if __name__ == "__main__":
    main()
