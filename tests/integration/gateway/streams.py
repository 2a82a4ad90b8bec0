"""What lies in the feedback stream."""

from labelwright.contracts.envelope import FIELD, Event, decode
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.runtime.server import Server


async def published(server: Server) -> list[FeedbackReceived]:
    """Return the feedback that was published, in order."""
    return [event.data for event in await events(server) if isinstance(event.data, FeedbackReceived)]


async def events(server: Server) -> list[Event[FeedbackReceived]]:
    """Return the events that were published, in order."""
    return [decode(fields[FIELD]) for _, fields in await server.client.xrange("{p0}:feedback")]  # type: ignore[misc]  # the stream holds nothing else
