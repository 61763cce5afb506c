"""The work that both sides do: 20 halting guests on 4 hosts, each with an overlay, swap and an ephemeral disk, on a bridge, behind rules (tcp 22)."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

PLAY = """\
- name: Bench
  hosts: "{hosts}"
  flavors:
    - {{name: bench, vcpus: 1, ram: 64, disk: 1, ephemeral: 1, swap: 64}}
  images:
    - {{name: halt, source: "{image}"}}
  networks:
    - name: flat
      provider: {{type: flat, physical_network: phys0}}
      subnets: [{{cidr: 10.77.0.0/16, dhcp: false, pool: 10.77.1.1-10.77.8.250}}]
  security_groups:
    - name: ssh
      rules: [{{direction: ingress, protocol: tcp, port: 22}}]
  instances:
    - name: "vm-{{{{ item }}}}"
      loop: "{{{{ range(1, {count} + 1) }}}}"
      flavor: bench
      image: halt
      networks: [{{network: flat}}]
      security_groups: [ssh]
"""


class Size(Struct, frozen=True):
    """How many instances on which hosts."""

    instances: int
    hosts: tuple[str, ...]

    def on(self, number: int) -> int:
        """Instances of the host at this place, spread evenly."""
        return len(range(number, self.instances, len(self.hosts)))


def play(folder: Path, image: Path, size: Size) -> Path:
    """The playbook of the work, written out."""
    path = folder / f"bench-{len(size.hosts)}-{size.instances}.yaml"
    path.write_text(PLAY.format(hosts=":".join(size.hosts), image=image, count=size.instances))
    return path
