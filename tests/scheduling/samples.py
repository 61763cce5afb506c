"""Hosts, instances and requests for the scheduler, of which a test says what it is about."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from orchestrator.model.desired import Flavor, Image, InstanceRequest, ServerGroup
from orchestrator.model.host import Aggregate, Capacity, Cell, Host
from orchestrator.model.instance import Device, Instance
from orchestrator.scheduling.host_state import HostState, Request
from tests.samples import instances

IMAGE = Image("cirros", "/images/cirros.qcow2", "00")
WORDS = ("scheduler_hints", "project", "availability_zone")
SEEN = Capacity(
    *("machine", "boot", 8, 8192, 100, 100, "kvm"),
    arch="x86_64",
    hypervisor_version=7002022,
    cpu_model="EPYC",
    cpu_vendor="AMD",
    cpu_features=("aes", "avx2"),
    cells=(Cell(0, (0, 1, 2, 3), 4096), Cell(1, (4, 5, 6, 7), 4096)),
)


def host(*residents: Instance, **said: Any) -> HostState:
    """The host n1 with 8 processors, 8,192 MiB, 100 GiB; `said` of what was seen of it, of the host, or of its state."""
    known = {kind: set(kind.__struct_fields__) for kind in (Capacity, Host, HostState)}
    words: dict[object, dict[str, Any]] = {kind: {} for kind in known}
    for word, value in said.items():
        words[next(kind for kind, names in known.items() if word in names)][word] = value
    own = replace(Host("n1", "192.0.2.11", reserved_memory_mb=0), **words[Host])
    state = HostState(own, replace(SEEN, **words[Capacity]))
    for each in residents:
        state = state.claim(each, busy=False)
    return replace(state, **words[HostState])


def resident(name: str = "db", specs: dict[str, str] | None = None, devices: tuple[Device, ...] = (), **words: Any) -> Instance:
    """An instance of 2 processors, 1,024 MiB and 10 GiB on n1."""
    flavor = Flavor("m1.small", 2, 1024, 10, extra_specs=specs or {})
    return instances.new(name=name, host=words.pop("host", "n1"), flavor=flavor, devices=devices, **words)


def request(specs: dict[str, str] | None = None, group: ServerGroup | None = None, **words: Any) -> Request:
    """The wish for an instance like these; `words` of the request, of its flavor, or of how it is written in the playbook."""
    size = {word: words.pop(word) for word in ("vcpus", "ram", "disk") if word in words}
    written = {word: words.pop(word) for word in WORDS if word in words}
    properties = words.pop("properties", {})
    flavor = replace(Flavor("m1.small", 2, 1024, 10, extra_specs=specs or {}), **size)
    wish = InstanceRequest("new", flavor.name, "cirros", ("n1", "n2", "n3"), server_group=group.name if group else None, **written)
    return Request(wish, flavor, group=group, image=words.pop("image", replace(IMAGE, properties=properties)), **words)


def aggregate(name: str = "rack", **metadata: str) -> Aggregate:
    return Aggregate(name, metadata)
