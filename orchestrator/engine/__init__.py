"""Makes it so: the machine that moves instances, and the runner that carries a host's courses there and back.

Imports planning, scheduling, states and below, and the ports. Never here: SSH, SQL, YAML, printing.
"""
