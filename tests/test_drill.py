"""The drill of `make kit` in short: two replicas, one PostgreSQL, checks that answer by rule."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from deploy.drill import Drill, Process, add_migration
from tests.service_house import picture
from veridical.store import migrate

ROOT = Path(__file__).parent.parent


@dataclass
class Forked:
    """A process that the spawner forked."""

    kit: "ForkedKit"
    pid: int
    ended: int | None = None

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        if self.ended is None:
            self.ended = self.kit.ask({"poll": self.pid})
        return self.ended


class ForkedKit:
    """Starts replicas and commands in no time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(migrate.MIGRATIONS, folder / "migrations")
        add_migration(folder / "migrations")
        self._spawner = subprocess.Popen(
            [sys.executable, "-m", "tests.drill_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def close(self) -> None:
        self._spawner.communicate()

    def ask(self, what: Mapping[str, Any]) -> Any:  # noqa: ANN401
        assert self._spawner.stdin is not None
        assert self._spawner.stdout is not None
        self._spawner.stdin.write(json.dumps(what) + "\n")
        self._spawner.stdin.flush()
        return json.loads(self._spawner.stdout.readline())

    def serve(self, release: str, port: int, settings: Mapping[str, str]) -> Process:
        return self._fork(release, settings, port=port)

    def command(self, release: str, settings: Mapping[str, str], *words: str) -> str:
        output = self._folder / f"output-{uuid4().hex}"
        process = self._fork(release, settings, words=words, output=str(output))
        while process.poll() is None:
            time.sleep(0.01)
        assert process.ended == 0, words
        return output.read_text(encoding="utf-8")

    def _fork(self, release: str, settings: Mapping[str, str], **what: Any) -> Forked:  # noqa: ANN401
        asked = {
            "release": release,
            "settings": dict(settings),
            "migrations": str(self._folder / "migrations"),
            **what,
        }
        return Forked(self, self.ask(asked))


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[ForkedKit]:
    made = ForkedKit(tmp_path)
    yield made
    made.close()


def test_nothing_is_lost_when_replicas_die_keys_turn_and_releases_change(
    kit: ForkedKit, postgres: str, tmp_path: Path
) -> None:
    name = f"drill{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    (tmp_path / "keys").mkdir()
    said: list[str] = []
    media: dict[str, bytes] = dict.fromkeys(("document_front", "selfie"), picture())
    url = postgres.replace("/postgres?", f"/{name}?")
    Drill(kit, url, tmp_path / "keys", media, say=said.append).run()
    assert [line.partition(":")[0] for line in said] == [
        "share", "kill", "turn master keys", "turn signing key", "upgrade", "roll back", "restore",
    ]  # fmt: skip
