"""What operators write: YAML, inventories and playbooks, checked whole; every error with file:line:column.

May import model, ports and services; yaml lives here and nowhere else. A new kind of file is one module
with `load`, which reads through `text.read` (bounded, regular files only) and returns frozen model values, or raises
SpecErrors with all that is wrong at once. Never here: writing to hosts, decisions about instances, command output.
"""
