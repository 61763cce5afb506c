"""Protocols: what the inner rooms ask of the outside world. Adapters (connections, store, files, lab) fulfil them; main.py chooses which.

Imports model and commands. A new port is one file with one Protocol, and a contract suite in tests/contracts. Never here: an implementation.
"""
