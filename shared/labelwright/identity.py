"""Identifiers: derived from what caused them, so that deciding again gives the same ones."""

import hashlib


def derive(kind: str, *parts: str) -> str:
    """Return an identifier like `item_3f0c…` (80 bits) that depends on `parts` alone.

    Equal parts give equal identifiers, on every replica and at every repetition: that is what makes a decision
    repeatable. Don't use it for secrets.
    """
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=10, person=kind.encode())
    return f"{kind}_{digest.hexdigest()}"
