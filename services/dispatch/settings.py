"""How long a lease lasts, and how much dispatch remembers and waits."""

from datetime import timedelta
from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from labelwright.settings import from_environment


class DispatchSettings(BaseSettings):
    """What dispatch lets an installation set, from `LABELWRIGHT_DISPATCH_*`; durations in seconds or ISO 8601."""

    model_config = SettingsConfigDict(env_prefix="LABELWRIGHT_DISPATCH_", frozen=True, extra="ignore")

    first_lease: timedelta = Field(
        timedelta(seconds=30), gt=timedelta(0), description="a lease lasts this long until its first heartbeat"
    )
    lease: timedelta = Field(timedelta(minutes=15), gt=timedelta(0), description="a heartbeat extends a lease to this")
    machine_lease: timedelta = Field(timedelta(seconds=60), gt=timedelta(0), description="a machine's lease")
    machine_retries: int = Field(3, ge=0, le=100, description="times that a machine that fell silent is asked again")
    most_waiters: int = Field(200, ge=0, le=2_000, description="requests of a project that may wait for a task at once")
    remember: timedelta = Field(
        timedelta(days=2), ge=timedelta(minutes=1), description="a task that is over can be told about, and undone"
    )


@lru_cache
def settings() -> DispatchSettings:
    """Read the environment once. Raises SettingsError that names all faults."""
    return from_environment(DispatchSettings)
