"""What steps do with an instance's volumes, in the situations that they may meet."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model.instance import Instance
from orchestrator.rendering import volumes as paths
from tests.fakes.state import Directory, File, State
from tests.samples import events, instances, volumes
from tests.samples.situations import Case

PLAIN = instances.new(1, instances.port(1))
FETCH = "block_device_mapping.fetch_volume_images"
CREATE = "block_device_mapping.create_volumes"
CONNECT, DEFINE, START = "block_device_mapping.connect_volumes", "spawning.define_domain", "spawning.start_domain"
PLUG, RELEASE, DISCONNECT = "updating.plug_volumes", "updating.release_volumes", "teardown.disconnect_volumes"
REMOTE = (volumes.ISCSI, volumes.RBD, volumes.KEYED_RBD, volumes.READ_ONLY)
WITH = replace(PLAIN, volumes=volumes.attached(*REMOTE))
ATTACHING = replace(PLAIN, volumes=volumes.attached(*REMOTE, status="attaching"))
LEAVING = replace(PLAIN, volumes=volumes.attached(*REMOTE, status="detaching"))
ARRIVING = replace(PLAIN, volumes=volumes.attached(volumes.ONE_GIB, volumes.RBD, status="attaching"))
BY_HOST = replace(PLAIN, volumes=volumes.attached(volumes.HOST_ISCSI))
HOST_LEAVING = replace(PLAIN, volumes=volumes.attached(volumes.HOST_ISCSI, status="detaching"))
GROWN = replace(PLAIN, volumes=volumes.attached(replace(volumes.RBD, size=5)))
DEVICE = "/dev/disk/by-path/ip-192.0.2.21:3260-iscsi-iqn.2010-10.org.openstack:volume-20000000-0000-4000-8000-000000000003-lun-1"
NEAR = replace(PLAIN, volumes=volumes.attached(volumes.LOCAL, status="attaching"))
HAS = replace(PLAIN, volumes=volumes.attached(replace(volumes.LOCAL, made=True)))
LARGER = replace(PLAIN, volumes=volumes.attached(replace(volumes.LOCAL, size=3)))
FILLED = replace(PLAIN, volumes=volumes.attached(volumes.FILLED, status="attaching"))


def device(state: State, instance: Instance) -> None:
    """Logged in at the target."""
    session(state, instance)
    state.files[DEVICE] = File(link=True)


def session(state: State, instance: Instance) -> None:
    """Logged in at a target whose device never appeared."""
    state.files[f"/etc/iscsi/nodes/iqn.2010-10.org.openstack:volume-{volumes.HOST_ISCSI.id}"] = Directory()


def secrets(state: State, instance: Instance) -> None:
    """Connected: every secret is there."""
    state.secrets = dict.fromkeys([volumes.ISCSI.id], "word")


def half(state: State, instance: Instance) -> None:
    """The secret of the first volume is there alone."""
    state.secrets = {volumes.ISCSI.id: "word"}


def _sizes(state: State, instance: Instance) -> None:
    for domain in state.domains.values():
        domain.volumes = {each.volume.id: (each.device, each.volume.bytes) for each in instance.volumes if each.volume.id in domain.volumes}


CASES = (
    Case(CONNECT, "none", PLAIN),
    Case(CONNECT, "missing", WITH),
    Case(CONNECT, "half_there", WITH, half),
    Case(CONNECT, "there", WITH, after=CONNECT),
    Case(CONNECT, "leaving", LEAVING),
    Case(CONNECT, "by_the_host", BY_HOST),
    Case(CONNECT, "by_the_host_already", BY_HOST, device),
    Case(CREATE, "none", WITH),
    Case(CREATE, "missing", NEAR),
    Case(CREATE, "interrupted", NEAR, events.file(lambda instance: f"{paths.path(instance.volumes[0].volume)}.part")),
    Case(CREATE, "from_image", FILLED, after=FETCH),
    Case(FETCH, "none", NEAR),
    Case(FETCH, "missing", FILLED),
    Case(FETCH, "there", FILLED, after=FETCH),
    Case(CREATE, "there", NEAR, after=CREATE),
    Case(CREATE, "to_grow", LARGER, after=CREATE, built_as=NEAR),
    Case(CREATE, "lost", HAS, blocked=True),
    Case(PLUG, "none", PLAIN, after=START),
    Case(PLUG, "off", ATTACHING, after=DEFINE),
    Case(PLUG, "arriving", ARRIVING, secrets, after=START, built_as=PLAIN),
    Case(PLUG, "there", WITH, _sizes, after=START),
    Case(PLUG, "leaving", LEAVING, after=START, built_as=WITH),
    Case(PLUG, "deaf", WITH, events.both(_sizes, lambda state, instance: state.deaf.add(instance.domain)), after=START),
    Case(PLUG, "grown", GROWN, after=START),
    Case(RELEASE, "none", WITH, after=CONNECT),
    Case(RELEASE, "leaving", LEAVING, after=CONNECT, built_as=WITH),
    Case(RELEASE, "gone", LEAVING),
    Case(RELEASE, "by_the_host", HOST_LEAVING, device),
    Case(RELEASE, "by_the_host_halfway", HOST_LEAVING, session),
    Case(DISCONNECT, "none", PLAIN),
    Case(DISCONNECT, "there", WITH, after=CONNECT),
    Case(DISCONNECT, "gone", WITH),
    Case(DISCONNECT, "by_the_host", BY_HOST, device),
)
