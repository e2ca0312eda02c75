"""Which networks does an installation run? The part of its settings that engines need."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from platformdirs import user_cache_path
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from veridical.models import ModelStore

if TYPE_CHECKING:
    from veridical.liveness.lips import Adaptation

__all__ = ["EngineSettings"]


class EngineSettings(BaseSettings):
    """Which models are run, and by what; each field is also `VERIDICAL_<FIELD>` in the environment.

    Attributes:
        models_dir: Where pulled models live.
        models_mirror: Folder asked first by `veridical models pull`.
        profile: Named model set; `auto` takes the strongest that is complete in `models_dir`.
        commercial_only: Refuse every model whose weights are not marked for commercial use.
        mesh_engine: Engine that lays the face mesh in place of the mesh network; see
            `veridical engines`.
        ocr_engine: Engine that finds and reads lines of text in place of our own code, over the
            same networks.
        lips_adaptation: File that `veridical adapt lips` made of recordings of one's own.
    """

    model_config = SettingsConfigDict(
        env_prefix="VERIDICAL_", env_ignore_empty=True, extra="ignore"
    )

    models_dir: Path = Field(default_factory=lambda: user_cache_path("veridical") / "models")
    models_mirror: Path | None = None
    profile: str = "auto"
    commercial_only: bool = False
    mesh_engine: Literal["", "mediapipe"] = ""
    ocr_engine: Literal["", "paddleocr"] = ""
    lips_adaptation: Path | None = None

    def model_store(self) -> ModelStore:
        """Open the pulled models."""
        return ModelStore(self.models_dir, commercial_only=self.commercial_only)

    def open_lips_adaptation(self) -> "Adaptation | None":
        """What was fitted to recordings of one's own; None where nothing was.

        Raises:
            InputError: The file is missing or malformed.
        """
        if self.lips_adaptation is None:
            return None
        from veridical.liveness.lips import Adaptation  # not needed to read the other settings

        return Adaptation.load(self.lips_adaptation)
