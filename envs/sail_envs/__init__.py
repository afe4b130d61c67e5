"""Gymnasium environments for SAIL; importing this registers `sail/MetaWorld-<task>-v0` for every task."""

from sail_envs.registration import register_environments

register_environments()
