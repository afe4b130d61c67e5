"""Randomised scenes of many kinds for the broad corpus: what the compact prior has seen of the world."""
