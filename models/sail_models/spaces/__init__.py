"""What planner and prior see through: the frame codec and the text encoder."""
