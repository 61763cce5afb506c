"""The nouns: frozen values that every other room speaks in, and the errors.

Imports nothing of the project and nothing third-party. A new noun is a frozen dataclass in the file of its subject. Never here: I/O, clocks,
random numbers, YAML, SQL, XML.
"""
