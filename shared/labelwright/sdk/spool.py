"""Keep on disk what could not be sent, until a later try or a later process sends it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from typing import TYPE_CHECKING

from labelwright.sdk.buffer import Waiting
from labelwright.sdk.events import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labelwright.sdk.limits import Limits
    from labelwright.sdk.tally import Tally

_SUFFIX = ".jsonl"


class _Journal:
    """One locked JSONL file and how far it has been read."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.offset = 0
        self.next_offset = 0


class Spool:
    """A folder with one append-only JSONL file a process, locked while its process lives.

    Files whose process is gone are taken over, by whichever process starts next. The folder holds at most
    `limits.spool_bytes`; what doesn't fit is refused. Delivery is at least once: the gateway knows repeated ids.
    """

    def __init__(self, folder: str | os.PathLike[str], limits: Limits, tally: Tally) -> None:
        self._folder = os.fspath(folder)
        self._limits = limits
        self._tally = tally
        self._lock = threading.Lock()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._journals = self._claim_orphans()
        self._own: _Journal | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits here."""
        return not self._journals

    def append(self, events: Sequence[Waiting]) -> int:
        """Write events, in order, and return how many fitted. Raises OSError when the disk refuses."""
        with self._lock:
            room = self._limits.spool_bytes - self._size()
            lines: list[bytes] = []
            for event in events:
                room -= len(event.body) + 1
                if room < 0:
                    break
                lines.append(event.body + b"\n")
            if lines:
                self._write(b"".join(lines))
            return len(lines)

    def peek(self) -> list[Waiting]:
        """Return the next batch without removing it; empty when nothing waits. Torn lines are counted and skipped."""
        with self._lock:
            while self._journals:
                if batch := self._read(self._journals[0]):
                    return batch
                self._remove(self._journals.pop(0))
            return []

    def advance(self) -> None:
        """Move on past the batch that `peek` returned last."""
        with self._lock:
            if self._journals:
                self._journals[0].offset = self._journals[0].next_offset

    def close(self) -> None:
        """Make what was written durable and let go of the files, so that another process may take them over."""
        with self._lock:
            if self._own:
                with contextlib.suppress(OSError):  # what the disk no longer takes can't be told to it either
                    os.fsync(self._own.fd)
            self._release()

    def forget(self) -> None:
        """Let go of files inherited through a fork. Takes no lock, since the parent may have held it."""
        self._release()

    def _write(self, lines: bytes) -> None:
        """Write all lines or none: behind a torn one, the next would be torn, too."""
        if self._own is None:
            self._own = self._create()
            self._journals.append(self._own)
        fd = self._own.fd
        end = os.fstat(fd).st_size
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(fd, rest) :]
        except OSError:
            os.ftruncate(fd, end)
            raise

    def _read(self, journal: _Journal) -> list[Waiting]:
        batch: list[Waiting] = []
        chunk = os.pread(journal.fd, self._limits.batch_bytes + MAX_BYTES, journal.offset)
        journal.next_offset = journal.offset
        for line in chunk.splitlines(keepends=True)[: self._limits.batch_events]:
            event = _parse(line)
            if event is not None:
                batch.append(event)
                journal.next_offset += len(line)
            elif batch:
                break  # the next read begins here, and judges whether the line is torn or was merely cut by this read
            else:
                self._tally.lose("spool_corrupt", f"a line of {journal.path!r} is torn; it was passed over")
                journal.offset = journal.next_offset = journal.next_offset + len(line)
        return batch

    def _create(self) -> _Journal:
        """Make this process's file. It gets its real name only once locked, so that nobody takes it for an orphan."""
        path = os.path.join(self._folder, f"{os.getpid()}-{os.urandom(4).hex()}{_SUFFIX}")
        part = path + ".part"
        fd = os.open(part, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.rename(part, path)
        return _Journal(path, fd)

    def _claim_orphans(self) -> list[_Journal]:
        claimed = []
        for path in self._paths():
            with contextlib.suppress(OSError):
                fd = os.open(path, os.O_RDONLY)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:  # its process lives
                    os.close(fd)
                else:
                    claimed.append(_Journal(path, fd))
        return claimed

    def _paths(self) -> list[str]:
        return sorted(entry.path for entry in os.scandir(self._folder) if entry.name.endswith(_SUFFIX))

    def _size(self) -> int:
        size = 0
        for path in self._paths():
            with contextlib.suppress(FileNotFoundError):  # another process has just sent it
                size += os.stat(path).st_size
        return size

    def _remove(self, journal: _Journal) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(journal.path)
        os.close(journal.fd)
        if journal is self._own:
            self._own = None

    def _release(self) -> None:
        for journal in self._journals:
            with contextlib.suppress(OSError):
                os.close(journal.fd)
        self._journals, self._own = [], None


def _parse(line: bytes) -> Waiting | None:
    """Return the event of a line; None where the line is torn or its end isn't there."""
    if not line.endswith(b"\n"):
        return None
    try:
        return Waiting(json.loads(line)["id"], line.rstrip(b"\n"))
    except (ValueError, TypeError, KeyError):
        return None
