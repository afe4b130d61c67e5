"""SAIL on a robot arm: ROS 2 nodes and the safety logic under them, in plain Python."""
