"""Mixed precision where the processor has it."""

import torch


def mixed_precision() -> torch.autocast:
    """A context: matrix products in bfloat16 on processors that compute in it, float32 on all others."""
    native = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return torch.autocast("cpu", torch.bfloat16, enabled=native)
