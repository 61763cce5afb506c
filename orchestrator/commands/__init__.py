"""What is asked of a host, as data: commands, uploads, batches; how a batch becomes one script, and the script's output records.

Imports model only. Pure: nothing here opens a socket or a file. Never here: what a command means to an instance (that is a step's business).
"""
