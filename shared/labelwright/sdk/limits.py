"""Every bound of the SDK in one place."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """What the SDK may take of its host's memory, disk and network. The defaults suit a busy web process.

    Names carry their unit; `most_events` and `most_bytes` bound what waits, `batch_*` what goes out at once.
    """

    most_events: int = 10_000
    most_bytes: int = 8 * 1024 * 1024
    batch_events: int = 100
    batch_bytes: int = 512 * 1024
    linger_s: float = 1.0
    tries: int = 10
    first_backoff_s: float = 0.5
    longest_backoff_s: float = 30.0
    longest_retry_after_s: float = 300.0
    timeout_s: float = 15.0
    spool_bytes: int = 50 * 1024 * 1024
