"""Guidance and the compositions are the published formulas."""

import torch

from sail_models.diffusion.composition import (
    RULES,
    in_domain,
    inverse_probabilistic,
    normalised,
    prior,
    probabilistic,
)

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


def test_the_compositions_by_hand() -> None:
    text, empty, other = torch.tensor(3.0), torch.tensor(1.0), torch.tensor(10.0)
    assert prior(text, empty, 2.5) == 1 + 2.5 * (3 - 1)
    assert probabilistic(text, empty, other, 2.0, 0.1) == 1 + 2 * (3 + 0.1 * 10 - 1)
    assert inverse_probabilistic(text, empty, other, 2.0, 0.5) == 1 + 2 * (3 + 0.5 * 10 - 1)
    assert normalised(text, empty, other, 2.0, 0.25) == 1 + 2 * ((3 + 0.25 * 10) / 1.25 - 1)


def test_a_rule_takes_its_branches_by_name() -> None:
    noises = {
        ("domain", "text"): torch.tensor(10.0),
        ("domain", "empty"): torch.tensor(20.0),
        ("prior", "text"): torch.tensor(3.0),
        ("prior", "empty"): torch.tensor(1.0),
    }
    w = torch.tensor(2.0)
    assert RULES["in_domain"](noises, w, 0.5) == 20 + 2 * (10 - 20)
    assert RULES["prior"](noises, w, 0.5) == 1 + 2 * (3 - 1)
    assert RULES["probabilistic"](noises, w, 0.5) == 20 + 2 * (10 + 0.5 * 3 - 20)
    assert RULES["inverse_probabilistic"](noises, w, 0.5) == 1 + 2 * (3 + 0.5 * 10 - 1)
    assert RULES["normalised"](noises, w, 0.5) == 1 + 2 * ((3 + 0.5 * 10) / 1.5 - 1)
