"""Priors: frozen, broadly pretrained video models that are composed with the planner while sampling."""
