"""How a picture of any size becomes a frame: the one way, for cameras and for files."""

import cv2
import numpy as np

from sail.types import UInt8


def crop(picture: UInt8, height: int, width: int) -> UInt8:
    """The largest middle part of a picture, uint8 (H, W, 3), that has the frame's aspect ratio, scaled to
    (height, width, 3)."""
    high, wide = picture.shape[:2]
    if high * width > wide * height:
        high = max(1, round(wide * height / width))
    else:
        wide = max(1, round(high * width / height))
    top, left = (picture.shape[0] - high) // 2, (picture.shape[1] - wide) // 2
    middle = picture[top : top + high, left : left + wide]
    if (high, wide) == (height, width):
        return np.ascontiguousarray(middle)
    method = cv2.INTER_AREA if high > height else cv2.INTER_LINEAR
    return cv2.resize(middle, (width, height), interpolation=method)  # type: ignore[return-value]
