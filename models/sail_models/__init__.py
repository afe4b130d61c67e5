"""The models of SAIL: the mathematics of diffusion, the networks, the latent spaces and the video priors."""
