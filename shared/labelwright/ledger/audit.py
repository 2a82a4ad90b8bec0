"""The audit: check every byte of the ledger against hashes, chains and manifests, and say which file is at fault."""

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from labelwright.errors import LedgerError
from labelwright.ledger import files, manifest
from labelwright.ledger.manifest import File, Head
from labelwright.ledger.store import Store
from labelwright.ledger.texts import generations


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found. The ledger is sound if there are no `faults`, each a sentence that names its file.

    `leftovers` are files that no manifest names: a crash or a slow publisher left them, and nothing ever reads them.
    """

    commits: int
    files: int
    rows: int
    leftovers: tuple[str, ...]
    faults: tuple[str, ...]


def verify(store: Store) -> Report:
    """Read and check everything but the words beside the rows, which can be taken away; that they are there is checked.

    Trust it as far as the last manifest's hash is known from elsewhere.

    Whoever can rewrite all files can rewrite all hashes; each snapshot carries the chains it was cut from, and so
    bears witness against that.
    """
    faults: list[str] = []
    named: set[str] = set()
    sound: list[File] = []
    commits = 0
    for partition in manifest.partitions(store):
        before = manifest.load(store, partition, 0)
        for number in range(1, manifest.last_number(store, partition) + 1):
            try:
                commit = manifest.load(store, partition, number)
            except LedgerError as error:
                faults.append(str(error))
                continue
            commits += 1
            named |= commit.paths
            if commit.texts:
                named |= (kept := set(generations(store, commit.texts)))
                faults += [] if kept else [f"{commit.texts}/ has no file; restore it from a copy"]
            faults += [f"{commit.path} {fault}" for fault in commit.faults(before)]
            for stream, file in commit.files.items():
                try:
                    _check(content(store, file), stream, file, before.head(stream))
                    sound.append(file)
                except LedgerError as error:
                    faults.append(str(error))
            before = commit
    leftovers = {path for folder in ("data/", "manifest/", "texts/") for path in store.list(folder)} - named
    rows = sum(file.rows for file in sound)
    return Report(commits, len(sound), rows, tuple(sorted(leftovers)), tuple(faults))


def content(store: Store, file: File) -> bytes:
    """Return a file's bytes. Raises LedgerError unless they are those that its manifest names."""
    try:
        found = store.get(file.path)
    except FileNotFoundError:
        raise LedgerError(f"{file.path} is missing; restore it from a copy") from None
    if hashlib.sha256(found).hexdigest() != file.sha256:
        raise LedgerError(f"{file.path} has other bytes than its manifest says; restore it from a copy")
    return found


def _check(found: bytes, stream: str, file: File, before: Head) -> None:
    """Raise LedgerError unless the bytes hold the rows that the manifest says, chained on from `before`."""
    try:
        table = files.read(found)
        wrong = list(files.faults(stream, table, bytes.fromhex(before.chain)))
        if not wrong and (table.num_rows != file.rows or File.describe(file.path, found, table) != file):
            wrong = ["holds other rows than its manifest says"]
    except (LedgerError, pa.ArrowException) as error:
        wrong = [str(error)]
    if wrong:
        raise LedgerError(f"{file.path} {'; '.join(wrong)}; restore it from a copy")
