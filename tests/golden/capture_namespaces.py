"""Captures what a throw-away host answers of its namespaces, their dnsmasq and their ways out: `python -m tests.golden.capture_namespaces`, as root.

The steps themselves make what is looked at. Then `pytest --regen tests/golden` puts the facts beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.facts import dhcp, gateway, gather
from tests.fabric import throwaway
from tests.fabric.throwaway import Throwaway
from tests.golden.capture import FOLDER
from tests.samples import instances, services

STEPS = ("fabric.remove_namespaces", "fabric.ensure_namespaces", "fabric.ensure_gateways", "fabric.ensure_dhcp")
OTHER = "00000000-00"
SITES = (
    dhcp.Key(services.OWNER),
    dhcp.Key(services.OWNER, services.NETWORK),
    dhcp.Key(services.OWNER, services.NETWORK, instances.port(1).id),
    dhcp.Key(services.OWNER, services.NETWORK, instances.port(2).id),
    dhcp.Key(services.OWNER, OTHER),
    dhcp.Key("orcffffff"),
    dhcp.Key("orcffffff", OTHER),
)
GATEWAYS = (
    gateway.Key(services.OWNER),
    gateway.Key(services.OWNER, services.NETWORK),
    gateway.Key(services.OWNER, OTHER),
    gateway.Key("orcffffff"),
)
CASES: dict[str, tuple[str, Sequence[gather.Key]]] = {
    "dhcp/none": ("", SITES),
    "gateway/none": ("", GATEWAYS),
    "dhcp/serving": ("made", SITES),
    "gateway/open": ("made", GATEWAYS),
    "dhcp/killed": ("pkill -9 dnsmasq; sleep 0.2", SITES),
    "dhcp/unplugged": (f"ip link set dev dh{services.NETWORK} nomaster; ip -n {services.NAME} address flush dev eth0", SITES),
    "dhcp/without_its_cable": (f"ip link del dev dh{services.NETWORK}", SITES),
    "dhcp/only_a_name": (f"ip netns del {services.NAME}; touch /run/netns/{services.NAME}", SITES),
    "gateway/only_rules": (f"rm /run/netns/{services.NAME}", GATEWAYS),
}


def main() -> None:
    """One scene after the other, on one host."""
    with throwaway.host() as host:
        host.sh(f"ip link add {services.BOTH.segments[0].bridge} type bridge; ip netns add orcffffff-net-{OTHER}; ip netns add blue")
        for name, (scene, keys) in CASES.items():
            if scene == "made":
                host.ensure(services.BOTH, *STEPS)
            elif scene:
                host.sh(scene)
            path = FOLDER / f"{name}.json"
            path.parent.mkdir(exist_ok=True)
            records = [_record(host, *command.argv) for command in gather.commands(keys)]
            keyed = [[str(getattr(key, field)) for field in type(key).__struct_fields__] for key in keys]  # type: ignore[attr-defined]
            path.write_text(json.dumps({"keys": keyed, "scene": scene, "records": records}, indent=1) + "\n")


def _record(host: Throwaway, *argv: str) -> dict[str, object]:
    done = host.run(*argv, check=False)
    return {"argv": argv, "code": done.returncode, "output": done.stdout.split("\n"), "error": done.stderr.split("\n")}


if __name__ == "__main__":
    main()
