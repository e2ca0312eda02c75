"""What tests share: the pulled models and the shared data, each a skip with its reason."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import cv2
import hypothesis
import pytest

from tests.databases import postgres_server
from veridical.cli import main
from veridical.models import ModelStore, SourceFile, fetch_member
from veridical.models.pull import CACHE_NAME
from veridical.models.source import NpmSource, PypiSource
from veridical.rehearsal.samples import Sample, build_samples, build_talkers
from veridical.store import Database
from veridical.verification.settings import Settings

if TYPE_CHECKING:
    from tests.service_house import House

MIGRATE = Database.upgrade
BEGAN, WORKERS = pytest.StashKey[float](), pytest.StashKey[float]()
Run = Callable[..., tuple[int, str, str]]

# Two cores are shared with everybody else who runs tests: no test may fail for being slow. CI draws
# the same examples every time, so that a change is judged by what it changed.
cv2.setNumThreads(1)
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "house")
# The same frames of a clip are drawn every time, here and in every process that tests start.
os.environ.setdefault("VERIDICAL_DRAW_SECRET", "known to everybody")
# No test reads or writes what an installation on this machine keeps.
if "PYTEST_XDIST_WORKER" not in os.environ or "VERIDICAL_DATA_DIR" not in os.environ:
    os.environ["VERIDICAL_DATA_DIR"] = tempfile.mkdtemp(prefix="veridical-tests-")

LONG = {
    "cli_table", "drift_service", "evaluation_compose", "evaluation_protocols", "examples",
    "expression_language", "gallery_gallery", "gallery_index", "gallery_kill", "light_check",
    "light_figures", "lips_adapt", "lips_figures", "liveness_continuity", "liveness_cues",
    "liveness_injection", "liveness_silent", "media_clip", "media_planes", "media_sound",
    "media_windows", "models_engines", "ocr_kind_aamva", "ocr_kinds", "policy_doors",
    "recording_service", "rejudge", "service_abuse", "service_access", "service_accommodation",
    "service_api", "service_batch", "service_chip", "service_live", "service_operations",
    "service_reviewers", "service_spoken", "service_transactions", "shadow", "signals_provider",
    "signals_service", "specimens_render", "store_database", "verification_evidence",
    "verification_replays", "voice_campplus", "voice_match", "voice_replay", "wire",
}  # fmt: skip
"""Files whose tests take more than about a second of processor time together: `make quick` leaves
them out. Its last line says when this has to be looked at again: it should take less than a
minute."""
LONGER = {"store", "shared", "samples", "talkers", "postgres", "browser"}
"""Fixtures of what `make quick` does without: models, pictures, servers, browsers."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what `make quick` leaves out whole."""
    long = collection_path.stem.removeprefix("test_") in LONG or collection_path.name == "chaos"
    return True if long and config.getoption("markexpr") == "quick" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make quick` runs: nothing that is pulled, served or slow."""
    for item in items:
        asks = LONGER & set(getattr(item, "fixturenames", ()))
        long = item.path.stem.removeprefix("test_") in LONG or item.path.parent.name == "chaos"
        marked = long or any(item.get_closest_marker(name) for name in ("models", "shared", "slow"))
        if not asks and not marked and "postgresql" not in item.name:
            item.add_marker(pytest.mark.quick)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember when it began."""
    session.config.stash[BEGAN] = time.monotonic()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Have each worker of pytest-xdist tell what it used."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["cpu_s"] = _cpu_s()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401
    """Add up what the workers used."""
    used = node.config.stash.get(WORKERS, 0.0)
    node.config.stash[WORKERS] = used + getattr(node, "workeroutput", {}).get("cpu_s", 0.0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long it took: on a busy machine processor time says more than the clock."""
    stash = terminalreporter.config.stash
    cpu, wall = _cpu_s() + stash.get(WORKERS, 0.0), time.monotonic() - stash[BEGAN]
    terminalreporter.write_line(f"took {cpu:.0f} s of processor time, {wall:.0f} s by the clock")


def _cpu_s() -> float:
    """Processor time of this process and of its children that ended."""
    return sum(os.times()[:4])


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A service that a test starts sends all logs to its stream: later tests have closed that."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    yield
    root.handlers[:] = kept
    root.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def _tables_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new SQLite database is a copy of one that the migrations made; older ones go through them.

    Hundreds of tests begin with one, and the migrations cost more than most of them.
    """
    made = tmp_path_factory.mktemp("tables") / "made.db"
    template = Database(made)
    MIGRATE(template)
    template.close()

    def upgrade(self: Database) -> None:
        file = Path(str(self._engine.url.database))
        if self.is_sqlite and file.parent.is_dir() and not file.exists():
            shutil.copy(made, file)
            file.chmod(0o600)
        MIGRATE(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "upgrade", upgrade)
        yield


@pytest.fixture(scope="session")
def store() -> ModelStore:
    """The pulled models, or a skip."""
    models = Settings().model_store()
    # Some but not all: the test that wants the missing one fails, and says what to do.
    if not any(models.has(name) for name in models.profile("registry").models):
        pytest.skip(f"no models in {models.directory}: run `veridical models pull`")
    return models


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared evaluation data beside the project, or a skip."""
    folder = Path(__file__).parent.parent.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no shared/ beside the project")
    return folder


def cached_picture(source: SourceFile) -> bytes:
    """A picture of the samples that was pulled, or a skip."""
    cache = Settings().models_dir / CACHE_NAME
    kept = [s.archive_sha256 for s in source.sources if isinstance(s, PypiSource | NpmSource)]
    if not any((cache / name).is_file() for name in kept):
        pytest.skip("no pictures of the samples: run `veridical demo --prepare`")
    return fetch_member(source, cache)


@pytest.fixture(scope="session")
def samples() -> dict[str, Sample]:
    """The transactions of the demo by name, or a skip: their pictures are public domain."""
    return {sample.name: sample for sample in build_samples(cached_picture)}


@pytest.fixture(scope="session")
def talkers(store: ModelStore) -> dict[str, Sample]:
    """The photograph made to speak, by name, or a skip."""
    return {sample.name: sample for sample in build_talkers(cached_picture)}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a throw-away PostgreSQL server, or a skip."""
    with postgres_server() as (url, why_not):
        if why_not:
            pytest.skip(why_not)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a new, empty database, once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    psycopg = pytest.importorskip("psycopg", reason="veridical[postgres] is not installed")
    server, name = request.getfixturevalue("postgres"), f"t{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return str(server).replace("/postgres?", f"/{name}?")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A new, empty database with its tables, once on each kind."""
    made = Database(database_url)
    made.upgrade()
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[House]":
    """One running service for the tests of a module."""
    from tests.service_house import house  # the rest does without a server

    folder = tmp_path_factory.mktemp("service")
    with house(folder / "v.db", folder) as made:
        yield made


@pytest.fixture
def here(service: "House") -> "House":
    """The service of the module, as a new tenant sees it."""
    return service.of_new_tenant()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line; answers exit code, output and errors, and fails on a traceback."""

    def ended(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["veridical", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        output = capsys.readouterr()
        assert "Traceback" not in output.out + output.err
        code = caught.value.code
        return (code if isinstance(code, int) else 0), output.out, output.err

    return ended
