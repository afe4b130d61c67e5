"""Guidance is the published formula."""

import torch

from sail_models.composition import in_domain

TEXT, EMPTY = torch.randn(2, 3, 2, 4, 4), torch.randn(2, 3, 2, 4, 4)


def test_no_guidance_is_the_empty_text_and_one_is_the_conditional_model() -> None:
    torch.testing.assert_close(in_domain(TEXT, EMPTY, 0.0), EMPTY)
    torch.testing.assert_close(in_domain(TEXT, EMPTY, 1.0), TEXT)


def test_guidance_goes_on_along_the_line() -> None:
    torch.testing.assert_close(in_domain(TEXT, EMPTY, 3.0), 3.0 * TEXT - 2.0 * EMPTY)
    middle = (in_domain(TEXT, EMPTY, 1.0) + in_domain(TEXT, EMPTY, 4.0)) / 2
    torch.testing.assert_close(in_domain(TEXT, EMPTY, 2.5), middle)


def test_every_plan_has_its_own_guidance() -> None:
    mixed = in_domain(TEXT, EMPTY, torch.tensor([0.0, 2.0])[:, None, None, None, None])
    torch.testing.assert_close(mixed[0], EMPTY[0])
    torch.testing.assert_close(mixed[1], 2.0 * TEXT[1] - EMPTY[1])
