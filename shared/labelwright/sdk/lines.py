"""Lines of events posted as they are, for commands and tools; products call the functions of `labelwright`."""

import json
import urllib.error
import urllib.request
from typing import Any

from labelwright.errors import ServerRefuses
from labelwright.sdk.dsn import parse_dsn


def post(dsn: str, body: bytes) -> tuple[int, dict[str, Any], float]:
    """POST NDJSON; the status, the answer's JSON, and how long to wait before asking again. Raises ServerRefuses."""
    target = parse_dsn(dsn)
    request = urllib.request.Request(  # noqa: S310  # parse_dsn takes http and https alone
        f"{target.gateway}/v1/feedback",
        data=body,
        headers={"Authorization": f"Bearer {target.key}", "Content-Type": "application/x-ndjson"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer), float(answer.headers.get("Retry-After", 0.2))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}"), float(error.headers.get("Retry-After", 0.2))
    except OSError as error:
        raise ServerRefuses(f"the gateway can't be reached ({type(error).__name__}); check the DSN") from None
