"""A file is created once, whole, and never changed, in a folder as in object storage."""

import threading
from pathlib import Path

import pytest

from labelwright.ledger import Store


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "ledger" / "deep") if request.param == "folder" else Store("memory://")


def test_what_is_put_is_found_listed_and_deleted(store: Store) -> None:
    store.put_new("data/p1/a.parquet", b"one")
    store.put_new("data/p10/b.parquet", b"two")

    assert store.get("data/p1/a.parquet") == b"one"
    assert sorted(store.list("data/")) == ["data/p1/a.parquet", "data/p10/b.parquet"]
    assert list(store.list("data/p1/")) == ["data/p1/a.parquet"]
    assert list(store.list("manifest/")) == []

    store.delete("data/p1/a.parquet")
    store.delete("data/p1/a.parquet")

    assert list(store.list("data/p1/")) == []
    with pytest.raises(FileNotFoundError):
        store.get("data/p1/a.parquet")


def test_a_file_is_never_changed_and_the_same_content_again_is_fine(store: Store) -> None:
    store.put_new("manifest/p1/1.json", b"mine")
    store.put_new("manifest/p1/1.json", b"mine")

    with pytest.raises(FileExistsError, match=r"manifest/p1/1\.json is there already with other content"):
        store.put_new("manifest/p1/1.json", b"yours")

    assert store.get("manifest/p1/1.json") == b"mine"
    assert list(store.list("manifest/")) == ["manifest/p1/1.json"]


def test_of_many_that_create_one_file_exactly_one_does(store: Store) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def create(content: str) -> None:
        together.wait()
        try:
            store.put_new("manifest/p1/1.json", content.encode())
        except FileExistsError:
            return
        outcomes.append(content)

    threads = [threading.Thread(target=create, args=(f"writer {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [store.get("manifest/p1/1.json").decode()] == outcomes
    assert list(store.list("")) == ["manifest/p1/1.json"]
