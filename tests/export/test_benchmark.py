"""Counting what a call computes."""

import torch
from torch.nn.functional import conv2d

from sail.export.benchmark import count_operations


def test_a_products_work_in_closed_form() -> None:
    a, b = torch.randn(3, 5), torch.randn(5, 7)
    done = count_operations(lambda: (a @ b).relu() + 1.0)
    assert done.operations == 2 * 3 * 5 * 7
    assert done.bytes == 4 * (3 * 5 + 5 * 7 + 3 * 7)


def test_a_convolutions_work_in_closed_form_within_inference_mode_too() -> None:
    image, kernel, bias = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3), torch.randn(4)
    with torch.inference_mode():
        done = count_operations(lambda: conv2d(image, kernel, bias, padding=1))
    assert done.operations == 2 * 2 * 4 * 8 * 8 * 3 * 9
    assert done.bytes == 4 * (image.numel() + kernel.numel() + bias.numel() + 2 * 4 * 8 * 8)
    half = count_operations(lambda: conv2d(image.half(), kernel.half(), padding=1))
    assert half.bytes == 2 * (image.numel() + kernel.numel() + 2 * 4 * 8 * 8)
