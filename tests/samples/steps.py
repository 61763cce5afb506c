"""Every step in the situations that it may meet. Golden files and properties are about the same ones."""

from __future__ import annotations

from dataclasses import replace

from tests.samples import events, instances
from tests.samples.situations import Case

PLAIN = instances.new(1, instances.port(1))
TWO = instances.new(1, instances.port(1), instances.port(2))
TWO_BRIDGES = instances.new(1, instances.port(1), instances.port(2, bridge="br-phys1"))
UPLINK = instances.new(1, instances.port(1, interface="eth0"))
BLANK = instances.new(1, ephemeral=1, swap=256)
DRIVE = instances.new(1, instances.port(1), config_drive=True, user_data="#cloud-config\n")
LAUNCHED = replace(BLANK, launched=True)
Q35 = replace(DRIVE, image=instances.image(hw_machine_type="q35"))
ROOT = PLAIN.disks[0]
REBASED = replace(PLAIN, disks=(replace(ROOT, base=replace(ROOT.base, path=f"{ROOT.base.path}0")),))
ANOTHER = "11111111-2222-4333-8444-555555555555"
OTHERWISE = replace(PLAIN, flavor=replace(PLAIN.flavor, ram=128))

BRIDGE, DIRECTORY, IMAGE = "networking.ensure_bridge", "block_device_mapping.make_directory", "block_device_mapping.fetch_image"
EPHEMERAL, SWAP = "block_device_mapping.make_ephemeral_base", "block_device_mapping.make_swap_base"
DISKS, CONFIG_DRIVE = "block_device_mapping.create_disks", "block_device_mapping.write_config_drive"
XML, DEFINE, START = "spawning.write_domain_xml", "spawning.define_domain", "spawning.start_domain"
DESTROY, SHUT_DOWN, UNDEFINE = "teardown.destroy_domain", "teardown.shut_down_domain", "teardown.undefine_domain"
REMOVE = "teardown.remove_directory"

NETWORKING = (
    Case(BRIDGE, "no_ports", instances.new(1)),
    Case(BRIDGE, "bridge_missing", PLAIN),
    Case(BRIDGE, "bridge_down", PLAIN, events.bridge(up=False)),
    Case(BRIDGE, "bridge_there", PLAIN, events.bridge()),
    Case(BRIDGE, "bridge_ours", PLAIN, after=BRIDGE),
    Case(BRIDGE, "two_ports_on_one", TWO),
    Case(BRIDGE, "one_of_two_missing", TWO_BRIDGES, events.bridge("br-phys1")),
    Case(BRIDGE, "uplink_free", UPLINK),
    Case(BRIDGE, "uplink_down", UPLINK, events.link("eth0", up=False)),
    Case(BRIDGE, "uplink_plugged", UPLINK, after=BRIDGE),
    Case(BRIDGE, "uplink_in_use", UPLINK, events.both(events.bridge("br9"), events.link("eth0", master="br9")), blocked=True),
    Case(BRIDGE, "uplink_with_address", UPLINK, events.link("eth0", addresses=("192.0.2.11", "2001:db8::11")), blocked=True),
    Case(BRIDGE, "bridge_with_address", PLAIN, events.bridge(up=False, addresses=("192.0.2.11",))),
    Case(BRIDGE, "bridge_in_a_vrf", PLAIN, events.bridge(master="vrf-blue")),
    Case(BRIDGE, "uplink_missing", replace(UPLINK, ports=(instances.port(1, interface="eth7"),)), blocked=True),
    Case(BRIDGE, "not_a_bridge", PLAIN, events.bridge(kind="vxlan"), blocked=True),
    Case(BRIDGE, "physical_device", replace(PLAIN, ports=(instances.port(1, bridge="eth0"),)), blocked=True),
)
BLOCK_DEVICE_MAPPING = (
    Case(DIRECTORY, "missing", PLAIN),
    Case(DIRECTORY, "there", PLAIN, after=DIRECTORY),
    Case(IMAGE, "missing", PLAIN, after=DIRECTORY),
    Case(IMAGE, "there", PLAIN, after=IMAGE),
    Case(IMAGE, "interrupted", PLAIN, events.both(events.part("image"), events.part("image", "converted")), after=DIRECTORY),
    Case(IMAGE, "raw", instances.new(1, image=replace(instances.image(), disk_format="raw")), after=DIRECTORY),
    Case(EPHEMERAL, "not_asked_for", PLAIN, after=IMAGE),
    Case(EPHEMERAL, "missing", BLANK, after=IMAGE),
    Case(EPHEMERAL, "there", BLANK, after=EPHEMERAL),
    Case(EPHEMERAL, "interrupted", BLANK, events.part("ephemeral"), after=IMAGE),
    Case(SWAP, "not_asked_for", PLAIN, after=EPHEMERAL),
    Case(SWAP, "missing", BLANK, after=EPHEMERAL),
    Case(SWAP, "there", BLANK, after=SWAP),
    Case(SWAP, "interrupted", BLANK, events.part("swap"), after=EPHEMERAL),
    Case(DISKS, "missing", BLANK, after=SWAP),
    Case(DISKS, "one_only", PLAIN, after=SWAP),
    Case(DISKS, "there", BLANK, after=DISKS),
    Case(DISKS, "half_there", BLANK, events.lose("disk.local"), after=DISKS),
    Case(DISKS, "interrupted", PLAIN, events.file(lambda instance: f"{instance.disks[0].path}.part"), after=SWAP),
    Case(DISKS, "launched", LAUNCHED, after=DISKS, built_as=BLANK),
    Case(DISKS, "launched_and_missing", LAUNCHED, events.lose("disk", "disk.swap"), after=DISKS, built_as=BLANK, blocked=True),
    Case(DISKS, "on_another_base", REBASED, after=DISKS, built_as=PLAIN, blocked=True),
    Case(DISKS, "raw_file", PLAIN, events.file(lambda instance: instance.disks[0].path, b"bytes"), after=SWAP, blocked=True),
    Case(CONFIG_DRIVE, "not_asked_for", PLAIN, after=DISKS),
    Case(CONFIG_DRIVE, "missing", DRIVE, after=DISKS),
    Case(CONFIG_DRIVE, "there", DRIVE, after=CONFIG_DRIVE),
)
SPAWNING = (
    Case(XML, "missing", PLAIN, after=CONFIG_DRIVE),
    Case(XML, "q35_with_drive", Q35, after=CONFIG_DRIVE),
    Case(XML, "there", PLAIN, after=XML),
    Case(XML, "differs", PLAIN, after=XML, built_as=OTHERWISE),
    Case(DEFINE, "missing", PLAIN, after=XML),
    Case(DEFINE, "there", PLAIN, after=DEFINE),
    Case(DEFINE, "running", PLAIN, after=START),
    Case(DEFINE, "otherwise", PLAIN, events.write_xml, after=DEFINE, built_as=OTHERWISE),
    Case(DEFINE, "otherwise_and_running", PLAIN, events.write_xml, after=START, built_as=OTHERWISE),
    Case(DEFINE, "transient", PLAIN, events.domain(persistent=False), after=START),
    Case(DEFINE, "of_another_store", PLAIN, events.write_xml, after=DEFINE, built_as=replace(PLAIN, lineage=ANOTHER)),
    Case(DEFINE, "foreign", PLAIN, events.foreign(), after=XML, blocked=True),
    Case(START, "shut_off", PLAIN, after=DEFINE),
    Case(START, "no_ports", instances.new(1), after=DEFINE),
    Case(START, "two_ports", TWO, after=DEFINE),
    Case(START, "running", PLAIN, after=START),
    Case(START, "paused", PLAIN, events.domain(state="paused"), after=START),
)


def _off(step: str) -> tuple[Case, ...]:
    """Both ways of switching off meet the same situations."""
    return (
        Case(step, "absent", PLAIN),
        Case(step, "shut_off", PLAIN, after=DEFINE),
        Case(step, "running", TWO, after=START),
        Case(step, "paused", PLAIN, events.domain(state="paused"), after=START),
        Case(step, "transient", PLAIN, events.domain(persistent=False), after=START),
        Case(step, "foreign", PLAIN, events.foreign("running"), blocked=True),
    )


TEARDOWN = (
    *_off(DESTROY),
    *_off(SHUT_DOWN),
    Case(SHUT_DOWN, "deaf", PLAIN, lambda state, instance: state.deaf.add(instance.domain), after=START),
    Case(UNDEFINE, "absent", PLAIN),
    Case(UNDEFINE, "shut_off", PLAIN, after=DEFINE),
    Case(UNDEFINE, "running", PLAIN, after=START),
    Case(UNDEFINE, "transient", PLAIN, events.domain(persistent=False), after=START),
    Case(UNDEFINE, "foreign", PLAIN, events.foreign(), blocked=True),
    Case(REMOVE, "there", BLANK, after=DISKS),
    Case(REMOVE, "gone", PLAIN),
    Case(REMOVE, "half_removed", PLAIN, events.half_removed, after=DISKS),
    Case(REMOVE, "made_again_meanwhile", PLAIN, events.both(events.half_removed, events.directory), after=DISKS),
)
CASES = NETWORKING + BLOCK_DEVICE_MAPPING + SPAWNING + TEARDOWN
