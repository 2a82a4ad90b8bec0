"""Pages: every answer as a whole page in the one frame, or for the page's script as the piece in it that changes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.desk.marks import show

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
"""What every answer of the desk carries."""

STATIC: Final = Path(__file__).parent / "static"


def wants_piece(request: Request) -> bool:
    """Say whether the page's script asks, rather than a person who moves to a page."""
    return request.headers.get("hx-request") == "true"


def answer(request: Request, template: str, status: int = 200, **about: Any) -> HTMLResponse:
    """Return a screen."""
    frame = "piece.html" if wants_piece(request) else "frame.html"
    who = getattr(request.state, "who", None)
    content = _templates.get_template(f"{template}.html").render(
        frame=frame, who=who, request_id=request.state.request_id, status=status, **about
    )
    return HTMLResponse(content, status)


def static_url() -> Callable[[str], str]:
    """Return the function that names a static file so that a browser may keep it until it changes."""
    marks = {
        path.name: hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest() for path in sorted(STATIC.iterdir())
    }
    return lambda name: f"/static/{name}?v={marks[name]}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"show": show, "static": static_url()}
    return environment


_templates: Final = _environment()
