"""SAIL from Python."""
