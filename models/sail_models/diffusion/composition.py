"""Composition: the noise predictions of two models combined while sampling, one function a cited formula.

Symbols: ∅ is the empty text, w the text guidance, γ the prior strength, d the in-domain model, p the prior.
The compositions are those of "Solving New Tasks by Adapting Internet Video Knowledge", arXiv 2504.15369,
section 3. Predictions are float32 (B, F, C, h, w); the guidance is a number, or a tensor that broadcasts to
them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Part = Literal["domain", "prior"]
Text = Literal["text", "empty"]


def in_domain(domain_text: Tensor, domain_empty: Tensor, guidance: Tensor | float) -> Tensor:
    """Classifier-free guidance of the in-domain model: ε_d(∅) + w·[ε_d(text) − ε_d(∅)].

    Ho & Salimans, arXiv 2207.12598, eq. 6, with w = 1 + their w. Predictions of x_0 may be given instead of
    ε: the weights sum to one, so that both ways say the same.
    """
    return domain_empty + guidance * (domain_text - domain_empty)


def conditional(domain_text: Tensor, guidance: Tensor | float) -> Tensor:
    """The in-domain model under the text: ε_d(text). The guidance has no effect."""
    return domain_text


def prior(prior_text: Tensor, prior_empty: Tensor, guidance: Tensor | float) -> Tensor:
    """Classifier-free guidance of the prior: ε_p(∅) + w·[ε_p(text) − ε_p(∅)]."""
    return prior_empty + guidance * (prior_text - prior_empty)


def probabilistic(
    domain_text: Tensor, domain_empty: Tensor, prior_text: Tensor, guidance: Tensor | float, strength: float
) -> Tensor:
    """The in-domain model leads, the prior steers: ε_d(∅) + w·[ε_d(text) + γ·ε_p(text) − ε_d(∅)]."""
    return domain_empty + guidance * (domain_text + strength * prior_text - domain_empty)


def inverse_probabilistic(
    prior_text: Tensor, prior_empty: Tensor, domain_text: Tensor, guidance: Tensor | float, strength: float
) -> Tensor:
    """The prior leads, the in-domain model steers: ε_p(∅) + w·[ε_p(text) + γ·ε_d(text) − ε_p(∅)]."""
    return prior_empty + guidance * (prior_text + strength * domain_text - prior_empty)


def normalised(
    prior_text: Tensor, prior_empty: Tensor, domain_text: Tensor, guidance: Tensor | float, strength: float
) -> Tensor:
    """Inverse probabilistic with an average in the brackets: ε_p(∅) + w·[ε̄ − ε_p(∅)] with
    ε̄ = (ε_p(text) + γ·ε_d(text)) / (1 + γ).

    This formula is ours. The published sums predict 1 + w·γ times the noise in the sample. Their samples vary
    less, and on a schedule that ends in pure noise the first step magnifies the excess beyond any bound. Here
    the weights sum to one: where both models agree, the result is their common prediction.
    """
    average = (prior_text + strength * domain_text) / (1.0 + strength)
    return prior_empty + guidance * (average - prior_empty)


@dataclass(frozen=True)
class Rule:
    """A composition as the sampler applies it.

    branches: the predictions that the formula takes, each by model and text, in the order of the parameters
    of `combine`, which precede guidance and strength. strength: the γ used where the caller gives none (the
    paper's value); None where the formula has no γ. sums_to_one: whether the weights of the branches sum to
    one for every w and γ, so that the formula predicts as much noise as the sample has.
    """

    branches: tuple[tuple[Part, Text], ...]
    combine: Callable[..., Tensor]
    strength: float | None = None
    sums_to_one: bool = True

    def __call__(
        self,
        noises: dict[tuple[Part, Text], Tensor],
        guidance: Tensor,
        strength: float | Tensor | None = None,
    ) -> Tensor:
        """The composed ε, float32 (B, F, C, h, w).

        noises: the predictions of at least the rule's branches. strength: γ; the rule's own where None.
        """
        taken = [noises[branch] for branch in self.branches]
        if self.strength is None:
            return self.combine(*taken, guidance)
        return self.combine(*taken, guidance, self.strength if strength is None else strength)

    def texts(self, part: Part) -> tuple[Text, ...]:
        """The texts under which the rule needs this model's prediction; empty where the rule needs none."""
        return tuple(text for model, text in self.branches if model == part)


# The rule of the steps after the composed ones (`prior.until`), and of every step of a distilled planner.
CONDITIONAL = Rule((("domain", "text"),), conditional)
_PRIOR_LEADS: tuple[tuple[Part, Text], ...] = (("prior", "text"), ("prior", "empty"), ("domain", "text"))
RULES: dict[str, Rule] = {
    "in_domain": Rule((("domain", "text"), ("domain", "empty")), in_domain),
    "prior": Rule((("prior", "text"), ("prior", "empty")), prior),
    "probabilistic": Rule(
        (("domain", "text"), ("domain", "empty"), ("prior", "text")), probabilistic, 0.1, sums_to_one=False
    ),
    "inverse_probabilistic": Rule(_PRIOR_LEADS, inverse_probabilistic, 0.5, sums_to_one=False),
    "normalised": Rule(_PRIOR_LEADS, normalised, strength=0.5),
}
