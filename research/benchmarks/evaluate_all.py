"""Run every evaluation that docs/measurements/benchmarks.md quotes and an index beside the project allows.

`make evaluate`. Resumable: each evaluation keeps its scores in its own folder below `out/` and goes
on from there; one that was measured by older code or models says so and wants its folder removed.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
OUT = ROOT / "out" / "evaluate"

RUNS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("face", "face", "faces/index.csv", ()),
    ("face-degraded", "face", "faces/index.csv", ("--degrade", "portrait")),
    ("face-colour", "face", "faces/colour.csv", ()),
    ("face-groups", "face", "faces/groups.csv", ()),
    ("silent", "silent", "pad/index.csv", ()),
    ("silent-generated", "silent", "lips/pad.csv", ()),
    ("document-renders", "document", "documents/renders.jsonl", ()),
    ("document-specimens", "document", "documents/specimens.jsonl", ()),
    ("speaker", "speaker", "voice/speech.csv", ()),
    ("speaker-words", "speaker", "voice/words_zh.csv", ("--enrol-seconds", "12")),
    ("digits-en", "digits", "voice/digits_en.csv", ("--strings", "12")),
    ("digits-zh", "digits", "voice/digits_zh.csv", ("--strings", "12")),
    ("lips", "lips", "lips/index.csv", ()),
)
"""Name of the run, kind, index below the data folder, further words."""


def main() -> int:
    """Run them one after the other; answer how many did not end well."""
    failed = []
    for name, kind, index, words in RUNS:
        path = DATA / index
        if not path.is_file():
            print(f"{name}: no {path}", flush=True)
            continue
        print(f"\n== {name}", flush=True)
        command = [
            sys.executable, "-c", "from veridical.cli import main; main()",
            "evaluate", kind, str(path), *words,
            "--out", str(OUT / name), "--json", str(OUT / f"{name}.json"),
        ]  # fmt: skip
        OUT.mkdir(parents=True, exist_ok=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    print(f"\nfigures: {OUT}/*.json, reports: {OUT}/*/report.html")
    if failed:
        print(f"did not end well: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
