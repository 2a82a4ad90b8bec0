"""How commands reach the server: its settings, a connection, and one way to print."""

import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from labelwright.errors import LabelwrightError
from labelwright.logs import configure
from labelwright.runtime.embedded import secret_of
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings, settings

RUNNING: Final = "running"
"""In the data folder: the URL of the embedded server, while it runs."""


class CheckSaidNo(LabelwrightError):
    """A check found something."""

    exit_code = 4


def options(redis: str = "", data: Path | None = None) -> LabelwrightSettings:
    """Return the settings, a secret made at need, and the server: named here or by LABELWRIGHT_REDIS_URL, or that of
    `labelwright up` over the same data folder, while it runs.
    """
    known = settings()
    folder = (data or known.data).absolute()
    changes: dict[str, Any] = {"data": folder}
    if redis:
        changes["redis_url"] = redis
    elif not names_a_server() and (running := folder / RUNNING).exists():
        changes["redis_url"] = running.read_text()
    if not known.secret.get_secret_value():
        changes["secret"] = secret_of(folder)
    return LabelwrightSettings(**changes)


def names_a_server() -> bool:
    """Say whether the environment names a server."""
    return "redis_url" in settings().model_fields_set


@asynccontextmanager
async def connected(redis: str = "") -> AsyncIterator[Server]:
    """Connect for one command. Raises ServerRefuses, ServerUnfit."""
    configure("auto", level=30)
    server = await Server.connect(options(redis))
    try:
        yield server
    finally:
        await server.close()


def show(rows: Sequence[Mapping[str, Any]], *, title: str, columns: Iterable[str] = ()) -> None:
    """Print rows as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        say(f"{title}: none")
        return
    table = Table(title=title, title_justify="left")
    names = list(columns) or list(rows[0])
    for name in names:
        table.add_column(name, overflow="fold")  # an id that is cut short is no id
    for row in rows:
        table.add_row(*(Text(_told(row.get(name))) for name in names))
    Console().print(table)


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def put_json(value: Any) -> None:
    """Print one JSON object on one line."""
    from pydantic_core import to_json

    sys.stdout.write(to_json(value).decode() + "\n")


def say(line: str) -> None:
    """Talk to whoever runs the command, on stderr, so that stdout holds data alone."""
    sys.stderr.write(line + "\n")
