"""Practice hosts: compute hosts made of namespaces on this machine, each with its own sshd, libvirtd, QEMU, disks and network.

An adapter: fulfils ports.lab.Lab and imports model and ports alone. `practice.py` is the door of the room; `folder.py` what a lab keeps on
disk, `switch.py` its wires, `host.py` one host, `access.py` keys and inventory, `guest.py` the image of the guest. `packages.py` is the list of
Debian packages, and nothing else lists them. What a host shows that a real one would show too goes into `host.py` and `host-init.sh`. Never
here: knowledge of instances, playbooks or states; a lab is only ever reached by SSH, like any host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `packages` is run as a program of its own, by a Python that has nothing installed
    from orchestrator.ports import lab as ports


def open() -> ports.Lab:  # noqa: A001 - read as lab.open(), like os.open()
    """The labs of this machine, in the folder that the environment names (see folder.root)."""
    import os

    from orchestrator.lab import folder, practice

    return practice.PracticeHosts(folder.root(os.environ))
