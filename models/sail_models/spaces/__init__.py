"""Latent spaces: the frame codec and the text encoder that planner and prior share."""
