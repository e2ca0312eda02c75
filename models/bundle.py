"""How do models reach a machine without a network? As one archive of verified files."""

import io
import tarfile
from pathlib import Path

from veridical.errors import ModelError
from veridical.models.card import Card, read_card
from veridical.models.catalogue import check_model
from veridical.models.lock_file import LOCK_NAME, LockEntry, lock_text, read_lock

__all__ = ["write_bundle"]

NOTICE_NAME = "LICENCES.txt"


def write_bundle(directory: Path, target: Path) -> tuple[str, ...]:
    """Write every pulled model that proves itself into one tar file.

    Unpacked into an empty models directory it is that directory: the lock file is part of it.
    The same models give the same bytes.

    Args:
        directory: A models directory.
        target: The archive to write; one that is there is replaced.

    Returns:
        Names of the models in it.

    Raises:
        ModelError: `model.altered`: a model is not what was pulled; `model.missing`: there is
            none at all.
    """
    entries: dict[str, LockEntry] = {}
    cards: list[Card] = []
    for name, entry in sorted(read_lock(directory).items()):
        card = read_card(name)
        check_model(card, directory)
        cards.append(card)
        entries[name] = entry
    if not entries:
        raise ModelError(f"{directory} holds no models; pull some first", "model.missing")
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
            _add(archive, LOCK_NAME, lock_text(entries).encode())
            _add(archive, NOTICE_NAME, _notice(cards).encode())
            for entry in entries.values():
                _add(archive, entry.file, (directory / entry.file).read_bytes())
        temporary.replace(target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error}", "model.directory") from error
    finally:
        temporary.unlink(missing_ok=True)
    return tuple(entries)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # no time, no owner: equal models make equal archives
    member.size = len(data)
    member.mode = 0o644
    archive.addfile(member, io.BytesIO(data))


def _notice(cards: list[Card]) -> str:
    return "\n".join(
        f"{card.name}: {card.task}\n"
        f"licence of the weights: {card.licence}; commercial use: {card.commercial}\n"
        f"source file: {card.file.name}, sha256 {card.file.sha256}\n{card.provenance}\n"
        for card in cards
    )
