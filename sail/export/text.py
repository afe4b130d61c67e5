"""The exported text encoder: prompts to embeddings, without torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from sail.export.folder import TEXT, TOKENIZER, CommonConfig
from sail.export.providers import open_session
from sail.types import Float32


class ExportedText:
    """The encoder in a folder. Raises ExportError."""

    def __init__(self, folder: Path, config: CommonConfig, threads: int | None) -> None:
        self._shape = config.text_shape
        self._session = open_session(folder / TEXT, config.sha256[TEXT], "cpu", threads, None)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.enable_truncation(self._shape[0])
        self._tokenizer.no_padding()
        self._known: dict[str, Float32] = {}

    def embed(self, prompts: Sequence[str]) -> Float32:
        """Embeddings float32 (N, L, D), each prompt's computed once."""
        for prompt in prompts:
            if prompt not in self._known:
                self._known[prompt] = self.read(prompt)
        return np.stack([self._known[prompt] for prompt in prompts])

    def read(self, prompt: str) -> Float32:
        """One prompt's embeddings, computed anew: float32 (L, D)."""
        ids = np.array([self._tokenizer.encode(prompt).ids], np.int64)
        tokens = self._session.run(None, {"ids": ids})[0][0]
        padded = np.zeros(self._shape, np.float32)
        padded[: len(tokens)] = tokens
        return padded
