"""Which processors compute in bfloat16."""

import pytest
import torch

from sail_models.device import mixed_precision


@pytest.mark.parametrize(
    ("has", "gains"),
    [
        ({"amx_bf16", "avx512_bf16", "avx512_fp16"}, True),  # Sapphire Rapids
        ({"avx512_bf16", "avx512_fp16"}, False),  # the same without AMX, in a virtual machine
        ({"avx512_bf16"}, True),  # Zen 4
        (set(), False),
    ],
)
def test_bfloat16_where_it_is_faster(has: set[str], gains: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("amx_bf16", "avx512_bf16", "avx512_fp16")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {name: name in has for name in names})
    left, right = torch.ones(2, 2), torch.ones(2, 2)
    with mixed_precision(torch.device("cpu")):
        assert (left @ right).dtype == (torch.bfloat16 if gains else torch.float32)
