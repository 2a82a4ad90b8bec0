"""Turn product feedback into labels that come with a probability you may believe; this page is what products call.

`import labelwright` is the SDK and needs the standard library only; the services' parts are modules below.
"""

from labelwright.sdk import (
    Event,
    Limits,
    capture,
    close,
    correction,
    feedback,
    flush,
    init,
    response,
    signal,
    stars,
    stats,
    thumb,
)

__all__ = [
    "Event",
    "Limits",
    "capture",
    "close",
    "correction",
    "feedback",
    "flush",
    "init",
    "response",
    "signal",
    "stars",
    "stats",
    "thumb",
]
