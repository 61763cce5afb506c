"""Kinds of volumes: how each is made, grown, removed and reached. A file per backend, found by its name.

Each has `needs`, `plan` and `expects` over a volume and facts of the host that makes it, `doom` (how it is removed there), and `source`, how QEMU
opens it. Imports facts, rendering, commands and model. Never here: which volume belongs to which instance.
"""
