"""What differs between kinds of a thing (image formats, blank disks): one pure file each, chosen by name.

Imports facts, rendering, commands and model. Never here: I/O, state machines.
"""
