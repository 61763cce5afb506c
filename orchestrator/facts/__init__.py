"""What can be observed of a host: one file per kind of fact, each a query and a parser.

A module here has a frozen `Key` (what to look at), `commands(keys)` (the fewest read-only commands that answer all of them) and
`parse(keys, records)` -> {key: value}, None for what is not there. Imports model and commands. A new fact is a new file: gather.py finds it, and
tests ask for its golden cases. Never here: a decision, a changing command, I/O.
"""
