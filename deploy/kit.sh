#!/usr/bin/env bash
# What a customer does, from the wheel alone: install outside the repository, doctor, demo, verify; then
# replicas over PostgreSQL are killed, turned over, upgraded, rolled back and restored (`deploy/drill.py`).
# Models are those of this account; `veridical models pull` brings them.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export VERIDICAL_DATA_DIR="$work/data"
"${PYTHON:-python3}" -m venv "$work/venv"
pip="$work/venv/bin/python -m pip --quiet --disable-pip-version-check"
$pip wheel --no-deps -w "$work" "$root"
cd "$work"
$pip install -c "$root/constraints.txt" "$(echo "$work"/veridical-*.whl)"
echo "verifying alone: $(du -sm venv | cut -f1) MB"
venv/bin/veridical doctor
venv/bin/python -c 'import veridical, pathlib; assert pathlib.Path(veridical.__file__).is_relative_to(pathlib.Path("venv").resolve())'
$pip install -c "$root/constraints.txt" "$(echo "$work"/veridical-*.whl)[service,pull,evaluate,postgres]"
echo "with service, pull and evaluate: $(du -sm venv | cut -f1) MB"
venv/bin/veridical demo --out demo
venv/bin/veridical verify --document-front "$(ls demo/*-document.jpg | head -1)" --selfie "$(ls demo/*-selfie.jpg | head -1)" \
	--policy demo || test $? = 1
venv/bin/python "$root/deploy/drill.py" --document "$(ls demo/*-document.jpg | head -1)" --selfie "$(ls demo/*-selfie.jpg | head -1)"
