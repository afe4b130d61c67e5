"""The improvement loop: Algorithm 1, the run folder, rollouts, exploration, evaluation."""
