"""The manifests of a partition: numbered, each naming the files it commits and the hash of the one before it."""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, PositiveInt, StringConstraints, model_validator
from pydantic_core import from_json

from labelwright.errors import LedgerError
from labelwright.ledger.files import ENTRY_ID, GENESIS, order
from labelwright.ledger.store import Store

_NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_ZERO = GENESIS.hex()

Name = Annotated[str, StringConstraints(pattern=_NAME)]
EntryId = Annotated[str, StringConstraints(pattern=ENTRY_ID)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class File(_Frozen):
    """One file of one stream: its first and last entry, and where the stream's chain stands after it.

    `sha256` and `chain` are hexadecimal; `last_sha256` is the hash of the last row's body, by which a server that went
    back in time is found out.
    """

    path: str
    first: EntryId
    last: EntryId
    rows: PositiveInt
    sha256: Hash
    last_sha256: Hash
    chain: Hash

    @classmethod
    def describe(cls, path: str, content: bytes, table: pa.Table) -> Self:
        """Return what a manifest says of a file with this content, which holds this table of one row or more."""
        end = table.num_rows - 1
        return cls(
            path=path,
            first=table["entry_id"][0].as_py(),
            last=table["entry_id"][end].as_py(),
            rows=table.num_rows,
            sha256=hashlib.sha256(content).hexdigest(),
            last_sha256=table["sha256"][end].as_py().hex(),
            chain=table["chain"][end].as_py().hex(),
        )


class Head(_Frozen):
    """How far one stream has come: its last entry, the hash of that entry's body, its chain, and its rows so far."""

    last: EntryId = "0-0"
    last_sha256: Hash = _ZERO
    chain: Hash = _ZERO
    rows: int = 0


class Commit(_Frozen):
    """What one manifest says: all streams of the partition up to the millisecond `cut`.

    `files` are those that this commit added, by stream; `heads` is where every stream stands after it. `epoch` counts
    how often the partition's server was found to have gone back in time. `writer` tells publishers apart. `texts` names
    the words that were taken out of the rows, if there were any; it has no hash of them, for they can be taken away.
    """

    version: Literal[1] = 1
    partition: Name
    number: int
    epoch: int
    cut: int
    previous: Hash
    writer: str
    files: dict[Name, File]
    heads: dict[Name, Head]
    texts: str | None = None

    @model_validator(mode="after")
    def _names_files_by_its_number(self) -> Self:
        for stream, file in self.files.items():
            if file.path != file_path(self.partition, stream, self.number, file.first, file.last):
                raise ValueError(f"{file.path} isn't a path of this commit")
        return self

    @classmethod
    def before_the_first(cls, partition: str) -> Self:
        """Return the commit that every ledger starts from; it is never written."""
        return cls(partition=partition, number=0, epoch=0, cut=0, previous=_ZERO, writer="", files={}, heads={})

    @classmethod
    def parse(cls, path: str, content: bytes) -> Self:
        """Read a manifest. Raises LedgerError unless it is, byte for byte, what `to_bytes` writes."""
        try:
            fields = dict(from_json(content))
            del fields["sha256"]
            commit = cls.model_validate(fields)
        except (ValueError, TypeError, KeyError):
            commit = None
        if commit is None or commit.to_bytes() != content or commit.path != path:
            raise LedgerError(f"{path} isn't a manifest as this ledger writes it; restore it from a copy")
        return commit

    def to_bytes(self) -> bytes:
        """Return the manifest's one canonical form: JSON whose last member, `sha256`, is the hash of the others.

        So a flipped bit is found even in the newest manifest, which no later one bears witness of.
        """
        body = self.model_dump_json(exclude_none=True).encode()
        return body[:-1] + b',"sha256":"%s"}\n' % hashlib.sha256(body).hexdigest().encode()

    def next(self, *, cut: int, epoch: int, writer: str, files: Mapping[str, File], texts: str | None = None) -> Self:
        """Return the commit that follows this one."""
        return type(self)(
            partition=self.partition,
            number=self.number + 1,
            epoch=epoch,
            cut=cut,
            previous=self._sha256(),
            writer=writer,
            files=dict(sorted(files.items())),
            heads=self._heads_after(files),
            texts=texts,
        )

    def head(self, stream: str) -> Head:
        """Return how far a stream has come; a stream never written stands at '0-0'."""
        return self.heads.get(stream, Head())

    def faults(self, before: Self) -> list[str]:
        """Return what contradicts the commit before it, each to be read after the manifest's path."""
        found = []
        if self.previous != before._sha256():
            found.append("doesn't carry the hash of the manifest before it")
        if self.heads != before._heads_after(self.files):
            found.append("has heads that don't follow from its files")
        if self.cut < before.cut or self.epoch < before.epoch:
            found.append(f"goes back: cut {before.cut} to {self.cut}, epoch {before.epoch} to {self.epoch}")
        found += [
            f"lets stream {stream!r} go back from {before.head(stream).last!r} to {file.first!r}"
            for stream, file in self.files.items()
            if order(file.first) <= order(before.head(stream).last)
        ]
        return found

    @property
    def path(self) -> str:
        """Where this manifest lies."""
        return manifest_path(self.partition, self.number)

    @property
    def paths(self) -> set[str]:
        """Every path that belongs to this commit: its files' and its own."""
        return {file.path for file in self.files.values()} | {self.path}

    @property
    def last_ids(self) -> dict[str, str]:
        """The last entry id of every stream."""
        return {stream: head.last for stream, head in self.heads.items()}

    def _sha256(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def _heads_after(self, files: Mapping[str, File]) -> dict[str, Head]:
        heads = dict(self.heads)
        for stream, file in files.items():
            rows = self.head(stream).rows + file.rows
            heads[stream] = Head(last=file.last, last_sha256=file.last_sha256, chain=file.chain, rows=rows)
        return dict(sorted(heads.items()))


def load(store: Store, partition: str, number: int) -> Commit:
    """Return a partition's commit by its number; 0 is the one before the first. Raises LedgerError."""
    if number == 0:
        return Commit.before_the_first(partition)
    path = manifest_path(partition, number)
    try:
        return Commit.parse(path, store.get(path))
    except FileNotFoundError:
        raise LedgerError(f"{path} is missing; restore it from a copy") from None


def last_number(store: Store, partition: str) -> int:
    """Return the number of a partition's last commit, 0 if it has none."""
    found = store.list(manifest_folder(partition))
    return max((number_of(path) for path in found if path.endswith(".json")), default=0)


def partitions(store: Store) -> list[str]:
    """Return the names of the partitions that have a commit."""
    folders = {path.split("/")[1] for path in store.list("manifest/") if path.endswith(".json")}
    return sorted(name for name in folders if re.fullmatch(_NAME, name))


def manifest_folder(partition: str) -> str:
    """Return the folder of a partition's manifests. Raises LedgerError if the name can't be a folder's."""
    return f"manifest/{named(partition)}/"


def data_folder(partition: str) -> str:
    """Return the folder of a partition's files. Raises LedgerError if the name can't be a folder's."""
    return f"data/{named(partition)}/"


def manifest_path(partition: str, number: int) -> str:
    """Return a manifest's path."""
    return f"{manifest_folder(partition)}{number:012d}.json"


def file_path(partition: str, stream: str, number: int, first: str, last: str) -> str:
    """Return a file's path. It carries the number of the one commit that may name it.

    Once that number is taken by another commit, the file is an orphan for ever: anyone may delete it.
    """
    return f"{data_folder(partition)}{stream}/{number:012d}_{first}_{last}.parquet"


def number_of(path: str) -> int:
    """Return the number of the commit that a file or manifest belongs to; 0, as no commit, if its name has none."""
    digits = path.rpartition("/")[2][:12]
    return int(digits) if re.fullmatch(r"[0-9]{12}", digits) else 0


def named(name: str) -> str:
    """Return the name of a partition or stream if it can be a folder's. Raises LedgerError."""
    if not re.fullmatch(_NAME, name):
        raise LedgerError(
            f"{name!r} can't name a partition or stream; use 1 to 64 of a-z 0-9 . _ - and begin with a-z 0-9"
        )
    return name
