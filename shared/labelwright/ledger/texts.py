"""The words of the ledger, beside it: one encrypted file a commit, in which they can be taken away.

A file is Parquet, zstd, under AES-256-GCM with a key of the installation's secret. Its folder says which commit it is
of, its name the generation: taking words away makes the next generation, without them, and deletes those before. What
is left of a use of them is its reference and its marks, so that who takes them away again finds what a crash left.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from labelwright.errors import LedgerError
from labelwright.ledger.sealing import Use, Words
from labelwright.ledger.store import Store

_SCHEMA: Final = pa.schema(
    {
        "reference": pa.binary(16),
        **dict.fromkeys(("who", "feedback", "item", "other"), pa.int64()),
        "words": pa.binary(),
    }
)
_NONCE: Final = 12
_TRIES: Final = 5


class Texts:
    """The words of one ledger under one key."""

    def __init__(self, store: Store, key: bytes) -> None:
        self._store = store
        self._key = key
        self._cipher = AESGCM(hashlib.blake2b(key=key, digest_size=32, person=b"texts").digest())

    def pack(self, partition: str, number: int, uses: Iterable[Use]) -> tuple[str, bytes]:
        """Return the name of a commit's words, and the content of their file; equal uses give equal bytes."""
        content = _parquet(pa.table([list(column) for column in zip(*uses, strict=True)], schema=_SCHEMA))
        nonce = self._nonce(content)
        name = f"{folder(partition)}{number:012d}_{nonce.hex()}"
        return name, self._sealed(name, nonce, content)

    def words(self, name: str) -> Words:
        """Return what the references of a commit stand for. Raises LedgerError."""
        table = self._read(name)[1]
        found: dict[bytes, bytes | None] = {}
        columns = (table[column].to_pylist() for column in ("reference", "words"))
        for reference, words in zip(*columns, strict=True):
            if words is not None or reference not in found:
                found[reference] = words
        return found

    def marks(self, name: str) -> pa.Table:
        """Return the uses of a commit's words without the words; `there` says which haven't been taken away."""
        table = self._read(name)[1]
        return table.drop_columns(["words"]).append_column("there", pc.is_valid(table["words"]))

    def take_away(self, name: str, chosen: Callable[[pa.Table], pa.Array]) -> int:
        """Take the words of the chosen uses away, for good; how many uses had them still. Raises LedgerError.

        On return there is no file with them: older generations, too, are gone.
        """
        for _ in range(_TRIES):
            path, table = self._read(name)
            gone = pc.and_(chosen(table), pc.is_valid(table["words"]))
            count = pc.sum(gone).as_py() or 0
            if count:
                left = pc.if_else(gone, pa.scalar(None, pa.binary()), table["words"])
                content = _parquet(table.drop_columns(["words"]).append_column(_SCHEMA.field("words"), left))
                following = _path(name, _generation(path) + 1)
                try:
                    self._store.put_new(following, self._sealed(name, self._nonce(content), content))
                except FileExistsError:
                    continue  # somebody takes other words away: once more, from what they left
                path = following
            for older in self._generations(name):
                if _generation(older) < _generation(path):
                    self._store.delete(older)
            return count
        raise LedgerError(f"{name} is being changed by others; try again")

    def _read(self, name: str) -> tuple[str, pa.Table]:
        for _ in range(_TRIES):
            path = max(self._generations(name), key=_generation, default=None)
            if path is None:
                raise LedgerError(f"{_path(name, 0)} is missing; restore it from a copy")
            try:
                sealed = self._store.get(path)
            except FileNotFoundError:
                continue  # somebody has just taken words away
            try:
                content = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
            except (InvalidTag, ValueError):
                raise LedgerError(
                    f"{path} can't be opened: it was changed, or LABELWRIGHT_SECRET isn't what it was; set it as it was"
                ) from None
            return path, pq.read_table(pa.BufferReader(content))
        raise LedgerError(f"{name} is being changed by others; try again")

    def _generations(self, name: str) -> list[str]:
        return generations(self._store, name)

    def _nonce(self, content: bytes) -> bytes:
        # a nonce is used for one content alone, since it follows from it
        return hashlib.blake2b(content, key=self._key, digest_size=_NONCE, person=b"nonce").digest()

    def _sealed(self, name: str, nonce: bytes, content: bytes) -> bytes:
        return nonce + self._cipher.encrypt(nonce, content, name.encode())


def folder(partition: str) -> str:
    """Return the folder of a partition's words."""
    return f"texts/{partition}/"


def first(name: str) -> str:
    """Return the path at which a commit's words are written first."""
    return _path(name, 0)


def generations(store: Store, name: str) -> list[str]:
    """Return the paths at which a commit's words are kept: one, or two while some of them are taken away."""
    return [path for path in store.list(f"{name}/") if path.rpartition("/")[2].isdigit()]


def name_of(path: str) -> str:
    """Return the name of the words that a file is a generation of."""
    return path.rpartition("/")[0]


def _path(name: str, generation: int) -> str:
    return f"{name}/{generation:06d}"


def _generation(path: str) -> int:
    return int(path.rpartition("/")[2])


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=["reference", "words"], store_schema=False)
    return bytes(sink.getvalue())
