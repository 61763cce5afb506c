"""Which host, and why: filters rule hosts out, weighers rank the rest, pick chooses (nova/scheduler).

Pure over host states. A new filter or weigher is one file with one function. Imports model. Never here: I/O, the instance's steps.
"""
