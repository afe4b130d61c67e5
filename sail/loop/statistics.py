"""Confidence intervals of success rates and of their differences."""

import math


def wilson_interval(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Score interval of a proportion (E. B. Wilson, JASA 22:209-212, 1927).

    With p = successes / n: (2np + z² ± z·√(z² + 4np(1-p))) / (2(n + z²)), within 0..1.
    z is the normal quantile: 1.96 for 95 %. Raises ValueError unless 0 <= successes <= n and n >= 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} is no proportion")
    p = successes / n
    centre = 2 * n * p + z * z
    spread = z * math.sqrt(z * z + 4 * n * p * (1 - p))
    scale = 2 * (n + z * z)
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return low, high


def newcombe_difference_interval(
    successes_1: int, n_1: int, successes_2: int, n_2: int, z: float = 1.96
) -> tuple[float, float]:
    """Interval of p1 - p2 for two independent proportions, -1..1.

    Method 10 of R. G. Newcombe, "Interval estimation for the difference between independent
    proportions", Statistics in Medicine 17:873-890, 1998. With d = p1 - p2 and Wilson's limits (l, u):
    d - √((p1-l1)² + (u2-p2)²) to d + √((u1-p1)² + (p2-l2)²). Raises ValueError as `wilson_interval`.
    """
    low_1, high_1 = wilson_interval(successes_1, n_1, z)
    low_2, high_2 = wilson_interval(successes_2, n_2, z)
    p_1, p_2 = successes_1 / n_1, successes_2 / n_2
    difference = p_1 - p_2
    return (
        difference - math.hypot(p_1 - low_1, high_2 - p_2),
        difference + math.hypot(high_1 - p_1, p_2 - low_2),
    )
