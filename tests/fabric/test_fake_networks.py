"""The in-memory host against a real kernel: the same fabrics, one after the other, the same facts and plans. Where they differ, the fake is wrong."""

from __future__ import annotations

import os
import shutil

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Action
from orchestrator.facts import gather, link
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Instance
from orchestrator.states import step as steps
from tests.fabric import throwaway
from tests.fabric.test_networks import OPEN, OVS, STEPS, on_switch
from tests.fabric.throwaway import Throwaway
from tests.fakes.host import FakeFleet
from tests.fakes.state import Link
from tests.samples import instances, situations
from tests.samples.networks import FLAT, NOTHING, OWNER, PLAIN, TUNNEL, fabric, segment

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
NAMED = fabric(segment(replace(PLAIN, mtu=1400), bridge="br-new"))
GROWN = fabric(segment(replace(PLAIN, mtu=1450), bridge="br-new"), replace(TUNNEL.segments[0], peers=("192.0.2.13", "192.0.2.14")))
SWITCHED = fabric(segment(OPEN[100], "eth1", "br-ex"))


class Pair:
    """Both hosts: eth0 with the host's address, eth1 without."""

    def __init__(self, real: Throwaway) -> None:
        self.real, self.fake = real, FakeFleet([instances.HOST.name])
        real.sh(
            "for each in eth0 eth1; do ip link add $each type veth peer name $each-far; ip link set $each up; ip link set $each-far up; done\n"
            f"ip address add {instances.HOST.address}/24 dev eth0"
        )
        self.fake.hosts[instances.HOST.name].switches = None
        links = self.fake.hosts[instances.HOST.name].links
        links |= {name: Link("veth", True, lower=f"{name}-far") for name in ("eth0", "eth1")}
        links["eth0"].addresses = (instances.HOST.address,)

    def look(self, keys: tuple[gather.Key, ...]) -> dict[gather.Key, object]:
        """Facts, the same on both."""
        found = self.real.look(keys)
        assert situations.look(self.fake, keys) == found
        return found

    def do(self, actions: tuple[Action, ...]) -> None:
        self.real.perform(actions)
        situations.run(self.fake, actions)
        assert self.fake.hosts[instances.HOST.name].unknown == []

    def ensure(self, made: Fabric) -> None:
        for name in STEPS:
            step = steps.find_fabric(name)
            self.do(step.plan(made, self.look(step.needs(made))).actions)
            self.look(step.needs(made))

    def instance(self, name: str, instance: Instance) -> None:
        step = steps.find(name)
        self.do(step.plan(instance, self.look(step.needs(instance))).actions)
        self.look(step.needs(instance))


def test_bridges_and_tunnels() -> None:
    with throwaway.host() as real:
        pair = Pair(real)
        for made in (FLAT, TUNNEL, NAMED, GROWN, fabric(*FLAT.segments, *TUNNEL.segments), NOTHING):
            pair.ensure(made)
            pair.look((link.Marked(OWNER),))


@pytest.mark.skipif(not shutil.which("ovs-vswitchd"), reason="needs Open vSwitch")
def test_switches_and_ports() -> None:
    with throwaway.host() as real:
        pair = Pair(real)
        pair.look(steps.find_fabric(STEPS[-1]).needs(SWITCHED))
        real.sh(OVS)
        pair.fake.hosts[instances.HOST.name].switches = {}
        pair.ensure(SWITCHED)
        one, two = on_switch(1, 100), on_switch(2, 100)
        for instance in (one, two, one):
            pair.instance("networking.plug_ports", instance)
        pair.instance("teardown.unplug_ports", one)
        pair.ensure(NOTHING)
        pair.instance("teardown.unplug_ports", two)
        pair.ensure(NOTHING)
