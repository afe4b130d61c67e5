"""A picture becomes a frame by its largest middle part of the frame's shape."""

import numpy as np
import pytest

from sail.data.crop import crop

PICTURE = np.random.default_rng(0).integers(0, 255, (12, 20, 3)).astype(np.uint8)


def test_the_middle_is_cut_out_and_nothing_is_squeezed() -> None:
    np.testing.assert_array_equal(crop(PICTURE, 12, 12), PICTURE[:, 4:16])
    np.testing.assert_array_equal(crop(PICTURE, 12, 20), PICTURE)
    tall = PICTURE.transpose(1, 0, 2)
    np.testing.assert_array_equal(crop(tall, 9, 12), tall[5:14])
    # Areas of four pixels become one.
    small = crop(PICTURE, 6, 8)
    expected = PICTURE[:, 2:18].astype(float).reshape(6, 2, 8, 2, 3).mean((1, 3))
    assert small.shape == (6, 8, 3) and np.abs(small - expected).max() <= 1.0


@pytest.mark.parametrize("height", [1, 48, 64, 100])
@pytest.mark.parametrize("width", [1, 64, 101])
def test_any_frame_of_any_picture(height: int, width: int) -> None:
    for shape in ((480, 640), (1, 1), (7, 1000)):
        frame = crop(np.full((*shape, 3), 77, np.uint8), height, width)
        assert frame.shape == (height, width, 3) and (frame == 77).all() and frame.flags.c_contiguous
