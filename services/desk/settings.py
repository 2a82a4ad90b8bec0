"""What the desk may be set to, from `LABELWRIGHT_DESK_*`."""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from labelwright.settings import from_environment


class Settings(BaseSettings):
    """Where the desk listens, and how its pages keep in touch."""

    model_config = SettingsConfigDict(env_prefix="LABELWRIGHT_DESK_", frozen=True, extra="ignore")

    port: int = Field(7070, ge=0, le=65_535, description="where the desk listens")
    is_behind_https: bool = Field(
        False, description="people reach the desk by https although it serves http itself: cookies are Secure"
    )
    heartbeat_s: float = Field(
        20, gt=0, le=600, description="how often an open page says so; less than a first lease (30 s) lasts"
    )
    most_form_bytes: int = Field(16_384, ge=1_024, description="most bytes of a form")


@lru_cache
def settings() -> Settings:
    """Read the environment once. Raises SettingsError that names all faults."""
    return from_environment(Settings)
