"""Gymnasium-Robotics' Fetch: its tasks and their experts."""
