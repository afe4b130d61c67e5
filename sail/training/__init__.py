"""Fitting the autoencoder, the planner and the inverse dynamics model."""
