"""The one string that says where a product's feedback goes, and with which key."""

from __future__ import annotations

import re
from typing import NamedTuple

from labelwright.errors import SettingsError

FORM = "http[s]://<key>@host[:port]/<project>"
_DSN = re.compile(
    r"(?P<scheme>https?)://(?P<key>[!-.0-9:;=?A-~]+)@(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<prefix>(?:/[\w.~-]+)*)/(?P<project>[\w.~-]+)/?",
    re.ASCII,
)


class Dsn(NamedTuple):
    """A DSN, taken apart. `prefix` is the path under which the gateway is served, mostly empty."""

    is_secure: bool
    key: str
    host: str
    port: int
    prefix: str
    project: str

    def __repr__(self) -> str:
        """Tell where it leads and keep the key secret."""
        return f"{self.gateway.replace('://', '://…@', 1)}/{self.project}"

    @property
    def gateway(self) -> str:
        """The address below which the gateway's paths lie."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_secure else 'http'}://{host}:{self.port}{self.prefix}"


def parse_dsn(text: str) -> Dsn:
    """Take a DSN apart. Raises SettingsError, which never repeats the text, since it holds a key."""
    match = _DSN.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise SettingsError(f"the DSN is not of the form {FORM}; copy it whole from the project's page")
    is_secure = match["scheme"] == "https"
    port = int(match["port"]) if match["port"] else (443 if is_secure else 80)
    if not 0 < port < 65_536:
        raise SettingsError(f"the DSN names port {port}; it must be between 1 and 65535")
    return Dsn(is_secure, match["key"], match["host"].strip("[]"), port, match["prefix"], match["project"])
