"""What HTTP services share: a request has an id, is counted and timed, and a fault tells its caller nothing."""

import os
import time
import traceback
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labelwright import metrics
from labelwright.logs import logger

GONE: Final = 499
"""The status under which a request is counted whose client went away before it was answered."""


class Accounted:
    """ASGI middleware: sets `request.state.request_id`, exports metrics by route, and answers what failed by a bug.

    `on_fault` makes the answer to such a request; where an answer had begun already, the connection is cut.
    `headers` go onto every answer that hasn't them.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: str,
        on_fault: Callable[[Request], Response],
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._service = service
        self._on_fault = on_fault
        self._headers = {**headers, "X-Content-Type-Options": "nosniff"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what isn't HTTP passes unseen."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        request_id = os.urandom(8).hex()
        scope.setdefault("state", {})["request_id"] = request_id

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:
            # where, without the message: a message may repeat what a user wrote
            where = "".join(traceback.format_tb(error.__traceback__)[-3:])
            logger().error(
                "request.failed",
                service=self._service,
                request_id=request_id,
                route=route_of(scope),
                kind=type(error).__name__,
                reason=where,
            )
            if status:
                raise
            await self._on_fault(Request(scope, receive))(scope, receive, note)
        finally:
            metrics.requests.labels(self._service, route_of(scope), str(status or GONE)).inc()
            metrics.request_seconds.labels(self._service, route_of(scope)).observe(time.perf_counter() - began)


def route_of(scope: Scope) -> str:
    """Return the pattern that the address fitted, so that the label is of a bounded set."""
    return getattr(scope.get("route"), "path", "other")
