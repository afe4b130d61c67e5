"""torch's random normal numbers without torch: an exported planner draws the same plan from the same seed.

torch's generator on a CPU is a Mersenne Twister, and its normal numbers are Box and Muller's, in blocks of 16
(ATen/native/cpu/DistributionTemplates.h, normal_fill).
"""

from math import prod

import numpy as np

from sail.types import Float32

_BLOCK = 16


def normal_noise(seed: int, shape: tuple[int, ...]) -> Float32:
    """What `torch.randn(shape, generator=torch.Generator().manual_seed(seed))` gives, up to rounding of the
    last digits: float32 of that shape, of at least 16 numbers."""
    count = prod(shape)
    if count < _BLOCK:
        raise ValueError(f"{count} numbers: torch draws fewer than {_BLOCK} in another way")
    twister = np.random.RandomState(seed % 2**32)  # seeded as torch seeds its own
    # The last block is drawn anew where it is not a whole one.
    left = count % _BLOCK
    drawn = np.frombuffer(twister.bytes(4 * (count + (_BLOCK if left else 0))), "<u4")
    uniform = (drawn % 2**24).astype(np.float32) * np.float32(2.0**-24)
    whole = count - left
    noise = np.empty(count, np.float32)
    noise[:whole] = _normal(uniform[:whole])
    if left:
        noise[-_BLOCK:] = _normal(uniform[count:])
    return noise.reshape(shape)


def _normal(uniform: Float32) -> Float32:
    """Blocks of uniform numbers in 0..1 (1 left out) as normal ones (Box & Muller, 1958)."""
    blocks = uniform.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(np.float32(-2.0) * np.log1p(-blocks[:, 0]))
    angle = np.float32(2.0 * np.pi) * blocks[:, 1]
    normal: Float32 = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    return normal
