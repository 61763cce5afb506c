"""The nouns: frozen values that every other room speaks in, and the errors.

Imports nothing of the project, and of others msgspec alone. A new noun is a frozen `msgspec.Struct` in the file of its subject: a dataclass that is
made, copied and compared in C, at a hundredth of the cost when it is imported. Never here: I/O, clocks,
random numbers, YAML, SQL, XML.
"""
