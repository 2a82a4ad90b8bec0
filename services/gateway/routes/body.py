"""Bodies: read only after the caller is known, never beyond the limit, and decompressed within it."""

import zlib
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from services.gateway.problems import Problem, as_problem
from services.gateway.routes.caller import identify
from services.gateway.settings import Settings

GZIP: Final = ("gzip", "x-gzip")
MOST_MEMBERS: Final = 16


class Door(APIRoute):
    """A route that asks who calls before it reads the body, and reads no more of that than the limit.

    A door into another tool's protocol says how its clients show their key, and how a problem is told to them.
    """

    identify = staticmethod(identify)
    tell = staticmethod(as_problem)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler behind the door."""
        handle = super().get_route_handler()
        takes_json = self.body_field is not None

        async def enter(request: Request) -> Response:
            request.state.tell = self.tell
            request.state.caller = await self.identify(request)
            if takes_json and (kind := content_type(request)) and not is_json(kind):
                raise Problem(415, f"content type {kind[:60]!r} isn't taken; send application/json")
            bounded = Bounded(request.scope, request.receive)
            if takes_json:
                await bounded.body()  # here, for FastAPI takes whatever goes wrong in its own reading for bad JSON
            return await handle(bounded)

        return enter


class Bounded(Request):
    """A request whose body is read within the gateway's limits."""

    async def body(self) -> bytes:
        """Return the body, decompressed. Raises 413, 415, 400."""
        if not hasattr(self, "_body"):
            settings: Settings = self.app.state.settings
            self._body = _plain(await _read(self, settings.most_body_bytes), self, settings.most_body_bytes)
        return self._body


def content_type(request: Request) -> str:
    """Return the media type of the body without its parameters, in lower case; empty where the request names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type is JSON (RFC 6839)."""
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


async def _read(request: Request, most: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) < 19 and int(length) > most:
        raise Problem(413, f"the request has {int(length)} bytes, the most is {most}; send less at once")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise Problem(413, f"the request has more than {most} bytes; send less at once")
    return bytes(content)


def _plain(content: bytes, request: Request, most: int) -> bytes:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return content
    if coding not in GZIP:
        detail = f"content coding {coding[:40]!r} isn't known; send gzip or nothing"
        raise Problem(415, detail, headers={"Accept-Encoding": GZIP[0]})
    plain, members = bytearray(), 0
    while content:  # a gzip file may have several members (RFC 1952, 2.2)
        members += 1
        if members > MOST_MEMBERS:
            raise Problem(400, f"the gzip body has more than {MOST_MEMBERS} members; compress it as one")
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            plain += inflate.decompress(content, most + 1 - len(plain))
        except zlib.error:
            raise Problem(400, "the body isn't valid gzip; compress it again") from None
        if len(plain) > most:
            raise Problem(413, f"the request has more than {most} bytes once decompressed; send less at once")
        if not inflate.eof:
            raise Problem(400, "the gzip body is cut short; send it whole")
        content = inflate.unused_data
    return bytes(plain)
