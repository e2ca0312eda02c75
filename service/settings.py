"""Settings of the service, beside those of the verifier."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr

from veridical.verification import Settings

if TYPE_CHECKING:
    from veridical.transactions import Resources, TransactionSettings

__all__ = ["ServiceSettings"]


class ServiceSettings(Settings):
    """How the service runs; each field is also `VERIDICAL_<FIELD>` in the environment.

    Attributes:
        api_key: A key of the default tenant with every scope, beside those of `veridical tenants`.
        max_body_bytes: Largest form of media; bodies of other kinds have bounds of their own.
        held_body_bytes: Bodies under way may hold so much together, those of one tenant half.
        proxy_secret: What a proxy that authenticated a person sends as `X-Veridical-Proxy-Secret`,
            beside the name in `X-Veridical-Person`; no proxy is believed when there is none.
        hosts: Names, parted by commas, by which the service may be called; any when empty.
        public_url: Where applicants reach the service, such as `https://verify.bank.example`: the
            beginning of links to its page; as the service was called when empty.
        probes: Address and port of a listener for probes alone, such as `127.0.0.1:9090`: it
            answers whatever clients do at the other; none when empty.
        capacity: Verifications at once; 0 takes one a core.
        queue: Transactions that may wait for a verdict; more get 429.
        transaction_s: From the start, or a verdict `retry`, to the last moment media are taken.
        challenge_s: From drawing a challenge to the last moment it may be answered.
        recording_s: Both of the above for recordings of a script.
        keep_days: For how long media and verdicts are kept once a transaction is over.
        drift_days: For how many days counts of scores and reasons are kept to notice drift; 0
            counts nothing.
        callback_hosts: Hosts, parted by commas, that webhooks may reach although they are private
            or without TLS.
        capture_origins: Origins, parted by commas, of pages that capture with an upload token.
        qa_dir: Folder that takes recordings of the demo page's QA mode; off without.
        log_level: Least severe message that is logged.
    """

    api_key: SecretStr | None = None
    proxy_secret: SecretStr | None = Field(default=None, min_length=16)
    max_body_bytes: int = Field(default=64 * 2**20, gt=0)
    held_body_bytes: int = Field(default=256 * 2**20, gt=0)
    hosts: str = ""
    public_url: str = ""
    probes: str = ""
    capacity: int = Field(default=0, ge=0)
    queue: int = Field(default=16, gt=0)
    transaction_s: int = Field(default=1_200, gt=0)
    challenge_s: int = Field(default=90, gt=0)
    recording_s: int = Field(default=900, gt=0)
    keep_days: float = Field(default=30.0, gt=0)
    drift_days: float = Field(default=35.0, ge=0)
    callback_hosts: str = ""
    capture_origins: str = ""
    qa_dir: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def resources(self) -> "Resources":
        """Open the database and the keys.

        Raises:
            StoreError: The database cannot be used, the keys do not open it, or its evidence is
                signed by other keys.
        """
        from veridical.store.probe import prove_keys
        from veridical.transactions import Resources
        from veridical.verification.signers import admit_signer

        database, keys = self.open_database(), self.keys()
        with database.reading() as connection:
            prove_keys(connection, keys)
        signing = self.signing_key()
        admit_signer(database, signing, self.public_keys())
        return Resources(database, keys, signing)

    def transactions(self) -> "TransactionSettings":
        """Bounds of transactions."""
        from veridical.transactions import TransactionSettings

        return TransactionSettings(
            lifetime=timedelta(seconds=self.transaction_s),
            challenge_lifetime=timedelta(seconds=self.challenge_s),
            recording_lifetime=timedelta(seconds=self.recording_s),
            keep=timedelta(days=self.keep_days),
            keep_codes=timedelta(days=self.fingerprint_days),
            keep_counts=timedelta(days=self.drift_days),
            most_waiting=self.queue,
            allowed_callbacks=frozenset(words(self.callback_hosts)),
        )


def words(text: str) -> list[str]:
    """The words of a list parted by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]
