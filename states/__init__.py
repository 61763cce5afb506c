"""The life of things, readable without knowing Python: tables of states and edges, and the steps that each busy state takes.

Imports drivers, facts, rendering, commands and model. A step is one file under steps/<group>/<verb_noun>.py and one deliberate row in a table.
Never here: I/O, time, random numbers, callbacks that do work.
"""
