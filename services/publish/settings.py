"""What publish may be set to, from `LABELWRIGHT_PUBLISH_*`."""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from labelwright.settings import from_environment


class Settings(BaseSettings):
    """How often the ledger is rolled, and how much at once."""

    model_config = SettingsConfigDict(env_prefix="LABELWRIGHT_PUBLISH_", frozen=True, extra="ignore")

    every_s: float = Field(5, gt=0, description="seconds between two commits to the ledger")
    most_rows: int = Field(50_000, ge=1_000, description="most rows of one stream in one file")
    trim: int = Field(20_000, ge=0, description="most entries that are trimmed from a stream at once; 0 trims nothing")


@lru_cache
def settings() -> Settings:
    """Read the environment once. Raises SettingsError that names all faults."""
    return from_environment(Settings)
