"""A sentence model's folder: what must be in it, and which model it is."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

NEEDED: Final = ("config.json", "model.safetensors", "tokenizer.json")


def why_unreadable(folder: Path) -> str | None:
    """Return why a model folder can't be read here, in words for who set it; None where it can."""
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        return f"the model folder {str(folder)!r} has no {missing[0]}; it needs {', '.join(NEEDED)}"
    absent = [name for name in ("numpy", "safetensors", "tokenizers") if find_spec(name) is None]
    return f"a model needs {', '.join(absent)}; pip install 'labelwright[embeddings]'" if absent else None


def version_of(folder: Path) -> str:
    """Return `sha256:` and the digest of the model's files, by name and content."""
    digest = hashlib.sha256()
    for name in NEEDED:
        path = folder / name
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
