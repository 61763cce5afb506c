"""What steps do with what is changed of an instance that exists, in the situations that they may meet."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model import desired
from orchestrator.model.instance import Base, Instance
from tests.samples import events, instances
from tests.samples.situations import Case

PLUG, LEAVE, REMOVE = "updating.plug_interfaces", "updating.release_ports", "rebuilding.remove_disks"
PORTS, CONFIG_DRIVE, START = "networking.plug_ports", "block_device_mapping.write_config_drive", "spawning.start_domain"
ONE, TWO = instances.new(1, instances.port(1)), instances.new(1, instances.port(1), instances.port(2))
SWITCHED = instances.switched(desired.Network("office", "phys0", "vlan", segmentation_id=100, driver="openvswitch"))
BUILT = instances.new(1, instances.port(1), ephemeral=1, swap=256, config_drive=True)


def second(instance: Instance, status: str) -> Instance:
    """The instance, its second port on its way."""
    return replace(instance, ports=(instance.ports[0], replace(instance.ports[1], status=status)))


def renewed(*names: str, instance: Instance = BUILT) -> Instance:
    """The instance with another image, and files that are given up."""
    disks = tuple(
        replace(disk, base=Base("image", f"{disk.base.path}0", disk.base.size)) if disk.base.kind == "image" else disk
        for disk in instance.disks
    )
    return replace(instance, disks=disks, renews=names, launched=True)


OFF = events.domain(state="shut off", taps=())
SWAPLESS = replace(renewed("disk.swap"), disks=BUILT.disks[:2])

CASES = (
    Case(PLUG, "nothing", ONE, after=START),
    Case(PLUG, "off", second(TWO, "attaching"), events.both(OFF, events.lose_link(*(port.tap for port in TWO.ports))), after=START),
    Case(PLUG, "arriving", second(TWO, "attaching"), after=START, built_as=ONE),
    Case(PLUG, "arrived", second(TWO, "attaching"), after=START),
    Case(PLUG, "leaving", second(TWO, "detaching"), after=START, built_as=TWO),
    Case(PLUG, "left", second(TWO, "detaching"), after=START, built_as=ONE),
    Case(LEAVE, "none", SWITCHED, events.ground),
    Case(LEAVE, "leaving", second(SWITCHED, "detaching"), events.ground, after=PORTS, built_as=SWITCHED),
    Case(LEAVE, "left", second(SWITCHED, "detaching"), events.ground, after=PORTS),
    Case(REMOVE, "nothing", BUILT, after=CONFIG_DRIVE),
    Case(REMOVE, "another_image", renewed("disk", "disk.config"), after=CONFIG_DRIVE, built_as=BUILT),
    Case(REMOVE, "not_there", renewed("disk", "disk.config")),
    Case(REMOVE, "no_more_of_it", SWAPLESS, after=CONFIG_DRIVE, built_as=BUILT),
    Case(REMOVE, "running", renewed("disk"), after=START, built_as=BUILT, blocked=True),
)
