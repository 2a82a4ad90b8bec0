"""Find statements that may be near-duplicates: those that share a cell of a MinHash table."""

import hashlib
from base64 import b64encode
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labelwright.duplicates.statement import Statement

CELLS: Final = 14
_ROWS = 4
_SHINGLE = 4
_MOST_LETTERS: Final = 20_000
_HALF = np.uint32(16)


def cells(statement: Statement, key: bytes) -> tuple[str, ...]:
    """Return the 14 cells of a statement, 8 characters each; near-duplicates share at least one, with few exceptions.

    Two texts share a given cell with probability J^4, where J is the share of four-letter pieces that they have in
    common: MinHash (Broder 1997) in 14 bands of 4 rows (Leskovec et al., Mining of Massive Datasets, 3.4). Of a longer
    text the first 20,000 letters count. `key` (1 to 64 bytes) keeps scopes apart.
    """
    pieces, bands = _pieces(statement.words), _bands(key)
    rows = np.minimum.reduce(pieces * _PERMUTATIONS, axis=1).reshape(CELLS, _ROWS)
    mixed = np.add.reduce(rows * bands, axis=1)
    text = b64encode(_scattered(mixed).view(np.uint8).reshape(CELLS, 8)[:, 2:].tobytes()).decode()
    return tuple(text[at : at + 8] for at in range(0, 8 * CELLS, 8))


def _pieces(words: str) -> NDArray[np.uint32]:
    """Return a hash of 32 bits for each four characters in a row."""
    points = np.frombuffer(words[:_MOST_LETTERS].ljust(_SHINGLE).encode("utf-32-le", "surrogatepass"), np.uint32)
    hashed: NDArray[np.uint32] = np.convolve(points, _COEFFICIENTS, "valid")
    return hashed ^ (hashed >> _HALF)


def _scattered(mixed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)


def _odd(seed: bytes, count: int, size: int) -> bytes:
    """Return `count` odd numbers of `size` bytes: an odd factor permutes the numbers of its size."""
    drawn = bytearray(hashlib.shake_256(seed).digest(count * size))
    drawn[::size] = bytes(byte | 1 for byte in drawn[::size])
    return bytes(drawn)


_COEFFICIENTS = np.frombuffer(_odd(b"labelwright.cells.1", _SHINGLE, 4), np.uint32)
_PERMUTATIONS = np.frombuffer(_odd(b"labelwright.rows.1", CELLS * _ROWS, 4), np.uint32)[:, None]


@lru_cache(maxsize=1_024)
def _bands(key: bytes) -> NDArray[np.uint64]:
    seed = hashlib.blake2b(key=key, digest_size=32).digest()
    return np.frombuffer(_odd(seed, CELLS * _ROWS, 8), np.uint64).reshape(CELLS, _ROWS)
