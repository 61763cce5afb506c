"""An in-memory compute host: it understands exactly the commands that our facts and steps emit, with the real tools' outcomes and words.

state.py is what a host remembers, shell.py finds the program, one file per family of programs, job.py is the host-side guard, host.py the fleet
behind the Transport port. Where a real practice host disagrees, the fake is wrong. A command it does not know ends with 127, and is kept in
`State.unknown` for a test to fail on.
"""
