"""Encode texts by a sentence model in a folder: a BERT with mean pooling (MiniLM and its like), in numpy alone.

The folder is what such models are published as: `config.json`, `model.safetensors`, `tokenizer.json`. Nothing is
fetched, nothing of the folder is executed, and neither torch nor another runtime is needed: the extra `embeddings`.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labelwright.errors import SettingsError
from labelwright.themes.model import version_of, why_unreadable

Floats = NDArray[np.float32]

MOST_TOKENS: Final = 128
"""Tokens of a text that are read; what is said first says most, and time is linear in them."""

AT_ONCE: Final = 16
_GELU: Final = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


class Encoder:
    """A sentence model: texts in, unit vectors out. `version` tells which model: two differ where any byte does."""

    def __init__(self, folder: Path) -> None:
        if why := why_unreadable(folder):
            raise SettingsError(why)
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self.version = version_of(folder)
        config = json.loads((folder / "config.json").read_text())
        if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
            raise SettingsError(
                f"the model in {folder} is a {config.get('model_type')!r} with {config.get('hidden_act')!r}; "
                "only 'bert' with 'gelu' is read, as all-MiniLM-L6-v2 is"
            )
        self._heads, self._layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
        self._epsilon = np.float32(config["layer_norm_eps"])
        self._weights: dict[str, Floats] = {
            name.removeprefix("bert."): np.asarray(value, np.float32)
            for name, value in load_file(folder / "model.safetensors").items()
            if value.dtype.kind == "f"
        }
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(min(MOST_TOKENS, int(config["max_position_embeddings"])))
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one unit vector a text, row by row; texts of like length are computed together."""
        read = [one.ids for one in self._tokenizer.encode_batch([_readable(text) for text in texts])]
        vectors = np.zeros((len(texts), self._weights["embeddings.word_embeddings.weight"].shape[1]), np.float32)
        order = sorted(range(len(texts)), key=lambda row: len(read[row]))
        for start in range(0, len(order), AT_ONCE):
            rows = order[start : start + AT_ONCE]
            vectors[rows] = self._pooled([read[row] for row in rows])
        return vectors

    def _pooled(self, read: Sequence[Sequence[int]]) -> Floats:
        longest = max(map(len, read))
        ids = np.zeros((len(read), longest), np.int64)
        for row, tokens in enumerate(read):
            ids[row, : len(tokens)] = tokens
        is_there = np.arange(longest) < np.array([[len(tokens)] for tokens in read])
        hidden = self._embedded(ids)
        mask = np.where(is_there, 0, -1e9).astype(np.float32)[:, None, None, :]
        for number in range(self._layers):
            hidden = self._layer(f"encoder.layer.{number}.", hidden, mask)
        mean = (hidden * is_there[..., None]).sum(1) / np.maximum(is_there.sum(1), 1)[:, None]
        return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12), np.float32)

    def _embedded(self, ids: NDArray[np.int64]) -> Floats:
        weights = self._weights
        summed = weights["embeddings.word_embeddings.weight"][ids]
        summed = summed + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        return self._normed("embeddings.LayerNorm.", summed + weights["embeddings.token_type_embeddings.weight"][0])

    def _layer(self, name: str, hidden: Floats, mask: Floats) -> Floats:
        texts, tokens, width = hidden.shape

        def heads(part: str) -> Floats:
            projected = self._dense(f"{name}attention.self.{part}.", hidden)
            return projected.reshape(texts, tokens, self._heads, -1).transpose(0, 2, 1, 3)

        queries, keys, values = heads("query"), heads("key"), heads("value")
        scores = queries @ keys.transpose(0, 1, 3, 2) / np.float32((width / self._heads) ** 0.5) + mask
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ values
        mixed = self._dense(f"{name}attention.output.dense.", mixed.transpose(0, 2, 1, 3).reshape(hidden.shape))
        hidden = self._normed(f"{name}attention.output.LayerNorm.", hidden + mixed)
        inner = _gelu(self._dense(f"{name}intermediate.dense.", hidden))
        return self._normed(f"{name}output.LayerNorm.", hidden + self._dense(f"{name}output.dense.", inner))

    def _dense(self, name: str, inputs: Floats) -> Floats:
        flat: Floats = (
            inputs.reshape(-1, inputs.shape[-1]) @ self._weights[f"{name}weight"].T + self._weights[f"{name}bias"]
        )
        outputs: Floats = flat.reshape(*inputs.shape[:-1], -1)
        return outputs

    def _normed(self, name: str, inputs: Floats) -> Floats:
        centred = inputs - inputs.mean(-1, keepdims=True)
        scale = np.sqrt((centred * centred).mean(-1, keepdims=True) + self._epsilon)
        normed: Floats = centred / scale * self._weights[f"{name}weight"] + self._weights[f"{name}bias"]
        return normed


@cache
def encoder_in(folder: Path) -> Encoder:
    """Return the encoder of a folder, read once a process. Raises SettingsError where it can't be read."""
    return Encoder(folder)


def _readable(text: str) -> str:
    """Return what the tokenizer may take: the head of the text, without halves of characters."""
    return text[: 16 * MOST_TOKENS].encode("utf-8", "replace").decode()


def _gelu(inputs: Floats) -> Floats:
    """Return x * P(X <= x) of a standard normal X; erf by Abramowitz and Stegun 7.1.26, within 1.5e-7."""
    scaled = np.abs(inputs) * np.float32(0.5**0.5)
    step = 1 / (1 + np.float32(0.3275911) * scaled)
    polynomial = np.zeros_like(step)
    for coefficient in _GELU:
        polynomial = (polynomial + np.float32(coefficient)) * step
    tail = polynomial * np.exp(-scaled * scaled) / 2
    gelu: Floats = inputs * np.where(inputs < 0, tail, 1 - tail)
    return gelu
