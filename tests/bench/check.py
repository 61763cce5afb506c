"""What is there on the hosts, read by nobody's code but this: after each phase of either side it must be what the phase is about."""

from __future__ import annotations

import subprocess
from concurrent import futures

from tests.bench.work import Size
from tests.e2e.conftest import Lab

READ = r"""
cd /var/lib/nova/instances || exit 1
virsh -q list --all | grep -c . ; virsh -q list --state-running | grep -c .
ls -d *-*-*-*-*/disk *-*-*-*-*/disk.swap *-*-*-*-*/disk.local *-*-*-*-*/libvirt.xml 2>/dev/null | grep -c .
rules=$(iptables-save -t filter)
taps=0; judged=0
for tap in $(ls /sys/class/net | grep '^tap'); do
  taps=$((taps + 1)); [ -e "/sys/class/net/$tap/master" ] || continue
  for way in physdev-in physdev-out; do
    printf '%s\n' "$rules" | grep -q -e "-m physdev --$way $tap .*-j [^A]" && judged=$((judged + 1))
  done
done
echo $taps; echo $judged
printf '%s\n' "$rules" | grep -c -e "-p tcp -m tcp --dport 22 -j"
printf '%s\n' "$rules" | grep -c -e "--mac-source"
ls _base 2>/dev/null | grep -q -x '[0-9a-f]\{40\}' && echo 1 || echo 0
"""
WORDS = ("domains", "running", "files", "taps", "jumps to rules", "rules for tcp 22", "rules for MAC addresses", "a base image")


def seen(lab: Lab, host: str) -> tuple[int, ...]:
    """The numbers of WORDS, of one host."""
    argv = ["nsenter", "-t", str(lab.hosts[host]["pid"]), "-m", "-u", "-i", "-n", "-p", "--", "sh", "-c", READ]
    return tuple(map(int, subprocess.run(argv, capture_output=True, text=True, check=False).stdout.split()))


def check(lab: Lab, size: Size, there: bool) -> None:
    """Raises AssertionError when a host is not as it is to be, with the instances `there` or away."""
    with futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda host: seen(lab, host), size.hosts))
    for number, (host, numbers) in enumerate(zip(size.hosts, found, strict=True)):
        n = size.on(number) if there else 0
        wanted = (n, n, 4 * n, n, 2 * n, n, n, 1)
        assert numbers == wanted, f"{host}: {dict(zip(WORDS, numbers, strict=False))}, and not {wanted}"
