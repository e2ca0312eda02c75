"""Write `voiceprint/tables/pinyin.txt`: the readings of Chinese characters, by syllable.

    pip download --no-deps --dest WHEELS pypinyin==0.55.0
    python research/training/pinyin_table.py WHEELS voiceprint/tables/pinyin.txt

pypinyin's dictionary (MIT) lists a character's readings, the commonest first. Three are kept: those
behind are literary, and would make characters alike that nobody confuses. Traditional forms are left out:
texts are brought to simplified ones before they are compared.
"""

import argparse
import json
import unicodedata
import zipfile
from collections import defaultdict
from pathlib import Path

MEMBER = "pypinyin/pinyin_dict.json"
FIRST, LAST = 0x4E00, 0x9FA5
KEPT = 3
TONES = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0300": "4"}
HEADER = """\
# Readings in pinyin (5 is the neutral tone, v is u with two dots) and the characters that have them.
# Written by research/training/pinyin_table.py from pypinyin (MIT).
"""


def main() -> None:
    """Write the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("wheels", type=Path)
    asked.add_argument("out", type=Path)
    given = asked.parse_args()
    (wheel,) = given.wheels.glob("pypinyin-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        known = json.loads(archive.read(MEMBER))
    simplified = Path("voiceprint/tables/simplified.txt").read_text(encoding="utf-8").split()
    traditional = {pair[0] for pair in simplified}
    by_reading: dict[str, list[str]] = defaultdict(list)
    for code, readings in sorted((int(code), readings) for code, readings in known.items()):
        if FIRST <= code <= LAST and chr(code) not in traditional:
            for reading in readings.split(",")[:KEPT]:
                by_reading[written(reading)].append(chr(code))
    rows = [f"{reading} {''.join(own)}" for reading, own in sorted(by_reading.items()) if reading]
    given.out.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")


def written(reading: str) -> str:
    """`zhòng` to `zhong4`, `lǜ` to `lv4`; empty for what is no syllable, such as `ḿ`."""
    letters = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    tone = next((TONES[letter] for letter in letters if letter in TONES), "5")
    plain = "".join(letter for letter in letters if letter.isascii() and letter.isalpha())
    return plain + tone if any(vowel in plain for vowel in "aeiouv") else ""


if __name__ == "__main__":
    main()
