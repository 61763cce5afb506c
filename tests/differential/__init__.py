"""The real Nova's filters and weighers, and ours, over the same fleets and requests: see differences.md."""
