"""SAIL: self-improving visual planning for robot arms. Importing this imports nothing else."""
