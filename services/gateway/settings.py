"""What the gateway may be set to, from `LABELWRIGHT_GATEWAY_*`."""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from labelwright.settings import from_environment


class Settings(BaseSettings):
    """Limits of what comes in; each is told in the problem that it causes."""

    model_config = SettingsConfigDict(env_prefix="LABELWRIGHT_GATEWAY_", frozen=True, extra="ignore")

    port: int = Field(7071, ge=0, le=65_535, description="where the gateway listens")
    most_body_bytes: int = Field(1_048_576, ge=1_024, description="most bytes of a request, also once decompressed")
    most_event_bytes: int = Field(65_536, ge=1_024, le=200_000, description="most bytes of one event")
    most_events: int = Field(500, ge=1, le=1_000, description="most events of one request")
    most_depth: int = Field(20, ge=4, le=100, description="how deep JSON may nest")
    events_per_s: float = Field(500, gt=0, description="events a second that a project may publish for long")
    burst: int = Field(5_000, ge=1, description="events that a project may publish at once")
    longest_wait_s: float = Field(25, ge=0, le=25, description="seconds that a request for work may wait for a task")
    most_backlog: int = Field(500_000, ge=1_000, description="entries waiting in a partition above which it says 503")


@lru_cache
def settings() -> Settings:
    """Read the environment once. Raises SettingsError that names all faults."""
    return from_environment(Settings)
