"""One request to the gateway, and what its answer means for each event."""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401  # a host's name is encoded with it; imported here, since never in a thread (see Client.open)
import gzip
import http.client
import json
import os
import random
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labelwright.sdk.buffer import Waiting
    from labelwright.sdk.dsn import Dsn
    from labelwright.sdk.limits import Limits

_MAX_ANSWER = 1024 * 1024
# Servers close idle connections, commonly after 5 s; a request on one that is closing would cost a try.
_MOST_IDLE_S = 4.0


class Answer(NamedTuple):
    """What came back. `status` is 0 where nothing did; `verdicts` is by event id; `fault` is for people."""

    status: int
    verdicts: Mapping[str, str]
    retry_after_s: float
    fault: str

    @property
    def is_success(self) -> bool:
        """The gateway took the batch, or said event by event what it thinks of it."""
        return 200 <= self.status < 300 or (self.status == 422 and bool(self.verdicts))

    @property
    def is_passing(self) -> bool:
        """The fault may pass: network, overload, timeouts, faults of the server. Any other is for good."""
        return self.status == 0 or self.status in (408, 425, 429) or self.status >= 500


class Verdict(NamedTuple):
    """A batch, sorted by what is to be done with its events."""

    accepted: list[Waiting]
    duplicate: list[Waiting]
    again: list[Waiting]
    rejected: list[Waiting]
    refused: list[Waiting]


class Gateway:
    """A connection that is opened when needed and kept while it is used. For one thread."""

    def __init__(self, dsn: Dsn, limits: Limits) -> None:
        kind = http.client.HTTPSConnection if dsn.is_secure else http.client.HTTPConnection
        self._connection = kind(dsn.host, dsn.port, timeout=limits.timeout_s)
        self._path = f"{dsn.prefix}/v1/feedback"
        self._headers = {"Authorization": f"Bearer {dsn.key}", "Content-Type": "application/json"}
        self._longest_retry_after_s = limits.longest_retry_after_s
        self._used_at = 0.0

    def post(self, batch: Sequence[Waiting], lost: Mapping[str, int], query: str = "") -> Answer:
        """Send a batch as one JSON array, telling what was `lost` before. A network fault is an answer, no error."""
        body = b"[" + b",".join(event.body for event in batch) + b"]"
        headers = dict(self._headers)
        if len(body) > 1024:
            body, headers["Content-Encoding"] = gzip.compress(body, 6), "gzip"
        if lost:
            headers["Labelwright-Lost"] = ",".join(f"{reason}={count}" for reason, count in sorted(lost.items()))
        try:
            return self._exchange(body, headers, query)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(0, {}, 0.0, f"{type(error).__name__}: {error}"[:200])

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        self._connection.close()

    def forget(self) -> None:
        """Let go of a connection inherited through a fork: it is the parent's, so nothing is said on it."""
        if self._connection.sock is not None:
            with contextlib.suppress(OSError):
                os.close(self._connection.sock.detach())

    def _exchange(self, body: bytes, headers: Mapping[str, str], query: str) -> Answer:
        if monotonic() - self._used_at > _MOST_IDLE_S:
            self.close()
        self._connection.request("POST", self._path + query, body, dict(headers))
        response = self._connection.getresponse()
        text = response.read(_MAX_ANSWER)
        self._used_at = monotonic()
        if not response.isclosed():
            self.close()
        wait = retry_after_s(response.headers.get("Retry-After"), self._longest_retry_after_s)
        return Answer(response.status, _verdicts(text), wait, f"{response.status} {response.reason}")


def judge(answer: Answer, batch: Sequence[Waiting]) -> Verdict:
    """Sort a batch by the gateway's answer. An event of which a success says nothing was accepted."""
    verdict = Verdict([], [], [], [], [])
    if answer.is_passing:
        verdict.again.extend(batch)
    elif not answer.is_success:
        verdict.refused.extend(batch)
    else:
        heaps = {"duplicate": verdict.duplicate, "rejected": verdict.rejected, "retry": verdict.again}
        for event in batch:
            heaps.get(answer.verdicts.get(event.id, ""), verdict.accepted).append(event)
    return verdict


def backoff_s(failures: int, at_least_s: float, limits: Limits) -> float:
    """Return how long to wait after so many failures in a row: full jitter, and never less than the gateway asked.

    Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(limits.longest_backoff_s, limits.first_backoff_s * 2 ** min(failures - 1, 30))
    return max(at_least_s, random.uniform(0, ceiling))  # noqa: S311  # jitter is no secret


def retry_after_s(header: str | None, most_s: float) -> float:
    """Read Retry-After (seconds or an HTTP date) as seconds from now, 0 to `most_s`; 0 where it can't be read."""
    if header is None:
        return 0.0
    try:
        wait = float(int(header)) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - time()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(wait, 0.0), most_s)


def _verdicts(text: bytes) -> dict[str, str]:
    """Read the status of each event; empty where the answer is not the gateway's (a proxy's page, say)."""
    try:
        return {str(result["id"]): str(result["status"]) for result in json.loads(text)["results"]}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
