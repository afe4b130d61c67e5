"""Mixed precision where it is faster."""

import torch


def mixed_precision(device: torch.device) -> torch.autocast:
    """A context: matrix products in bfloat16 on GPUs and on processors that gain by it, in float32 on all
    others.

    AMX gains, and so do AMD's AVX-512 units. Intel's (told by AVX512-FP16, which AMD lacks) take up to
    twice as long in bfloat16 as in float32, which shows where a virtual machine hides AMX.
    """
    if device.type != "cpu":
        return torch.autocast(device.type, enabled=False)
    has = torch.cpu.get_capabilities()
    gains = has.get("amx_bf16", False) or (
        has.get("avx512_bf16", False) and not has.get("avx512_fp16", False)
    )
    return torch.autocast("cpu", torch.bfloat16, enabled=bool(gains))
