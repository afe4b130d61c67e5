"""Which collected episodes teach the planner: one file a filter."""
