"""Find statements that may be near-duplicates: those that share a cell of a MinHash table."""

import hashlib

from labelwright.duplicates.statement import Statement

CELLS = 16


def cells(statement: Statement, key: bytes) -> tuple[str, ...]:
    """Return the 16 cells of a statement, each 11 characters; near-duplicates share at least one, with few exceptions.

    `key` (1 to 64 bytes) keeps scopes apart, and tells nobody without it what was said. No cells for an empty one.
    """
    shingles = {statement.words[at : at + 4] for at in range(max(1, len(statement.words) - 3))}
    least = sorted(hashlib.blake2b(shingle.encode(), key=key, digest_size=8).hexdigest()[:11] for shingle in shingles)
    return tuple(least[:CELLS])
