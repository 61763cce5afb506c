"""Every step in the situations that it may meet. Golden files and properties are about the same ones."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model import desired
from tests.samples import adopted_steps, change_steps, events, instances, volume_steps
from tests.samples.situations import Case

PLAIN = instances.new(1, instances.port(1))
TWO = instances.new(1, instances.port(1), instances.port(2))
SWITCHED = instances.switched(desired.Network("office", "phys0", "vlan", segmentation_id=100, driver="openvswitch"))
FLAT_SWITCHED = instances.switched(desired.Network("office", "phys0", driver="openvswitch"))
BLANK = instances.new(1, ephemeral=1, swap=256)
PARTS = instances.parts(1, 1, 2, 1)
DRIVE = instances.new(1, instances.port(1), config_drive=True, user_data="#cloud-config\n")
LAUNCHED = replace(BLANK, launched=True)
Q35 = replace(DRIVE, image=instances.image(hw_machine_type="q35"))
ROOT = PLAIN.disks[0]
RAW = instances.new(1, image=replace(instances.image("/images/plain.raw", instances.RAW), disk_format="raw"))
REMOTE = instances.new(1, image=replace(instances.image(instances.ADDRESS), size=0, virtual_size=0))
REBASED = replace(PLAIN, disks=(replace(ROOT, base=replace(ROOT.base, path=f"{ROOT.base.path}0")),))
BIGGER = replace(LAUNCHED, disks=tuple(replace(disk, size=2 * disk.size) for disk in LAUNCHED.disks))
NOCLOUD = replace(DRIVE, datasource="nocloud")
ANOTHER = "11111111-2222-4333-8444-555555555555"
OTHERWISE = replace(PLAIN, flavor=replace(PLAIN.flavor, ram=128))

PLUG, DIRECTORY, IMAGE = "networking.plug_ports", "block_device_mapping.make_directory", "block_device_mapping.fetch_image"
EPHEMERAL, SWAP = "block_device_mapping.make_ephemeral_base", "block_device_mapping.make_swap_base"
DISKS, CONFIG_DRIVE = "block_device_mapping.create_disks", "block_device_mapping.write_config_drive"
XML, DEFINE, START = "spawning.write_domain_xml", "spawning.define_domain", "spawning.start_domain"
CONTINUE, END = "spawning.continue_process", "teardown.end_process"
DESTROY, SHUT_DOWN, UNDEFINE = "teardown.destroy_domain", "teardown.shut_down_domain", "teardown.undefine_domain"
UNPLUG, REMOVE = "teardown.unplug_ports", "teardown.remove_directory"

NETWORKING = (
    Case(PLUG, "no_ports", instances.new(1)),
    Case(PLUG, "on_a_linux_bridge", PLAIN),
    Case(PLUG, "missing", SWITCHED, events.ground),
    Case(PLUG, "one_of_two_missing", SWITCHED, events.lose_link("qbr00000002-aa", "qvo00000002-aa"), after=PLUG),
    Case(PLUG, "there", SWITCHED, after=PLUG),
    Case(PLUG, "in_another_vlan", SWITCHED, events.plugged(tag=7), after=PLUG),
    Case(PLUG, "down_and_of_another_size", SWITCHED, events.link("qvo00000001-aa", up=False, mtu=1400), after=PLUG),
    Case(PLUG, "unplugged_by_hand", SWITCHED, events.plugged(), after=PLUG),
    Case(PLUG, "untagged", FLAT_SWITCHED, events.ground),
)
BLOCK_DEVICE_MAPPING = (
    Case(DIRECTORY, "missing", PLAIN),
    Case(DIRECTORY, "there", PLAIN, after=DIRECTORY),
    Case(IMAGE, "missing", PLAIN, after=DIRECTORY),
    Case(IMAGE, "there", PLAIN, after=IMAGE),
    Case(IMAGE, "interrupted", PLAIN, events.both(events.part("image"), events.part("image", "converted")), after=DIRECTORY),
    Case(IMAGE, "raw", RAW, after=DIRECTORY),
    Case(IMAGE, "remote", REMOTE, after=DIRECTORY),
    Case(IMAGE, "truncated", PLAIN, events.truncate_base, after=IMAGE, blocked=True),
    Case(IMAGE, "lost_with_its_manifest_left", PLAIN, events.lose_base, after=IMAGE),
    Case(IMAGE, "without_a_manifest", PLAIN, events.lose_manifest, after=IMAGE),
    Case(EPHEMERAL, "not_asked_for", PLAIN, after=IMAGE),
    Case(EPHEMERAL, "missing", BLANK, after=IMAGE),
    Case(EPHEMERAL, "there", BLANK, after=EPHEMERAL),
    Case(EPHEMERAL, "two_sizes", PARTS, after=IMAGE),
    Case(EPHEMERAL, "one_of_two_sizes_there", PARTS, after=EPHEMERAL, built_as=BLANK),
    Case(EPHEMERAL, "interrupted", BLANK, events.part("ephemeral"), after=IMAGE),
    Case(SWAP, "not_asked_for", PLAIN, after=EPHEMERAL),
    Case(SWAP, "missing", BLANK, after=EPHEMERAL),
    Case(SWAP, "there", BLANK, after=SWAP),
    Case(SWAP, "interrupted", BLANK, events.part("swap"), after=EPHEMERAL),
    Case(DISKS, "missing", BLANK, after=SWAP),
    Case(DISKS, "one_only", PLAIN, after=SWAP),
    Case(DISKS, "remote_image", REMOTE, after=SWAP),
    Case(DISKS, "there", BLANK, after=DISKS),
    Case(DISKS, "half_there", BLANK, events.lose("disk.local"), after=DISKS),
    Case(DISKS, "interrupted", PLAIN, events.file(lambda instance: f"{instance.disks[0].path}.part"), after=SWAP),
    Case(DISKS, "launched", LAUNCHED, after=DISKS, built_as=BLANK),
    Case(DISKS, "launched_and_missing", LAUNCHED, events.lose("disk", "disk.swap"), after=DISKS, built_as=BLANK, blocked=True),
    Case(DISKS, "grown_while_off", BIGGER, after=DEFINE, built_as=BLANK),
    Case(DISKS, "grown_while_running", BIGGER, after=START, built_as=BLANK),
    Case(DISKS, "grown_while_paused", BIGGER, events.domain(state="paused"), after=START, built_as=BLANK),
    Case(DISKS, "grown_in_part", replace(BIGGER, disks=(BIGGER.disks[0], *LAUNCHED.disks[1:])), after=DISKS, built_as=BLANK),
    Case(DISKS, "never_shrunk", LAUNCHED, after=DISKS, built_as=replace(BIGGER, launched=False)),
    Case(DISKS, "on_another_base", REBASED, after=DISKS, built_as=PLAIN, blocked=True),
    Case(DISKS, "raw_file", PLAIN, events.file(lambda instance: instance.disks[0].path, b"bytes"), after=SWAP, blocked=True),
    Case(CONFIG_DRIVE, "not_asked_for", PLAIN, after=DISKS),
    Case(CONFIG_DRIVE, "missing", DRIVE, after=DISKS),
    Case(CONFIG_DRIVE, "nocloud", NOCLOUD, after=DISKS),
    Case(CONFIG_DRIVE, "there", DRIVE, after=CONFIG_DRIVE),
)
SPAWNING = (
    Case(XML, "missing", PLAIN, after=CONFIG_DRIVE),
    Case(XML, "q35_with_drive", Q35, after=CONFIG_DRIVE),
    Case(XML, "there", PLAIN, after=XML),
    Case(XML, "without_its_description", PLAIN, events.lose_description, after=XML),
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
    Case(START, "forgotten", PLAIN, events.forgotten, after=START, blocked=True),
    Case(START, "cut_off", PLAIN, events.cut_off, after=START, blocked=True),
    Case(CONTINUE, "off", PLAIN, after=DEFINE),
    Case(CONTINUE, "running", PLAIN, after=START),
    Case(CONTINUE, "standing_still", PLAIN, events.domain(stopped=True), after=START),
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
        Case(step, "cut_off", PLAIN, events.cut_off, after=START, blocked=True),
    )


TEARDOWN = (
    *_off(DESTROY),
    *_off(SHUT_DOWN),
    Case(SHUT_DOWN, "forgotten", PLAIN, events.forgotten, after=START, blocked=True),
    Case(DESTROY, "forgotten", PLAIN, events.forgotten, after=START),
    Case(END, "none", PLAIN, after=DEFINE),
    Case(END, "running", PLAIN, after=START),
    Case(END, "forgotten", TWO, events.forgotten, after=START),
    Case(SHUT_DOWN, "deaf", PLAIN, lambda state, instance: state.deaf.add(instance.domain), after=START),
    Case(UNDEFINE, "absent", PLAIN),
    Case(UNDEFINE, "shut_off", PLAIN, after=DEFINE),
    Case(UNDEFINE, "running", PLAIN, after=START),
    Case(UNDEFINE, "transient", PLAIN, events.domain(persistent=False), after=START),
    Case(UNDEFINE, "foreign", PLAIN, events.foreign(), blocked=True),
    Case(UNPLUG, "none", PLAIN),
    Case(UNPLUG, "there", SWITCHED, after=PLUG),
    Case(UNPLUG, "gone", SWITCHED, events.ground),
    Case(UNPLUG, "half_gone", SWITCHED, events.lose_link("qvo00000001-aa"), after=PLUG),
    Case(REMOVE, "there", BLANK, after=DISKS),
    Case(REMOVE, "gone", PLAIN),
    Case(REMOVE, "half_removed", PLAIN, events.half_removed, after=DISKS),
    Case(REMOVE, "made_again_meanwhile", PLAIN, events.both(events.half_removed, events.directory), after=DISKS),
)
CASES = NETWORKING + BLOCK_DEVICE_MAPPING + SPAWNING + TEARDOWN + volume_steps.CASES + change_steps.CASES + adopted_steps.CASES
