"""Settings of the service, beside those of the verifier."""

from typing import Literal

from pydantic import Field, SecretStr

from veridical.verification import Settings

__all__ = ["ServiceSettings"]


class ServiceSettings(Settings):
    """How the service runs; each field is also `VERIDICAL_<FIELD>` in the environment.

    Attributes:
        api_key: Bearer key every request but the probes must carry; may be left out on loopback.
        max_body_bytes: Largest request.
        capacity: Verifications at once; 0 takes one a core.
        log_level: Least severe message that is logged.
    """

    api_key: SecretStr | None = None
    max_body_bytes: int = Field(default=64 * 2**20, gt=0)
    capacity: int = Field(default=0, ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
