"""One folder per state that first needed the step, one file per step, called <verb_noun>.

A step module has PATIENCE, needs, plan, undo, expects and shares (see step.py). It imports facts, rendering, drivers, commands and model.
"""
