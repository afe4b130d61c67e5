"""The mathematics of planning: noise schedules, the denoiser and its loss, composition, the sampler."""
