"""Gymnasium environments for SAIL; importing this registers all of them (see `register_environments`)."""

from sail_envs.registration import register_environments

register_environments()
