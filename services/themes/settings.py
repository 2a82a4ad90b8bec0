"""Which sentence model reads the items beside their words, if any."""

from functools import lru_cache
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from labelwright.settings import from_environment
from labelwright.themes.model import why_unreadable


class ThemesSettings(BaseSettings):
    """What themes lets an installation set, from `LABELWRIGHT_THEMES_*`."""

    model_config = SettingsConfigDict(env_prefix="LABELWRIGHT_THEMES_", frozen=True, extra="ignore")

    model: str = Field(
        "", description="folder of a sentence model (BERT, mean pooling); needs the extra `embeddings`; default: none"
    )

    @field_validator("model")
    @classmethod
    def _can_be_read(cls, folder: str) -> str:
        if folder and (why := why_unreadable(Path(folder))):
            raise ValueError(why)
        return folder

    @property
    def folder(self) -> Path | None:
        """The model's folder, if there is one."""
        return Path(self.model) if self.model else None


@lru_cache
def settings() -> ThemesSettings:
    """Read the environment once. Raises SettingsError that names all faults."""
    return from_environment(ThemesSettings)
