"""Instances to test with: everything about them fixed, nothing random."""
