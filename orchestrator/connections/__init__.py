"""Ways to a host: SSH (paramiko's only home) and this machine itself. Each fulfils ports.transport.Transport with the same script and stream.

Imports ports, commands and model; paramiko is imported when a connection opens, not before. A new way is one file with one class, a line in
choose.py and a parameter in tests/contracts/test_transport.py. Never here: what a command means, retries of changes, anything about instances.
"""
