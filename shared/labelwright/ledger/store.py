"""Where files are kept, in a folder or in object storage: created once, whole and durably, and never changed."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, from_url


class Store:
    """Files by path in a folder, or under a URL that obstore knows (`s3://…`, `gs://…`, `az://…`, `memory://`)."""

    def __init__(self, location: str | Path) -> None:
        is_url = "://" in str(location)
        self._objects = from_url(str(location)) if is_url else LocalStore(Path(location).absolute(), mkdir=True)
        self._root = self._objects.prefix if isinstance(self._objects, LocalStore) else None
        self._durable: set[Path] = set()

    def put_new(self, path: str, content: bytes) -> None:
        """Create a file; on return it survives a power cut, and nobody ever sees half of it.

        If the file is there already with exactly this content, that is fine too: a retry whose first answer was lost
        looks like this. Raises FileExistsError if it is there with other content.
        """
        try:
            if self._root is None:
                obstore.put(self._objects, path, content, mode="create")
            else:
                self._link(self._root / path, content)
        except (AlreadyExistsError, FileExistsError):
            if not self._holds(path, content):
                raise FileExistsError(f"{path} is there already with other content") from None

    def get(self, path: str) -> bytes:
        """Return a file's content. Raises FileNotFoundError."""
        return bytes(obstore.get(self._objects, path).bytes())

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the paths of all files below the folder `prefix`, in no order."""
        for page in obstore.list(self._objects, prefix):
            yield from (found["path"] for found in page)

    def delete(self, path: str) -> None:
        """Delete a file; fine if it is gone already."""
        try:
            obstore.delete(self._objects, path)
        except FileNotFoundError:
            return

    def _holds(self, path: str, content: bytes) -> bool:
        try:
            return self.get(path) == content
        except FileNotFoundError:
            return False

    def _link(self, target: Path, content: bytes) -> None:
        # obstore's own local create doesn't fsync, so that a power cut may leave an empty file under the final name.
        self._make_folder(target.parent)
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(part, target)
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(target.parent)

    def _make_folder(self, folder: Path) -> None:
        if self._root is None or folder in self._durable:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for step in (folder, *folder.parents):
            _sync_folder(step)
            if step == self._root.parent:
                break
        self._durable.add(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
