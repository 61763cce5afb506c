"""Which host, and why: filters rule hosts out, weighers rank the rest, pick chooses (nova/scheduler); place then fixes all there is to a new instance.

Pure over host states and facts. A new filter or weigher is one file with one function. Imports facts, ports' values and model. Never here: I/O,
the instance's steps.
"""
