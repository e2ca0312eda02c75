"""The one place that reads the environment."""

from pathlib import Path

from platformdirs import user_cache_path
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from veridical.models import ModelStore

__all__ = ["Settings"]


class Settings(BaseSettings):
    """How this installation runs; each field is also `VERIDICAL_<FIELD>` in the environment.

    Attributes:
        models_dir: Where pulled models live.
        models_mirror: Folder asked first by `veridical models pull`.
        profile: Named model set; `auto` takes the strongest that is complete in `models_dir`.
        policy: Name of a shipped policy or path of a policy file.
        commercial_only: Refuse every model whose weights are not marked for commercial use.
    """

    model_config = SettingsConfigDict(
        env_prefix="VERIDICAL_", env_ignore_empty=True, extra="ignore"
    )

    models_dir: Path = Field(default_factory=lambda: user_cache_path("veridical") / "models")
    models_mirror: Path | None = None
    profile: str = "auto"
    policy: str = "spoken"
    commercial_only: bool = False

    def model_store(self) -> ModelStore:
        """Open the pulled models."""
        return ModelStore(self.models_dir, commercial_only=self.commercial_only)
