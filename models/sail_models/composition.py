"""How noise predictions are combined while sampling: one function per cited formula.

Symbols: ∅ is the empty text, w the text guidance, d the in-domain model.
"""

from torch import Tensor


def in_domain(domain_text: Tensor, domain_empty: Tensor, guidance: Tensor | float) -> Tensor:
    """Classifier-free guidance of the in-domain model: ε_d(∅) + w·[ε_d(text) − ε_d(∅)].

    Ho & Salimans, arXiv 2207.12598, eq. 6, with w = 1 + their w. guidance broadcasts over the latents.
    """
    return domain_empty + guidance * (domain_text - domain_empty)
