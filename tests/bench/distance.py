"""The unchanged apply under other circumstances: on connections that are kept, and over a network with a round trip of 20 ms."""

from __future__ import annotations

import socket
import subprocess
import sys

import yaml

from tests.bench import meter, work
from tests.bench.meter import Cost
from tests.bench.sides import Ours
from tests.bench.work import Size

ROUND_TRIP = 0.02  # seconds


def watched(ours: Ours, size: Size, times: int) -> list[Cost]:
    """What the second and later looks of one process cost; their seconds alone."""
    path = work.play(ours.operator.folder, ours.image, size)
    done = meter.run([sys.executable, "-m", "tests.bench.watch", str(path), str(times)], ours.hosts, ours.environment)
    return [Cost(float(line), 0, 0, 0, "") for line in done.output.split()]


def far(ours: Ours, size: Size) -> dict[str, Cost]:
    """`far`: through a proxy that makes it 20 ms; `near`: through the same one without delay."""
    return {name: _through(ours, size, seconds) for name, seconds in (("near", 0.0), ("far", ROUND_TRIP))}


def _through(ours: Ours, size: Size, seconds: float) -> Cost:
    lab = ours.operator.lab
    ports = {host: _free_port() for host in size.hosts}
    routes = [f"{port}={lab.hosts[host]['address']}:22" for host, port in ports.items()]
    inventory = yaml.safe_load(lab.inventory.read_text())
    known = lab.inventory.parent / "known_hosts"
    keys = {line.split()[0]: line.split(maxsplit=1)[1] for line in known.read_text().splitlines()}
    here = ours.operator.folder / "known_hosts"
    here.write_text("".join(f"[127.0.0.1]:{port} {keys[str(lab.hosts[host]['address'])]}\n" for host, port in ports.items()))
    for host, port in ports.items():
        inventory["all"]["children"]["compute"]["hosts"][host] = {"ansible_host": "127.0.0.1", "ansible_port": port}
    inventory["all"]["vars"]["ansible_ssh_common_args"] = f"-o UserKnownHostsFile={here}"
    path = ours.operator.folder / "far.yaml"
    path.write_text(yaml.safe_dump(inventory))
    with subprocess.Popen([sys.executable, "-m", "tests.bench.proxy", str(seconds), *routes], stdout=subprocess.PIPE) as proxy:
        try:
            assert proxy.stdout
            proxy.stdout.readline()
            return ours.run("noop", size, {**ours.environment, "ORCHESTRATOR_INVENTORY": str(path)})
        finally:
            proxy.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
