"""Erasure: a person is forgotten. What they wrote goes, wherever it stands; that they were forgotten is on record."""

from typing import Annotated, Final

from pydantic import Field

from labelwright.contracts.payload import Count, Payload, Short

ERASED: Final = "[erased]"
"""What reads in place of words that were taken away."""

MOST_NAMES: Final = 20
"""Documents that one event names."""


class ErasureRequested(Payload, stream="erasures"):
    """Somebody is to be forgotten. `person` is a keyed hash of their name: it tells nobody who they were."""

    request: Short
    person: Short


class WordsErased(Payload, stream="erasures"):
    """These documents of a table hold words of a person who is to be forgotten: whose table it is takes them out."""

    request: Short
    table: Short
    names: Annotated[list[Short], Field(max_length=MOST_NAMES)]


class ErasureCompleted(Payload, stream="erasures"):
    """A person's words are gone. `uses` counts where they stood in the ledger, `documents` those in tables."""

    request: Short
    person: Short
    feedback: Count
    items: Count
    uses: Count
    documents: Count
