"""Benchmarks: whole commands, side by side with a hand-written baseline, printed as ratios. `make bench` runs them."""
