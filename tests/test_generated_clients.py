"""Clients that others generate from the description reach every route, and verify an applicant."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import served
from tests.service_house import KEYS, Rules, picture
from veridical.client import Client
from veridical.service.api.auth import SCOPES
from veridical.service.app import create_app
from veridical.store import Database
from veridical.store.tenants import Tenant, add_tenant, issue_api_key
from veridical.transactions import Resources
from veridical.verification.evidence import SigningKey

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / ".venv-clients"
DESCRIPTION = ROOT / "docs" / "openapi.json"
DESCRIBED: dict[str, Any] = json.loads(DESCRIPTION.read_text("utf-8"))
OPERATIONS = [o["operationId"] for path in DESCRIBED["paths"].values() for o in path.values()]

IN_PYTHON = """
import base64, hashlib, io, sys
from veridical_api_client import AuthenticatedClient
from veridical_api_client.api.transactions import (
    create_transaction, get_transaction, submit_transaction, upload_medium,
)
from veridical_api_client.models import (
    Consent, NewTransaction, Problem, Submission, UploadMediumKind,
)
from veridical_api_client.types import File

address, key, path = sys.argv[1:]
data = open(path, "rb").read()
client = AuthenticatedClient(address, token=key)
started = create_transaction.sync(
    client=client, body=NewTransaction(consent=Consent(biometrics=True), policy="selfie")
)
digest = f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
for kind in started.media.required:
    told = upload_medium.sync(
        started.id, UploadMediumKind(kind.value), client=client,
        body=File(io.BytesIO(data)), content_digest=digest,
    )
    assert told.sha256 == hashlib.sha256(data).hexdigest(), told
seen = submit_transaction.sync(started.id, client=client, body=Submission(), wait_s=30)
problem = get_transaction.sync("t_" + "0" * 32, client=client)
assert isinstance(problem, Problem) and problem.code == "transaction.not_found", problem
print(seen.outcome.value, seen.verdict.checks[0].score, seen.created_at.year > 2000)
"""

IN_TYPESCRIPT = """
import createClient from "openapi-fetch";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { paths } from "./schema.js";

const [address, key, path] = process.argv.slice(2);
const data = readFileSync(path);
const headers = { Authorization: `Bearer ${key}` };
const digest = `sha-256=:${createHash("sha256").update(data).digest("base64")}:`;
const client = createClient<paths>({ baseUrl: address, headers });
const started = await client.POST("/v1/transactions", {
  body: { consent: { biometrics: true }, policy: "selfie" },
});
if (!started.data) throw new Error(started.error.code);
const transaction = started.data.id;
for (const kind of started.data.media.required) {
  const told = await client.PUT("/v1/transactions/{transaction}/media/{kind}", {
    params: { path: { transaction, kind }, header: { "content-digest": digest } },
    headers: { "Content-Type": "application/octet-stream" },
    body: data as never,
    bodySerializer: (body: unknown) => body as BodyInit,
  });
  if (!told.data) throw new Error(told.error.code);
}
const seen = await client.POST("/v1/transactions/{transaction}/submit", {
  params: { path: { transaction }, query: { wait_s: 30 } },
  body: {},
});
if (!seen.data) throw new Error(seen.error.code);
const score: number | null | undefined = seen.data.verdict?.checks[0].score;
const missing = await client.GET("/v1/transactions/{transaction}", {
  params: { path: { transaction: "t_" + "0".repeat(32) } },
});
if (missing.error?.code !== "transaction.not_found") throw new Error("a problem was expected");
console.log(seen.data.outcome, score);
"""


def run(*words: str | Path, folder: Path) -> str:
    """What a program says; fails the test when it fails."""
    path = f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and key of a service whose checks accept everybody."""
    folder = tmp_path_factory.mktemp("service")
    database = Database(folder / "test.db")
    database.upgrade()
    add_tenant(database, Tenant("bank", 60_000, 64))
    _, key = issue_api_key(database, "bank", tuple(SCOPES), "", None, sandbox=False)
    signing = SigningKey.from_file(folder / "signing.pem")
    app = create_app(
        Rules().build(),
        resources=Resources(database, KEYS, signing),
        policy="selfie",
        snapshots=folder,
    )
    with served(app) as address:
        with Client(address) as client:
            client.ready()
        yield address, key
    database.close()


@pytest.fixture(scope="module")
def python_client(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of a generated client, and what its generator said."""
    tool = TOOLS / "bin" / "openapi-python-client"
    if not tool.is_file():
        pytest.skip("no generators: run `make clients`")
    folder = tmp_path_factory.mktemp("python")
    config = ROOT / "deploy" / "openapi-python-client.yml"
    words = ("--path", DESCRIPTION, "--config", config, "--meta", "none")
    target = folder / "veridical_api_client"
    return folder, run(tool, "generate", *words, "--output-path", target, folder=folder)


@pytest.fixture(scope="module")
def typescript_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a generated description, with what uses it."""
    modules = TOOLS / "node_modules"
    if not (modules / ".bin" / "openapi-typescript").exists() or not shutil.which("node"):
        pytest.skip("no generators: run `make clients`")
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    generate = (modules / ".bin" / "openapi-typescript", DESCRIPTION, "-o", "schema.ts")
    run(*generate, "--default-non-nullable=false", folder=folder)
    (folder / "transaction.ts").write_text(IN_TYPESCRIPT)
    (folder / "node.d.ts").write_text(
        'declare module "node:crypto" { export function createHash(name: string): any; }\n'
        'declare module "node:fs" { export function readFileSync(path: string): any; }\n'
        "declare const process: { argv: string[] };\n"
    )
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck")
    files = ("transaction.ts", "node.d.ts")
    run(modules / ".bin" / "tsc", *options, *files, folder=folder)
    return folder


def test_a_python_client_is_generated_with_every_operation(
    python_client: tuple[Path, str],
) -> None:
    folder, said = python_client
    assert "WARNING" not in said.upper()
    modules = {path.stem for path in (folder / "veridical_api_client" / "api").glob("*/*.py")}
    assert modules - {"__init__"} == set(OPERATIONS)


def test_it_verifies_an_applicant(
    python_client: tuple[Path, str], service: tuple[str, str], tmp_path: Path
) -> None:
    selfie = tmp_path / "selfie.png"
    selfie.write_bytes(picture(40))
    python = TOOLS / "bin" / "python"
    said = run(python, "-c", IN_PYTHON, *service, selfie, folder=python_client[0])
    assert said.split() == ["accept", "1.0", "True"]


def test_a_typescript_client_verifies_an_applicant(
    typescript_client: Path, service: tuple[str, str], tmp_path: Path
) -> None:
    for name in OPERATIONS:
        assert f'operations["{name}"]' in (typescript_client / "schema.ts").read_text("utf-8")
    selfie = tmp_path / "selfie.png"
    selfie.write_bytes(picture(41))
    said = run("node", "transaction.js", *service, selfie, folder=typescript_client)
    assert said.split() == ["accept", "1"]
