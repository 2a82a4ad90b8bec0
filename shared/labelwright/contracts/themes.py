"""Themes: items that may have one cause, as suggested to people; nothing is ever merged for them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from labelwright.contracts.payload import Count, ItemId, Moment, Payload, Short


class ThemeSuggested(Payload, stream="themes"):
    """Items may have one cause, and `name` says by their own words which; told again when name or size have changed.

    With fewer than five items it is no longer suggested. `model` is the version of the sentence model that read the
    items beside the words, absent where there was none.
    """

    theme: Short
    name: Annotated[str, StringConstraints(max_length=400)]
    items: Count
    events: Count
    examples: list[ItemId] = Field(default_factory=list)
    model: Short | None = None
    first_at: Moment
    last_at: Moment
