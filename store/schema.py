"""Which tables are there? The migrations build them; the code queries them by these names."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "BANDS",
    "HEAD",
    "NAME_LENGTH",
    "api_keys",
    "attempt_keys",
    "attempts",
    "chains",
    "compatibility",
    "data_keys",
    "devices",
    "drift_alerts",
    "drift_baselines",
    "drift_sketches",
    "evidence",
    "explanations",
    "failures",
    "fingerprints",
    "galleries",
    "heartbeats",
    "idempotency",
    "jobs",
    "list_entries",
    "media",
    "media_parts",
    "metadata",
    "outbox",
    "policies",
    "seen_media",
    "shadow_policies",
    "shadow_verdicts",
    "signing_keys",
    "templates",
    "tenants",
    "tombstones",
    "transactions",
    "turns",
    "webhook_endpoints",
]

HEAD = "0011"
"""The newest migration."""

NAME_LENGTH = 200
"""Longest tenant, gallery, subject or model name, in characters."""

BANDS = 8
"""Indexed parts of a fingerprint."""

# SQLite numbers rows by themselves only where the type is INTEGER.
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# The oldest release, by its newest migration, that works on these tables as they are. One row.
compatibility = Table(
    "compatibility",
    metadata,
    Column("oldest", String(32), primary_key=True),
)

# Public halves of the keys that may sign evidence: a replica whose key is not here does not start.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("key_id", String(16), primary_key=True),
    Column("pem", Text, nullable=False),
    Column("registered_at", BigInteger, nullable=False),
)

# One data key a subject; without it nothing of the subject can be read.
data_keys = Table(
    "data_keys",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("subject", String(NAME_LENGTH), primary_key=True),
    Column("master_key", String(NAME_LENGTH), nullable=False, index=True),
    Column("wrapped", LargeBinary, nullable=False),
)

# `revision` counts a gallery's changes: an index compares it with its own to know what it missed.
galleries = Table(
    "galleries",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

templates = Table(
    "templates",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("gallery", String(NAME_LENGTH), nullable=False),
    Column("subject", String(NAME_LENGTH), nullable=False),
    Column("model", String(NAME_LENGTH), nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # In this order it also finds all entries of a subject, which every deletion asks for.
    UniqueConstraint("tenant", "subject", "gallery", "model"),
    ForeignKeyConstraint(["tenant", "subject"], ["data_keys.tenant", "data_keys.subject"]),
    ForeignKeyConstraint(["tenant", "gallery"], ["galleries.tenant", "galleries.name"]),
    Index(None, "tenant", "gallery", "model", "revision"),
    sqlite_autoincrement=True,
)

# Numbers of deleted templates, by which other processes' indexes learn of it. Nothing personal.
tombstones = Table(
    "tombstones",
    metadata,
    Column("template", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("gallery", String(NAME_LENGTH), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index(None, "tenant", "gallery", "revision"),
)

# What was handed in, so coarsely coded that only its near-duplicates are recognised. `reference` is
# a digest of the transaction's id, `seen_at` seconds since 1970.
fingerprints = Table(
    "fingerprints",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("kind", String(NAME_LENGTH), nullable=False),
    Column("reference", String(32), nullable=False, index=True),
    Column("seen_at", BigInteger, nullable=False, index=True),
    Column("code", LargeBinary(32), nullable=False),
    *(Column(f"band_{band}", Integer, nullable=False, index=True) for band in range(BANDS)),
)

# From here on the service. All times are milliseconds since 1970. What is called `sealed_...` is
# encrypted with a data key of the transaction or tenant, which lies wrapped in `data_keys`.

tenants = Table(
    "tenants",
    metadata,
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("requests_per_minute", Integer, nullable=False),
    Column("concurrent", Integer, nullable=False),
    Column("sealed_webhook_secret", LargeBinary),
    Column("sealed_webhook_secret_before", LargeBinary),
    Column("webhook_secret_until", BigInteger),
    Column("display_name", String(100)),
    Column("accent", String(7)),
    Column("logo", LargeBinary),
    Column("return_urls", Text),
)

# Where webhooks go: of a tenant, or of its sandbox. `events` are words; all when there is none.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(NAME_LENGTH), nullable=False, index=True),
    Column("url", String(2000), nullable=False),
    Column("events", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# Of a key only its name (the prefix) and the hash of its secret are kept.
api_keys = Table(
    "api_keys",
    metadata,
    Column("prefix", String(12), primary_key=True),
    Column("tenant", String(NAME_LENGTH), nullable=False, index=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("label", String(NAME_LENGTH), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("person", String(NAME_LENGTH)),
    ForeignKeyConstraint(["tenant"], ["tenants.name"]),
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("policy", String(NAME_LENGTH)),
    Column("state", String(20), nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("completed_at", BigInteger),
    Column("keep_until", BigInteger, index=True),
    Column("erased_at", BigInteger),
    Column("attempt", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("outcome", String(20)),
    Column("final_outcome", String(20)),
    Column("first_cause", String(NAME_LENGTH)),
    Column("upload_digest", LargeBinary(32), nullable=False),
    Column("nonce", String(64)),
    Column("challenge_expires_at", BigInteger),
    Column("challenges", Integer, nullable=False),
    Column("subject_digest", LargeBinary(32)),
    Column("device_digest", LargeBinary(32)),
    Column("sealed_request", LargeBinary),
    Column("sealed_challenge", LargeBinary),
    Column("sealed_capture", LargeBinary),
    Column("sealed_verdict", LargeBinary),
    Column("sealed_review", LargeBinary),
    Column("device", String(32)),
    Column("claimed_by", String(NAME_LENGTH)),
    Column("claimed_at", BigInteger),
    Index(None, "tenant", "created_at"),
    Index(None, "tenant", "outcome", "final_outcome"),
    Index(None, "state", "expires_at"),
)

# Links to the page for applicants, and the devices that opened them. A row begins as a link, and is
# a device once it was opened: the secret of the link is gone then. `transactions.device` says which
# of them captures; the others only look on.
devices = Table(
    "devices",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("transaction", String(40), nullable=False, index=True),
    Column("made_at", BigInteger, nullable=False),
    Column("link_digest", LargeBinary(32)),
    Column("link_until", BigInteger),
    Column("public_key", LargeBinary),
    Column("proofs", BigInteger, nullable=False),
    Column("token_digest", LargeBinary(32)),
    ForeignKeyConstraint(["transaction"], ["transactions.id"]),
)

media = Table(
    "media",
    metadata,
    Column("transaction", String(40), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("upload", String(40), nullable=False, index=True),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    ForeignKeyConstraint(["transaction"], ["transactions.id"]),
)

# The bytes of one upload, sealed piece by piece as they arrive; whole only once `media` names it.
media_parts = Table(
    "media_parts",
    metadata,
    Column("upload", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("transaction", String(40), nullable=False, index=True),
    Column("stored_at", BigInteger, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)

# Keyed digests of recordings that were handed in: the same one never counts twice.
seen_media = Table(
    "seen_media",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("transaction", String(40), nullable=False),
    Column("seen_at", BigInteger, nullable=False, index=True),
)

# What the reviewer of an attempt is shown, made when it was judged.
explanations = Table(
    "explanations",
    metadata,
    Column("transaction", String(40), primary_key=True),
    Column("attempt", Integer, autoincrement=False, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("transaction", String(40), nullable=False, unique=True),
    Column("ready_at", BigInteger, nullable=False, index=True),
    Column("lease", String(40)),
    Column("leases", Integer, nullable=False),
)

# When a job of a tenant was last taken: who waited longest comes next, however many jobs it has.
turns = Table(
    "turns",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("served_at", BigInteger, nullable=False),
)

# Written now and then, to prove that the database takes writes.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("beat_at", BigInteger, nullable=False),
)

# Failed attempts of a subject or device, by keyed digest: too many in a short time and it waits.
failures = Table(
    "failures",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("who", LargeBinary(32), nullable=False),
    Column("failed_at", BigInteger, nullable=False, index=True),
    Index(None, "tenant", "who", "failed_at"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("key", String(NAME_LENGTH), primary_key=True),
    Column("request_digest", LargeBinary(32), nullable=False),
    Column("transaction", String(40), nullable=False),
    Column("sealed_answer", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False, index=True),
)

# The end of each tenant's chain of evidence: who appends holds its row.
chains = Table(
    "chains",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("head", String(64), nullable=False),
)

# Signed lines, as they are given out. They hold nothing personal and are never deleted.
evidence = Table(
    "evidence",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("transaction", String(64), nullable=False, index=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
)

# What is to be told, and was told lately: `next_at` is None once it arrived or was given up.
outbox = Table(
    "outbox",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, index=True),
    Column("tries", Integer, nullable=False),
    Column("delivered_at", BigInteger),
    Column("cause", String(NAME_LENGTH)),
    Index(None, "tenant", "created_at"),
)

policies = Table(
    "policies",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("id", String(NAME_LENGTH), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# A version of a policy that judges beside the one in force, and what came of it: outcomes only.
shadow_policies = Table(
    "shadow_policies",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("id", String(NAME_LENGTH), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("since", BigInteger, nullable=False),
)

shadow_verdicts = Table(
    "shadow_verdicts",
    metadata,
    Column("transaction", String(64), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("policy", String(NAME_LENGTH), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("would_be", String(20), nullable=False),
    Column("cause", String(NAME_LENGTH)),
    Column("unmeasured", Text, nullable=False),
    Column("judged_at", BigInteger, nullable=False),
    Index(None, "tenant", "policy", "judged_at"),
)

# What signals count: every judged attempt, and the keyed hashes of who and what made it. A key is
# an HMAC under the tenant's own data key over kind and value, so that one of another tenant or kind
# never equals it; the time stands beside it so that counting reads nothing but the index.
attempts = Table(
    "attempts",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("transaction", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("sealed_place", LargeBinary),
    UniqueConstraint("tenant", "transaction", "number"),
    sqlite_autoincrement=True,
)

attempt_keys = Table(
    "attempt_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("made_at", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("kind", String(20), nullable=False),
    ForeignKeyConstraint(["attempt"], ["attempts.id"]),
    sqlite_with_rowid=False,
)

# Whom or what a tenant allows or denies, by the same keyed hashes.
list_entries = Table(
    "list_entries",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("effect", String(5), primary_key=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("label", String(100), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# How often each score, quality and reason was seen, by the hour: counts only, nothing of anybody.
# `line` names the models behind it, `counts` is JSON of category to count.
drift_sketches = Table(
    "drift_sketches",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("line", String(NAME_LENGTH), primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("counts", Text, nullable=False),
    sqlite_with_rowid=False,
)

drift_baselines = Table(
    "drift_baselines",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("line", String(NAME_LENGTH), primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("frozen_at", BigInteger, nullable=False),
    Column("counts", Text, nullable=False),
)

# One row an alert that was ever raised; the next time it is raised, `id` and times are new.
drift_alerts = Table(
    "drift_alerts",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("line", String(NAME_LENGTH), primary_key=True),
    Column("alert", String(20), primary_key=True),
    Column("reason", String(NAME_LENGTH), primary_key=True),
    Column("id", String(40), nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("cleared_at", BigInteger),
    Column("figures", Text, nullable=False),
)
