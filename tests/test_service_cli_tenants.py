"""`veridical tenants` and the chain on the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from veridical.errors import StoreError
from veridical.service.settings import ServiceSettings
from veridical.store import Database
from veridical.store.tenants import api_keys_of, find_api_key, find_tenant
from veridical.verification import Settings
from veridical.verification.evidence import SigningKey

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line over a data folder of its own."""
    for name in ("DATABASE", "MASTER_KEYS", "MASTER_KEYS_FILE", "SIGNING_KEY_FILE"):
        monkeypatch.delenv(f"VERIDICAL_{name}", raising=False)
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path / "data"))
    return run


def database() -> Database:
    return Settings().open_database()


def test_a_key_is_shown_once_and_known_by_its_hash(run: Run) -> None:
    assert run("tenants", "add", "bank")[0] == 0
    code, text, _ = run("tenants", "issue", "bank", "--role", "reviewer", "--label", "desk 7")
    assert code == 0
    found = find_api_key(database(), text.strip())
    assert found is not None
    assert "reviews" in found.scopes
    assert "transactions:erase" not in found.scopes
    code, shown, _ = run("tenants", "keys", "bank")
    assert found.prefix in shown
    assert "desk 7" in shown
    assert text.strip()[-30:] not in shown
    content = Path(Settings().data_dir / "veridical.db").read_bytes()
    assert text.strip()[-30:].encode() not in content
    assert run("tenants", "revoke", found.prefix)[0] == 0
    assert find_api_key(database(), text.strip()) is None
    assert run("tenants", "revoke", found.prefix)[0] == 2


def test_roles_scopes_and_the_sandbox(run: Run) -> None:
    run("tenants", "add", "bank")
    run("tenants", "issue", "bank", "--scope", "analysis", "--sandbox", "--days", "1")
    (key,) = api_keys_of(database(), "bank")
    assert (key.scopes, key.sandbox) == (frozenset({"analysis"}), True)
    assert key.expires_at is not None
    assert key.expires_at - key.created_at < 86_500_000
    code, _, error = run("tenants", "issue", "bank", "--role", "king")
    assert (code, "usage.scope" in error) == (2, True)
    assert run("tenants", "issue", "nobody")[0] != 0
    assert run("tenants", "add", "bank")[0] != 0


def test_limits_and_webhooks(run: Run) -> None:
    run("tenants", "add", "bank")
    run("tenants", "limit", "bank", "--requests-per-minute", "90", "--concurrent", "3")
    code, secret, _ = run("tenants", "webhook", "bank", "https://bank.example/hook")
    assert (code, secret.startswith("whsec_")) == (0, True)
    tenant = find_tenant(database(), "bank")
    assert tenant is not None
    assert (tenant.requests_per_minute, tenant.concurrent) == (90, 3)
    assert "https://bank.example/hook" in run("tenants", "list")[1]
    assert run("tenants", "webhook", "bank", "https://127.0.0.1/")[0] != 0


def test_a_chain_is_exported_and_verified_offline(run: Run, tmp_path: Path) -> None:
    out, public = tmp_path / "chain.jsonl", tmp_path / "public.pem"
    code, text, _ = run("evidence", "export", out)
    assert (code, text.splitlines()[0]) == (0, "0 records")
    assert run("evidence", "rotate-key")[0] == 0
    public.write_text(run("evidence", "public-key")[1], encoding="ascii")
    assert public.read_text(encoding="ascii").count("BEGIN PUBLIC KEY") == 2
    code, text, _ = run("evidence", "verify", out, "--public-key", public)
    assert (code, text.splitlines()[0]) == (0, "0 records hold")


def test_a_replica_with_a_key_of_its_own_is_refused_until_it_is_registered(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ServiceSettings().resources().database.close()  # the first replica: its key is registered
    monkeypatch.setenv("VERIDICAL_SIGNING_KEY_FILE", str(tmp_path / "own.pem"))
    assert run("evidence", "register-key")[0] != 0  # nothing is made for a name that is mistyped
    SigningKey.from_file(tmp_path / "own.pem")
    with pytest.raises(StoreError, match="register-key"):
        ServiceSettings().resources()
    assert run("evidence", "register-key")[0] == 0
    ServiceSettings().resources().database.close()
    assert run("evidence", "public-key")[1].count("BEGIN PUBLIC KEY") == 2
