"""Publish product feedback in one call that never raises, never blocks, and loses nothing without saying so.

```python
labelwright.init("https://lw_live_…@labelwright.example.com/checkout")  # or LABELWRIGHT_DSN; unset, nothing is sent
answer = labelwright.response(id=reply.id, prompt=prompt, text=reply.text, model="acme/m-4")
labelwright.thumb(False, subject=answer, reason="wrong", comment=comment)
```

Each call checks, queues and returns the event's id; a daemon thread, started by the first event, does the rest. The
calls are the same under asyncio and threads, and in the child of a fork. This page needs the standard library only;
the services' parts are modules below it.
"""

from labelwright.sdk.events import Event
from labelwright.sdk.limits import Limits
from labelwright.sdk.publish import (
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
