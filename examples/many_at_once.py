"""Many applicants at once, without a thread for each.

    python examples/many_at_once.py http://127.0.0.1:8080 KEY folder

Every sub-folder holds `front.jpg` and `selfie.jpg`.
"""

import asyncio
import sys
from pathlib import Path

from veridical.client import ApiError, AsyncClient

AT_ONCE = 4
"""The service says 429 when it is busy, and the client waits as long as it asks; still, there is
little use in sending more than it has cores."""


async def judge(client: AsyncClient, folder: Path, places: asyncio.Semaphore) -> str:
    """One applicant; an error of one never ends the others."""
    async with places:
        media = {"document_front": folder / "front.jpg", "selfie": folder / "selfie.jpg"}
        try:
            found = await client.verify(
                media, policy="selfie", subject_ref=folder.name, consent_text="2026-11"
            )
        except ApiError as error:
            return error.code
        return str(found.outcome)


async def main(url: str, key: str, folders: list[Path]) -> dict[str, str]:
    """Outcome or error code by folder."""
    places = asyncio.Semaphore(AT_ONCE)
    async with AsyncClient(url, key) as client:
        outcomes = await asyncio.gather(*(judge(client, folder, places) for folder in folders))
    return {folder.name: outcome for folder, outcome in zip(folders, outcomes, strict=True)}


if __name__ == "__main__":
    applicants = sorted(path for path in Path(sys.argv[3]).iterdir() if path.is_dir())
    for name, outcome in asyncio.run(main(sys.argv[1], sys.argv[2], applicants)).items():
        print(name, outcome)
