"""What an installation may set; every value works on a laptop as it is. Nothing else reads the environment."""

import hmac
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from labelwright.errors import SettingsError

S = TypeVar("S", bound=BaseSettings)


def from_environment(kind: type[S]) -> S:
    """Read one class of settings. Raises SettingsError that names every variable at fault, never its value."""
    prefix = kind.model_config["env_prefix"]
    try:
        return kind()
    except ValidationError as error:
        faults = "; ".join(
            f"{prefix}{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise SettingsError(f"settings are wrong: {faults}; correct them and start again") from None


class LabelwrightSettings(BaseSettings):
    """What all services share, from `LABELWRIGHT_*`."""

    model_config = SettingsConfigDict(env_prefix="LABELWRIGHT_", frozen=True, extra="ignore")

    redis_url: str = Field("redis://127.0.0.1:6379/0", description="Redis 7+ or Valkey; `?cluster=true` for a cluster")
    data: Path = Field(Path(".labelwright"), description="folder of the ledger, the snapshots and the embedded server")
    ledger: str = Field(
        "", description="where the ledger is kept: a folder or s3://…; default: `ledger` in the data folder"
    )
    secret: SecretStr = Field(
        SecretStr(""), description="32 bytes in hex; keys API-key hashes, desk sessions and the ledger's words"
    )
    connect_within_s: float = Field(30, gt=0, description="seconds to wait for a server that is just starting")
    host: str = Field("127.0.0.1", description="the address that HTTP listens on")
    port: int = Field(
        9090, ge=0, le=65_535, description="port of a service's /metrics, /healthz, /readyz and /asyncapi"
    )
    partitions: int = Field(1, ge=1, le=256, description="partitions that new projects are spread over")
    batch: int = Field(200, ge=1, le=1_000, description="most entries that are decided at once")
    claim_after_s: float = Field(30, gt=0, description="seconds after which a silent consumer's entries are taken over")
    attempts: int = Field(5, ge=1, le=100, description="failed decisions after which an entry goes to `dead`")
    deliveries: int = Field(
        10, ge=2, le=1_000, description="deliveries without an answer after which it goes to `dead`"
    )
    allow_unfit_server: bool = Field(False, description="start on a server that may lose data (for a throw-away run)")
    log_format: str = Field("auto", pattern="^(auto|json|pretty)$", description="auto: pretty on a terminal, else JSON")

    def key_for(self, purpose: str) -> bytes:
        """Derive a 32-byte key for one purpose from the installation's secret. Raises SettingsError without one."""
        try:
            secret = bytes.fromhex(self.secret.get_secret_value())
        except ValueError:
            secret = b""
        if len(secret) < 32:
            raise SettingsError(
                "LABELWRIGHT_SECRET must be at least 32 bytes in hex; make one with `openssl rand -hex 32` and keep it"
            )
        return hmac.new(secret, purpose.encode(), blake2b).digest()[:32]

    @property
    def claim_after(self) -> timedelta:
        """After this silence a consumer's entries are taken over."""
        return timedelta(seconds=self.claim_after_s)

    @property
    def ledger_location(self) -> str:
        """Where the ledger is kept."""
        return self.ledger or str(self.data / "ledger")


@lru_cache
def settings() -> LabelwrightSettings:
    """Read the environment once. Raises SettingsError that names all faults."""
    return from_environment(LabelwrightSettings)
