"""The function library on the server: its names carry the hash of its text, so that two releases run side by side."""

import hashlib
from importlib.resources import files
from typing import Any, Final

SOURCE: Final = files("labelwright.runtime").joinpath("commit.lua").read_text()
VERSION: Final = hashlib.sha256(SOURCE.encode()).hexdigest()[:10]
LIBRARY: Final = SOURCE.replace("VERSION", VERSION)


def name(function: str) -> str:
    """Return the name under which the server knows a function of commit.lua."""
    return f"labelwright_{VERSION}_{function}"


async def install(client: Any) -> None:
    """Load the library on every primary; fine if it is there already."""
    await client.function_load(LIBRARY, replace=True)
