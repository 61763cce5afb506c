"""Instances, a clock and ids for tests of the store."""

from __future__ import annotations

import itertools
import secrets
import time
import uuid
from collections.abc import Callable

from msgspec import Struct, field

from orchestrator.model import desired, host, instance, names
from orchestrator.model.decision import Decision
from orchestrator.ports import store as ports


class Clock(Struct):
    """Every look is a millisecond later; sleeping takes no time of ours, and `on_sleep` is what happens meanwhile."""

    ticks: int = 0
    on_sleep: Callable[[float], None] = lambda seconds: None
    slept: list[float] = field(default_factory=list)

    def now(self) -> str:
        self.ticks += 1
        return f"2026-01-01T00:{self.ticks // 60000:02}:{self.ticks // 1000 % 60:02}.{self.ticks % 1000:03}Z"

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep(seconds)


class WallClock(Clock):
    """Real waiting, for processes that wait for each other."""

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Ids:
    """Random ids."""

    def uuid(self) -> str:
        return str(uuid.uuid4())

    def mac(self) -> str:
        return names.mac(secrets.token_bytes(3))


CAPACITY = host.Capacity("machine-1", "boot-1", 8, 16384, 100, 80, "kvm")
NUMBERS = itertools.count(1)


def port(network: str = "private", *ips: str, mac: str = "") -> instance.Port:
    """A port with a new id."""
    identity = Ids().uuid()
    return instance.Port(identity, network, mac or Ids().mac(), names.tap(identity), "brq1", ips)


def new(name: str, *ports: instance.Port, number: int = 0) -> instance.Instance:
    """An instance with all that a small one has."""
    identity = Ids().uuid()
    directory = f"/var/lib/nova/instances/{identity}"
    base = instance.Base("image", "/var/lib/nova/instances/_base/00", 1 << 30)
    return instance.Instance(
        uuid=identity,
        name=name,
        domain=names.domain(number or next(NUMBERS)),
        host="h1",
        directory=directory,
        virt_type="kvm",
        lineage="lineage",
        flavor=desired.Flavor("m1.small", 1, 512, 5, 1, 256),
        image=desired.Image("debian", "/images/debian.qcow2", "0" * 64, properties={"hw_disk_bus": "virtio"}),
        disks=tuple(
            instance.Disk(disk, device, f"{directory}/{disk}", 1 << 30, base)
            for disk, device in (("disk", "vda"), ("disk.local", "vdb"), ("disk.swap", "vdc"))
        ),
        ports=ports or (port(),),
        networks={
            "private": desired.Network("private", "physnet1", subnets=(desired.Subnet("10.0.0.0/24", pool=("10.0.0.2", "10.0.0.9")),))
        },
        user_data="#!/bin/sh\necho héllo\n",
        metadata={"role": "web"},
        tags=("web",),
    )


def placement(made: instance.Instance, wanted: str = "active") -> ports.Placement:
    """A decision for it."""
    return ports.Placement(made, wanted, Decision(made.host, "most free memory"))
