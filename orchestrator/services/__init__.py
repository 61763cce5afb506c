"""One use case per file: what the doors (CLI, later an API) call.

Imports the engine and below, and the ports. A new verb is one file here and one in each door that offers it. Never here: printing, parsing files, a concrete adapter.
"""
