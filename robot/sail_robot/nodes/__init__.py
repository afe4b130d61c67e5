"""The ROS 2 nodes: thin shells around the modules of `sail_robot`."""
