"""The commands of `sail`, one module each. What is heavy is imported when a command runs, not before."""
