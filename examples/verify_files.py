"""Have the service judge pictures you already hold.

python examples/verify_files.py http://127.0.0.1:8080 KEY front.jpg selfie.jpg
"""

import sys
from pathlib import Path

from veridical.client import Client, InputRefused, Transaction


def main(url: str, key: str, front: Path, selfie: Path, subject_ref: str = "") -> Transaction:
    """Create, upload, submit and wait in one call; failures that may pass are tried again."""
    with Client(url, key) as client:
        try:
            found = client.verify(
                {"document_front": front, "selfie": selfie},
                policy="selfie",
                subject_ref=subject_ref,
                consent_text="2026-11",
            )
        except InputRefused as refused:
            # Such as `media.not_an_image`: the code is stable, the text is for people.
            print(f"cannot be judged: {refused.code}: {refused}")
            raise
    print(found.outcome, found.verdict.first_cause if found.verdict else "")
    return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
