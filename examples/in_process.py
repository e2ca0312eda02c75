"""Verify in your own process: no service, no network.

    python examples/in_process.py front.jpg selfie.jpg

Build the verifier once: it loads and self-tests the models. It is safe in many threads.
"""

import sys
from pathlib import Path

from veridical.media import read_image, read_image_with_info
from veridical.verification import Settings, Transaction, Verdict, load_policy, load_verifier


def main(front: Path, selfie: Path, policy: str = "selfie") -> Verdict:
    """Judge one document picture and one selfie."""
    verifier = load_verifier(Settings())
    document, info = read_image_with_info(front)
    transaction = Transaction(
        id="example", document_front=document, document_info=info, selfie=read_image(selfie)
    )
    verdict = verifier.verify(transaction, load_policy(policy))
    print(verdict.outcome, verdict.first_cause or "")
    for result in verdict.results:
        print(f"  {result.check:20} {result.status:14} {result.score}")
    return verdict


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
