"""What did the demo's samples get before and now? Verdict by verdict, check by check.

    git worktree add --detach ../before 1626ad2
    python research/golden.py ../before . > docs/measurements/golden.md

Each tree builds the samples by its own code and judges them by its own policies, with the models
that are pulled here. Frames are drawn by a secret, so the second tree judges under several. Ends
with 1 where something differs that `NAMED` does not name.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

SECRETS = ("the first golden secret", "the second golden secret", "the third golden secret")
NAMED = {
    "face.copy": "new since",
    "capture.continuity": "new since",
    "capture.present": "new since; required by `demo-spoken`",
    "liveness.silent": (
        "the Minivision pair judges without faceplugin, a picture is seen through six windows, "
        "`flat_motion` needs a head that moves; of a clip, frames are drawn by a secret"
    ),
    "voice.digits": "the digit nets hear through Whisper's encoder",
    "liveness.lips": "the times of the digits come from those nets",
    "face.quality": "frames of a clip are drawn by a secret",
    "face.same_person": "frames of a clip are drawn by a secret",
}
"""Every change of a check since, as CHANGELOG.md has it."""
PROGRAM = """
import json, sys
from veridical.verification import Settings, load_policy, load_verifier, verdict_to_json
try:
    from veridical.cli.demo import make_samples, make_talkers
except ImportError:
    from veridical.service.cli.demo import make_samples, make_talkers
settings = Settings(policy="demo")
verifier = load_verifier(settings)
print(json.dumps({
    sample.name: verdict_to_json(verifier.verify(sample.transaction, load_policy(sample.policy)))
    for sample in (*make_samples(settings), *make_talkers(settings))
}))
"""
HEAD = """# Golden run

Written by `python research/golden.py BEFORE AFTER`. *Before* is commit `1626ad2`; *after* is the
tree that holds this page, under three secrets of the draw. The nine samples of the demo of then are
judged by both; checks that gave the same status, score and reason are not listed. A score of two
numbers is the least and the most of the three runs.

| sample | before | after |
|---|---|---|
"""


def verdicts(tree: Path, secret: str) -> dict[str, dict]:
    """Verdicts of the samples by name."""
    found = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "VERIDICAL_DRAW_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(found.stdout)


def end_of(verdict: dict) -> str:
    """Outcome and first cause."""
    cause = verdict["first_cause"]
    return verdict["outcome"] + (f": `{cause}`" if cause else "")


def of_check(verdict: dict, check: str) -> tuple[str, str, float | None] | None:
    """Status, reason and score of a check; None where it was not run."""
    for one in verdict["checks"]:
        if one["check"] == check:
            return one["status"], one["reason"], one["score"]
    return None


def told(found: list[tuple[str, str, float | None] | None]) -> str:
    """What several runs gave, in a cell."""
    ends = dict.fromkeys(f"{f[0]} {f[1]}".strip() if f else "not run" for f in found)
    scores = [f[2] for f in found if f and f[2] is not None]
    spread = dict.fromkeys(f"{score:.3f}" for score in (min(scores), max(scores))) if scores else ()
    return ", ".join([" or ".join(ends), *([" to ".join(spread)] if spread else [])])


def main(before: Path, after: Path) -> int:
    """Print the page; how many differences nobody named."""
    old = verdicts(before.resolve(), SECRETS[0])
    runs = [verdicts(after.resolve(), secret) for secret in SECRETS]
    sys.stdout.write(HEAD)
    for name, verdict in old.items():
        now = " or ".join(dict.fromkeys(end_of(run[name]) for run in runs))
        sys.stdout.write(f"| {name} | {end_of(verdict)} | {now} |\n")
    sys.stdout.write("\n| sample | check | before | after | why |\n|---|---|---|---|---|\n")
    unnamed = 0
    for name, verdict in old.items():
        checks = {
            one["check"]: None for v in (verdict, *(r[name] for r in runs)) for one in v["checks"]
        }
        for check in checks:
            was, found = of_check(verdict, check), [of_check(run[name], check) for run in runs]
            if {was} == set(found):
                continue
            unnamed += check not in NAMED
            why = NAMED.get(check, "**not named**")
            sys.stdout.write(f"| {name} | `{check}` | {told([was])} | {told(found)} | {why} |\n")
    return unnamed


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]), Path(sys.argv[2]))))
