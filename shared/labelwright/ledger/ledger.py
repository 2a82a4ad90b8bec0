"""The ledger of all partitions: append what every stream had up to one millisecond, read it back, prove it."""

import bisect
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Self

from labelwright.errors import LedgerError
from labelwright.ledger import audit, erasure, files, manifest
from labelwright.ledger.erasure import Trail
from labelwright.ledger.files import Row, order
from labelwright.ledger.manifest import Commit, File
from labelwright.ledger.sealing import Sealer, Words, unseal
from labelwright.ledger.store import Store
from labelwright.ledger.texts import Texts, first, folder, name_of
from labelwright.settings import LabelwrightSettings


class Ledger:
    """Append-only files per partition and stream. Reading needs nothing; a partition has one writer at a time.

    Two writers don't corrupt anything: a commit is the conditional creation of the next manifest, so that one of them
    wins and the other gets a LedgerError. An object is not for use by several threads at once.

    Under a key, the words that people wrote are kept beside the rows and can be taken away (`forget`); rows hold
    references to them. Without it, rows are written as they are, and read as they lie there.
    """

    def __init__(self, store: Store, key: bytes | None = None) -> None:
        self._store = store
        self._key = key
        self._texts = Texts(store, key) if key else None
        self._writer = secrets.token_hex(8)
        self._heads: dict[str, Commit] = {}

    @classmethod
    def of(cls, settings: LabelwrightSettings, location: str = "") -> Self:
        """Return an installation's ledger, or one elsewhere under its key. Raises SettingsError without a secret."""
        return cls(Store(location or settings.ledger_location), settings.key_for("ledger"))

    def append(
        self, partition: str, cut: int, rows_by_stream: Mapping[str, Sequence[Row]], *, epoch: int | None = None
    ) -> Commit:
        """Commit the rows of all streams up to and including millisecond `cut`, all or none, durably.

        Ids must rise within a stream and across appends, and lie at or before the cut; the cut and the epoch never go
        back. A row behind an earlier cut is taken all the same (a server's clock may step back). A cut without rows
        is a commit, too. `epoch` stays what it was unless given. Raises LedgerError, and then nothing was committed:
        build a new plan from `watermark` before trying again.
        """
        head = self._heads.pop(partition, None) or self._take_over(partition)
        epoch = head.epoch if epoch is None else epoch
        if cut < head.cut or epoch < head.epoch:
            raise LedgerError(
                f"cut {cut} of epoch {epoch} lies before cut {head.cut} of epoch {head.epoch}, where partition "
                f"{partition!r} ends; read its watermark and go on from there"
            )
        sealed, texts = self._sealed(head, rows_by_stream)
        written = {stream: _file(head, cut, stream, rows) for stream, rows in sealed.items() if rows}
        added = {stream: file for stream, (file, _) in written.items()}
        commit = head.next(cut=cut, epoch=epoch, writer=self._writer, files=added, texts=texts and texts[0])
        if texts:
            self._create(first(texts[0]), texts[1])
        for file, content in written.values():
            self._create(file.path, content)
        try:
            self._create(commit.path, commit.to_bytes())
        except LedgerError:
            winner = self._commit(partition, commit.number)
            for path in commit.paths - winner.paths:
                self._store.delete(path)
            if texts and texts[0] != winner.texts:
                self._store.delete(first(texts[0]))
            raise
        self._heads[partition] = commit
        return commit

    def watermark(self, partition: str) -> Commit:
        """Return the last commit: its `cut` and `last_ids` are how far the ledger has everything."""
        return self._commit(partition, manifest.last_number(self._store, partition))

    def partitions(self) -> list[str]:
        """Return the names of the partitions that have a commit."""
        return manifest.partitions(self._store)

    def streams(self, partition: str) -> list[str]:
        """Return the names of the streams of which a partition has rows."""
        return sorted(self.watermark(partition).heads)

    def read(self, partition: str, stream: str, after: str | None = None) -> Iterator[Row]:
        """Yield a stream's rows in order, from behind the id `after`, to the watermark as it is when reading starts.

        Raises LedgerError, naming the file, before any row of a file that is not as it was written, or that stands
        behind a manifest that doesn't follow from the one before. (`verify` checks, besides, row by row.) What was
        taken away reads `[erased]`.
        """
        return (row for row, _ in self.read_proven(partition, stream, after))

    def read_proven(self, partition: str, stream: str, after: str | None = None) -> Iterator[tuple[Row, bytes]]:
        """Yield a stream's rows as `read` does, each with the SHA-256 under which the ledger holds it."""
        last = self.watermark(partition).number
        start = order(after or "0-0")
        numbers = range(1, last + 1)
        skip = bisect.bisect_right(
            numbers, start, key=lambda number: order(self._commit(partition, number).head(stream).last)
        )
        before = self._commit(partition, skip)
        for number in numbers[skip:]:
            commit = self._commit(partition, number)
            for fault in commit.faults(before):
                raise LedgerError(f"{commit.path} {fault}; restore it from a copy")
            if stream in commit.files:
                yield from self._rows(commit, stream, start)
            before = commit

    def sealer(self) -> Sealer:
        """Return what tells whose words a row or a document holds, as this ledger does. Raises LedgerError."""
        self._opened()
        return Sealer(self._key or b"")

    def trail(self, partition: str, project: str, names: Sequence[str]) -> Trail:
        """Follow what a person wrote through a partition, by any of their names; nothing is changed."""
        return erasure.follow(self._opened(), self._key or b"", self._all(partition), project, names, self._rows)

    def forget(self, trail: Trail) -> Trail:
        """Take away every use of the words that a trail names, for good, and return it with what was there still.

        The rows, their hashes and the chain stay. What a crash leaves, following and forgetting once more takes away.
        """
        return erasure.forget(self._opened(), trail)

    def verify(self) -> audit.Report:
        """Check every byte of every partition; each fault is a sentence that names the file."""
        return audit.verify(self._store)

    def _take_over(self, partition: str) -> Commit:
        """Return the last commit after deleting what a crash left behind it.

        A file that waits for the next commit may be another publisher's that is just slow: so its number is taken
        first, by an empty commit, after which no manifest can ever name it.
        """
        head = self.watermark(partition)
        folders = manifest.data_folder(partition), manifest.manifest_folder(partition)
        found = [path for folder in folders for path in self._store.list(folder)]
        strays = {path for path in found if manifest.number_of(path) >= max(head.number, 1)} - head.paths
        kept = {path: manifest.number_of(name_of(path)) for path in self._store.list(folder(partition))}
        strays |= {path for path, number in kept.items() if number >= head.number and name_of(path) != head.texts}
        if any(max(manifest.number_of(path), kept.get(path, 0)) > head.number for path in strays):
            head = head.next(cut=head.cut, epoch=head.epoch, writer=self._writer, files={})
            self._create(head.path, head.to_bytes())
        for path in strays:
            self._store.delete(path)
        return head

    def _commit(self, partition: str, number: int) -> Commit:
        return manifest.load(self._store, partition, number)

    def _all(self, partition: str) -> Iterator[Commit]:
        for number in range(1, self.watermark(partition).number + 1):
            yield self._commit(partition, number)

    def _rows(self, commit: Commit, stream: str, after: tuple[int, int] = (0, 0)) -> Iterator[tuple[Row, bytes]]:
        table = files.read(audit.content(self._store, commit.files[stream]))
        texts, name = self._texts, commit.texts

        @cache
        def words() -> Words:
            return texts.words(name) if texts and name else {}

        for row, digest in zip(files.rows_of(table), table["sha256"].to_pylist(), strict=True):
            if order(row.entry_id) > after:
                yield (unseal(stream, row, words) if texts and name else row), digest

    def _sealed(
        self, head: Commit, rows_by_stream: Mapping[str, Sequence[Row]]
    ) -> tuple[Mapping[str, Sequence[Row]], tuple[str, bytes] | None]:
        """Return the rows with their words taken out, and the name and content of the file that keeps those."""
        if self._texts is None or self._key is None:
            return rows_by_stream, None
        sealer = Sealer(self._key)
        sealed = {stream: [sealer.seal(stream, row) for row in rows] for stream, rows in rows_by_stream.items()}
        kept = self._texts.pack(manifest.named(head.partition), head.number + 1, sealer.uses) if sealer.uses else None
        return sealed, kept

    def _opened(self) -> Texts:
        if self._texts is None:
            raise LedgerError("the ledger's words can't be opened without LABELWRIGHT_SECRET; set it to what it was")
        return self._texts

    def _create(self, path: str, content: bytes) -> None:
        try:
            self._store.put_new(path, content)
        except (FileExistsError, FileNotFoundError):  # it is taken, or one who took over has swept it away half written
            raise LedgerError(
                f"another publisher has written {path}; a partition has one: stop the other, then start this one again"
            ) from None


def _file(head: Commit, cut: int, stream: str, rows: Sequence[Row]) -> tuple[File, bytes]:
    """Return the stream's next file and its content. Raises LedgerError if an id isn't where it must be."""
    before = head.head(manifest.named(stream))
    last = order(before.last)
    for row in rows:
        place = order(row.entry_id)
        if not last < place < (cut + 1, 0):
            raise LedgerError(
                f"entry {row.entry_id!r} of stream {stream!r} isn't behind '{last[0]}-{last[1]}' and at or before cut "
                f"{cut}; pass the rows in the stream's order, from the watermark to the cut"
            )
        last = place
    table = files.tabulate(stream, rows, bytes.fromhex(before.chain))
    content = files.write(table)
    path = manifest.file_path(head.partition, stream, head.number + 1, rows[0].entry_id, rows[-1].entry_id)
    return File.describe(path, content, table), content
