"""torch's noise without torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sail.export.runtime import normal_noise


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**62), st.integers(16, 2000))
def test_it_is_torchs(seed: int, count: int) -> None:
    expected = torch.randn(count, generator=torch.Generator().manual_seed(seed)).numpy()
    np.testing.assert_allclose(normal_noise(seed, (count,)), expected, atol=2e-6)


def test_it_has_the_shape_asked_for() -> None:
    expected = torch.randn((3, 4, 5), generator=torch.Generator().manual_seed(1)).numpy()
    found = normal_noise(1, (3, 4, 5))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_fewer_numbers_than_torch_draws_at_once_are_an_error() -> None:
    with pytest.raises(ValueError, match="15 numbers"):
        normal_noise(0, (3, 5))
