"""How does this installation run? What the environment says, beside which models are run."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path
from pydantic import Field, SecretStr

from veridical.analysis.settings import EngineSettings
from veridical.errors import InputError, StoreError

if TYPE_CHECKING:
    from veridical.analysis.draw import FrameDraw
    from veridical.chip import TrustList
    from veridical.signals.ledger import Ledger
    from veridical.signals.provider import HttpProvider
    from veridical.store import Database, KeyFile, MasterKeys, MediaMemory
    from veridical.verification.evidence import EvidenceLog, SigningKey

__all__ = ["Settings"]


class Settings(EngineSettings):
    """How this installation runs; each field is also `VERIDICAL_<FIELD>` in the environment.

    Those that say which models are run stand in `EngineSettings`.

    Attributes:
        policy: Name of a shipped policy or path of a policy file.
        allow_missing: Start although a required check of a policy in force lacks its model: such
            checks are not assessed, and nobody is accepted by such a policy.
        data_dir: Where the database, its master keys and the snapshots of galleries live, unless
            said otherwise.
        watchlist: Name of the gallery that `watchlist.search` searches; none is when empty.
        database: URL of the database; an SQLite file in `data_dir` when empty.
        database_connections: Most connections to a PostgreSQL server at once, of each process.
        chip_trust: File or folder of the certificates by which chips of documents are verified; see
            `chip.TrustList`. Without it no chip is assessed.
        fingerprint_days: For how many days codes of pictures, clips and sound are kept in the
            database to recognise them when they are handed in again; 0 keeps none. The service
            keeps them in its own database, all else where `database` is named.
        master_keys: Master keys as `name:base64` words, oldest first; see `store.MasterKeys`.
        master_keys_file: File of such words, mode 0600; made in `data_dir` when neither is given.
        provider_url: Where `signals.provider` asks: https, or http on this machine; nobody is
            asked when empty.
        provider_token: Sent to it as `Authorization: Bearer`.
        provider_sends: What it is told of an applicant, parted by commas; see
            `signals.provider.ASKED`.
        provider_timeout_s: Longest time its answer may take.
        evidence_log: Where a signed record of every verdict is appended; none is when not given.
        signing_key_file: Ed25519 key in PEM that signs them; made in `data_dir` when not given.
        draw_secret: Text from which the draw of the frames that are looked at follows, of 16
            characters and more; see `frame_draw`.
    """

    policy: str = "spoken"
    allow_missing: bool = False
    data_dir: Path = Field(default_factory=lambda: user_data_path("veridical"))
    watchlist: str = ""
    database: str = ""
    database_connections: int = Field(default=15, ge=2)
    chip_trust: Path | None = None
    fingerprint_days: float = Field(default=90.0, ge=0.0)
    master_keys: SecretStr = SecretStr("")
    master_keys_file: Path | None = None
    provider_url: str = ""
    provider_token: SecretStr = SecretStr("")
    provider_sends: str = "document,phone,device"
    provider_timeout_s: float = Field(default=2.0, gt=0.0)
    evidence_log: Path | None = None
    signing_key_file: Path | None = None
    draw_secret: SecretStr = SecretStr("")

    def trust_list(self) -> "TrustList | None":
        """Whom to trust to sign chips; None where no list was brought.

        Raises:
            InputError: The list is missing, malformed or holds no authority.
        """
        if self.chip_trust is None:
            return None
        from veridical.chip import TrustList  # its parser is not needed otherwise

        return TrustList.load(self.chip_trust)

    def open_database(self) -> "Database":
        """Open the database, with its tables made or brought to this version."""
        database = self.unopened_database()
        database.upgrade()
        return database

    def unopened_database(self) -> "Database":
        """The database as it is, or as it will be: nothing is made or read yet."""
        from veridical.store import Database  # not needed to verify: keeps that start quick

        return Database(self.database or self.data_dir / "veridical.db", self.database_connections)

    def memory(self, database: "Database | None" = None) -> "MediaMemory | None":
        """Codes of media that were handed in earlier; None when the installation keeps none.

        Args:
            database: The service's own; None takes the one that `database` names, if it does.
        """
        if not self.fingerprint_days or not (database or self.database):
            return None
        from veridical.store import MediaMemory

        keep = timedelta(days=self.fingerprint_days)
        return MediaMemory(database or self.open_database(), keep)

    def ledger(self) -> "Ledger | None":
        """What was seen of applicants before; None where `database` is not named."""
        if not self.database:
            return None
        from veridical.signals.ledger import Ledger

        return Ledger(self.open_database(), self.keys())

    def provider(self) -> "HttpProvider | None":
        """The service outside that is asked; None where none is.

        Raises:
            InputError: `usage.provider`: its address is none that is called.
        """
        if not self.provider_url:
            return None
        from veridical.signals.provider import HttpProvider

        sends = tuple(word.strip() for word in self.provider_sends.split(",") if word.strip())
        token = self.provider_token.get_secret_value()
        timeout_s = self.provider_timeout_s
        return HttpProvider(self.provider_url, sends, token=token, timeout_s=timeout_s)

    def keys(self) -> "KeyFile | MasterKeys":
        """The master keys; a first one is made where neither keys nor a file are given.

        Raises:
            StoreError: `store.keys`: they are malformed, or not there although the database is
                sealed with some.
        """
        from veridical.store import KeyFile, MasterKeys
        from veridical.store.probe import is_in_use

        if given := self.keys_given():
            return given
        path = self.master_keys_path
        if is_in_use(self.unopened_database()):
            raise StoreError(
                "the database is sealed with master keys that are not here: give them back "
                "(VERIDICAL_MASTER_KEYS, or the file in the data directory)",
                "store.keys",
            )
        MasterKeys.add_to_file(path)
        return KeyFile(path)

    def keys_given(self) -> "KeyFile | MasterKeys | None":
        """The master keys that are there; None where none were given yet, and none is made.

        Raises:
            StoreError: `store.keys`: they are malformed.
        """
        from veridical.store import KeyFile, MasterKeys

        if text := self.master_keys.get_secret_value():
            return MasterKeys.from_text(text)
        path = self.master_keys_path
        return KeyFile(path) if self.master_keys_file or path.exists() else None

    def frame_draw(self) -> "FrameDraw":
        """Draws the frames of a clip that are looked at closely.

        By `draw_secret`; without it by the current master key, where there is one: then every
        replica draws alike, and who holds the key can repeat a draw; else by a secret that ends
        with this object.

        Raises:
            InputError: `usage.draw_secret`: `draw_secret` is too short to be one.
            StoreError: The master keys cannot be read.
        """
        from veridical.analysis.draw import FrameDraw

        if text := self.draw_secret.get_secret_value():
            if len(text) < 16:
                raise InputError(
                    "VERIDICAL_DRAW_SECRET needs 16 characters or more, such as "
                    f"`openssl rand -hex 16` prints; got {len(text)}",
                    "usage.draw_secret",
                )
            return FrameDraw.derived(text.encode(), "setting")
        if self.master_keys.get_secret_value() or self.master_keys_path.exists():
            keys = self.keys()
            return FrameDraw.derived(keys.key(keys.current), keys.current)
        return FrameDraw()

    @property
    def master_keys_path(self) -> Path:
        """File of the master keys, where they are not given as they are."""
        return self.master_keys_file or self.data_dir / "master.keys"

    @property
    def signing_key_path(self) -> Path:
        """File of the key that signs evidence."""
        return self.signing_key_file or self.data_dir / "signing.pem"

    def signing_key(self) -> "SigningKey":
        """The key that signs evidence; a first one is made where no file is given."""
        from veridical.verification.evidence import SigningKey

        return SigningKey.from_file(self.signing_key_path)

    def public_keys(self) -> bytes:
        """PEM of every key that ever signed evidence here."""
        from veridical.verification.evidence import public_keys

        return public_keys(self.signing_key_path)

    def evidence(self) -> "EvidenceLog | None":
        """The evidence log; None when the installation keeps none."""
        from veridical.verification.evidence import EvidenceLog

        return EvidenceLog(self.evidence_log, self.signing_key()) if self.evidence_log else None
