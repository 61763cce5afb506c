"""The command line: one file per verb, all of them thin: flags in, a use case called, its answer printed.

Imports services and below; click and rich live nowhere else. A verb is one file here and one row in root.py's VERBS; what it needs of the outside
world it asks of the wiring (wiring.py) and never makes itself. Verbs import services when they run, so that `--help` and `get` stay quick.
Never here: adapters, decisions about instances, anything another door would have to repeat.
"""
