"""MetaWorld: its tasks, their simulation and their experts."""
