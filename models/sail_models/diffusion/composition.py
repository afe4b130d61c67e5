"""How the noise predictions of two models are combined while sampling: one function per cited formula.

Symbols: ∅ is the empty text, w the text guidance, γ the prior strength, d the in-domain model, p the prior.
The compositions are those of "Solving New Tasks by Adapting Internet Video Knowledge", arXiv 2504.15369,
section 3; guidance broadcasts over the latents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Part = Literal["domain", "prior"]
Text = Literal["text", "empty"]


def in_domain(domain_text: Tensor, domain_empty: Tensor, guidance: Tensor | float) -> Tensor:
    """Classifier-free guidance of the in-domain model: ε_d(∅) + w·[ε_d(text) − ε_d(∅)].

    Ho & Salimans, arXiv 2207.12598, eq. 6, with w = 1 + their w.
    """
    return domain_empty + guidance * (domain_text - domain_empty)


def conditional(domain_text: Tensor, guidance: Tensor | float) -> Tensor:
    """The in-domain model under the text, whatever the guidance: ε_d(text)."""
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
    """Inverse probabilistic with the sum in brackets an average: ε_p(∅) + w·[ε̄ − ε_p(∅)] with
    ε̄ = (ε_p(text) + γ·ε_d(text)) / (1 + γ).

    Ours. The published sums predict 1 + w·γ times the noise that there is: samples vary less for it, and
    where a schedule ends in pure noise the first step magnifies the excess beyond any bound. Here the
    weights sum to one: where both models agree, that is what is predicted.
    """
    average = (prior_text + strength * domain_text) / (1.0 + strength)
    return prior_empty + guidance * (average - prior_empty)


@dataclass(frozen=True)
class Rule:
    """A composition as the sampler applies it.

    branches: whose noise, with which text, in the order in which `combine` takes it, before guidance and
    strength. strength: the γ that is used where none is asked for (the paper's); None where the formula has
    none. sums_to_one: the branches' weights do, whatever w and γ: as much noise is predicted as there is.
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
        """The composed ε. noises: at least the rule's branches, each float32 (B, F, C, h, w)."""
        taken = [noises[branch] for branch in self.branches]
        if self.strength is None:
            return self.combine(*taken, guidance)
        return self.combine(*taken, guidance, self.strength if strength is None else strength)

    def texts(self, part: Part) -> tuple[Text, ...]:
        """The texts for which this model's noise is needed; none where the rule does without it."""
        return tuple(text for model, text in self.branches if model == part)


# Goes on where the prior has had its say (`prior.until`), and is all that a distilled planner needs.
FINISH = Rule((("domain", "text"),), conditional)
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
