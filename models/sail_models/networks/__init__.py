"""The networks: planner, inverse dynamics, policy, verifier, and their parts."""
