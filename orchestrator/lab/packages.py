"""The Debian packages of practice hosts and their guest; `python3 -m orchestrator.lab.packages` prints them. Needs Python alone."""

from __future__ import annotations

import subprocess

HOSTS = (
    "conntrack",
    "curl",
    "dnsmasq-base",
    "ebtables",
    "ethtool",
    "iproute2",
    "ipset",
    "iptables",
    "libvirt-clients",
    "libvirt-daemon-driver-qemu",
    "libvirt-daemon-system",
    "openssh-client",
    "openssh-server",
    "openvswitch-switch",
    "ovmf",
    "procps",
    "qemu-block-extra",
    "qemu-system-x86",
    "qemu-utils",
    "seabios",
    "tgt",
    "util-linux",
)
GUEST = ("busybox-static", "cpio", "dosfstools", "mtools", "qemu-utils", "syslinux")
ALL = tuple(sorted({*HOSTS, *GUEST}))


def missing(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the wanted packages that are not installed here. Raises FileNotFoundError where there is no dpkg."""
    argv = ("dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", "--", *wanted)
    shown = subprocess.run(argv, capture_output=True, text=True, check=False).stdout  # exit code 1: some are unknown to dpkg
    installed = {package for package, _, status in (line.partition(" ") for line in shown.splitlines()) if status == "installed"}
    return tuple(package for package in wanted if package not in installed)


if __name__ == "__main__":
    print(*ALL)
