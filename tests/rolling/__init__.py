"""Batches of plays, held against what ansible-core did with the same words."""
