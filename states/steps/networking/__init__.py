"""Plugging into the host's network."""
