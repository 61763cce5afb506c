"""Playbooks of the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

PLAY = """\
- name: End to end
  hosts: {hosts}
  flavors:
    - {{name: tiny, vcpus: 1, ram: {ram}, disk: 1}}
  images:
    - {{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}
  networks:
    - name: flat
      provider: {{type: flat, physical_network: phys1}}
      subnets: [{{cidr: 10.66.0.0/24, pool: 10.66.0.10-10.66.0.200}}]
  instances:
    - name: "{name}-{{{{ item }}}}"
      loop: "{{{{ range(1, {count} + 1) }}}}"
      flavor: tiny
      image: guest
      networks: [{{network: flat}}]
      config_drive: {drive}
"""


def play(image: Path, count: int = 1, *, name: str = "vm", hosts: str = "compute", ram: int = 64, drive: bool = False) -> str:
    """`count` small instances called NAME-1, NAME-2, ... on the hosts of a pattern."""
    return PLAY.format(image=image, count=count, name=name, hosts=hosts, ram=ram, drive=str(drive).lower())
