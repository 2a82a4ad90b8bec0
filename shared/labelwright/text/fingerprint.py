"""Give statements that differ only in case, punctuation, emoji, white space or courtesy one keyed fingerprint."""

import hashlib
from collections.abc import Sequence

from labelwright.errors import SettingsError
from labelwright.text.words import normalise


def fingerprint(scope: Sequence[str], text: str, key: bytes) -> str:
    """Return 32 hex digits that are equal where scope and normalised text are, and tell nobody without `key` the text.

    `key` has 1 to 64 bytes (keyed BLAKE2b, RFC 7693), else SettingsError: short texts behind a known key can be
    guessed. The parts of `scope` are kept apart: ("a", "bc") is not ("ab", "c").
    """
    return seal((*scope, normalise(text)), key)


def seal(parts: Sequence[str], key: bytes) -> str:
    """Return the fingerprint of parts that are in one writing already; `fingerprint` tells what it promises."""
    if not 1 <= len(key) <= 64:
        raise SettingsError(f"the fingerprint key has {len(key)} bytes; give it 1 to 64, better 32 random ones")
    digest = hashlib.blake2b(key=key, digest_size=16, person=b"fingerprint.1")
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
