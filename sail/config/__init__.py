"""Settings: what can be set, within which limits, and the presets."""
