"""What would be done and why: desired and observed in, changes, courses and batches out; how they are shown.

Pure. Imports states, drivers, facts, rendering, commands, ports' values and model. Never here: sending, storing, time.
"""
