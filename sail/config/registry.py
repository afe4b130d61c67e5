"""The filters and priors that have a name. A module is imported when what it makes is used."""

from sail.config.schema import NO_PRIOR
from sail.system.plugins import PlugIns

# Each makes a `Filter` (sail/filters/filter.py) of a run's settings.
FILTERS = PlugIns(
    "filter",
    "sail.filters",
    {
        "oracle": "sail.filters.oracle:make_filter",
        "none": "sail.filters.no_filter:make_filter",
        "verifier": "sail.filters.verifier_filter:make_filter",
        "vlm": "sail.filters.vlm.vlm_filter:make_filter",
        "human": "sail.filters.human.human_filter:make_filter",
    },
)
# Each makes a prior, a `Denoiser` (models/sail_models/diffusion/denoiser.py), of a run's settings and the
# agent that is to plan with it.
PRIORS = PlugIns(
    "prior",
    "sail.priors",
    {
        NO_PRIOR: "sail.loop.priors:no_prior",
        "compact": "sail.loop.priors:compact_prior",
        "animatediff": "sail.loop.priors:animatediff_prior",
    },
)
