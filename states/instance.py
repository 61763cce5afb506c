"""The life of an instance. Task states and vm states are Nova's (nova/compute/task_states.py, vm_states.py)."""

from __future__ import annotations

from orchestrator.states.table import DONE, FAIL, Edge, State, Table

NETWORKING = ("networking.plug_ports",)
BLOCK_DEVICE_MAPPING = (
    "block_device_mapping.make_directory",
    "block_device_mapping.fetch_image",
    "block_device_mapping.make_ephemeral_base",
    "block_device_mapping.make_swap_base",
    "block_device_mapping.create_disks",
    "block_device_mapping.write_config_drive",
    "block_device_mapping.fetch_volume_images",
    "block_device_mapping.create_volumes",
    "block_device_mapping.connect_volumes",
)
SPAWNING = ("spawning.write_domain_xml", "spawning.define_domain", "spawning.start_domain")
TEARDOWN = ("teardown.destroy_domain", "teardown.undefine_domain", "teardown.disconnect_volumes")
RELEASE = "updating.release_volumes"
LEAVE = "updating.release_ports"
UPDATING = (
    *NETWORKING,
    "block_device_mapping.make_directory",  # of a guest that others made
    "block_device_mapping.create_disks",  # grown
    "block_device_mapping.fetch_volume_images",
    "block_device_mapping.create_volumes",
    "block_device_mapping.connect_volumes",
    *SPAWNING[:2],
    "updating.plug_volumes",
    "updating.plug_interfaces",
    RELEASE,
    LEAVE,
)
REBUILDING = "rebuilding.remove_disks"
"""What alone, but for deletion, ends data: of what was given up by consent."""
REBUILT = "rebuild_spawning"
"""The state from which on everything has been made anew."""

REPAIRING = (*NETWORKING, *BLOCK_DEVICE_MAPPING, *SPAWNING[:2])
AWAKE = ("spawning.continue_process", "spawning.start_domain", "updating.plug_volumes", "updating.plug_interfaces")
"""Of a guest that runs, or stands still."""

STATES = (
    State("BUILDING", "building", "scheduling", "BUILD", (), failure="ERROR"),
    State("networking", "building", "networking", "BUILD", NETWORKING, failure="ERROR", undoes=True),
    State(
        "block_device_mapping",
        "building",
        "block_device_mapping",
        "BUILD",
        BLOCK_DEVICE_MAPPING,
        failure="ERROR",
        undoes=True,
    ),
    State("spawning", "building", "spawning", "BUILD", SPAWNING, failure="ERROR", undoes=True),
    State("ACTIVE", "active", None, "ACTIVE"),
    State("powering-off", None, "powering-off", "ACTIVE", ("teardown.shut_down_domain",), failure="ERROR"),
    State("STOPPED", "stopped", None, "SHUTOFF"),
    State("powering-on", None, "powering-on", "SHUTOFF", (*NETWORKING, *BLOCK_DEVICE_MAPPING, *SPAWNING, RELEASE, LEAVE), failure="ERROR"),
    State("rebooting_hard", None, "rebooting_hard", "HARD_REBOOT", (*TEARDOWN, LEAVE), failure="ERROR"),
    State(
        "reboot_pending_hard",
        None,
        "reboot_pending_hard",
        "HARD_REBOOT",
        NETWORKING + BLOCK_DEVICE_MAPPING,
        failure="ERROR",
    ),
    State("reboot_started_hard", None, "reboot_started_hard", "HARD_REBOOT", SPAWNING, failure="ERROR"),
    State("rebuilding", None, "rebuilding", "REBUILD", (*TEARDOWN, LEAVE, REBUILDING), failure="ERROR"),
    State(
        "rebuild_block_device_mapping",
        None,
        "rebuild_block_device_mapping",
        "REBUILD",
        NETWORKING + BLOCK_DEVICE_MAPPING,
        failure="ERROR",
    ),
    State(REBUILT, None, "rebuild_spawning", "REBUILD", SPAWNING, failure="ERROR"),
    # What a guest has is changed while it runs, or is off. Nova has no task state for it; a failure leaves the guest as it is, with a fault.
    State("updating", None, None, "ACTIVE", UPDATING, failure="ACTIVE"),
    State("updating-off", None, None, "SHUTOFF", UPDATING, failure="STOPPED"),
    State("ERROR", "error", None, "ERROR"),
    # What is broken around a guest is mended where it is; nothing in these rows ends its process. Nova has no such thing.
    State("repairing", None, None, "ACTIVE", (*REPAIRING, *AWAKE), failure="ACTIVE"),
    State("repairing-off", None, None, "SHUTOFF", REPAIRING, failure="STOPPED"),
    State("repairing-error", None, None, "ERROR", (*REPAIRING, *AWAKE), failure="ERROR"),
    State("ending_process", None, "rebooting_hard", "HARD_REBOOT", ("teardown.end_process",), failure="ERROR"),
    State(
        "deleting",
        None,
        "deleting",
        "ACTIVE",
        ("teardown.end_process", *TEARDOWN, "teardown.unplug_ports", "teardown.remove_directory"),
        failure="ERROR",
    ),
    State("DELETED", "deleted", None, "DELETED", removes=True),
)

BUSY = tuple(state.name for state in STATES if state.busy)
REST = ("ACTIVE", "STOPPED", "ERROR")
REPAIRS = ("repairing", "repairing-off", "repairing-error")

EDGES = (
    Edge("build", ("BUILDING", "ERROR"), "networking"),
    Edge(DONE, ("networking",), "block_device_mapping"),
    Edge(DONE, ("block_device_mapping",), "spawning"),
    Edge(DONE, ("spawning", "powering-on", "reboot_started_hard", REBUILT), "ACTIVE"),
    Edge("stop", ("ACTIVE", "ERROR"), "powering-off"),
    Edge(DONE, ("powering-off",), "STOPPED"),
    Edge("start", ("STOPPED",), "powering-on"),
    Edge("update", ("ACTIVE",), "updating"),
    Edge(DONE, ("updating",), "ACTIVE"),
    Edge("update", ("STOPPED",), "updating-off"),
    Edge(DONE, ("updating-off",), "STOPPED"),
    # Nova refuses a hard reboot of an instance whose reboot got stuck; it is how one gets unstuck here.
    Edge(
        "hard_reboot",
        (*REST, "powering-off", "powering-on", "updating", "updating-off", "rebooting_hard", "reboot_pending_hard", "reboot_started_hard"),
        "rebooting_hard",
    ),
    Edge(DONE, ("rebooting_hard",), "reboot_pending_hard"),
    Edge(DONE, ("reboot_pending_hard",), "reboot_started_hard"),
    # Begun only where disks were given up by consent: what a guest has written on the others stays.
    Edge("rebuild", (*REST, "rebuilding", "rebuild_block_device_mapping", REBUILT), "rebuilding"),
    Edge(DONE, ("rebuilding",), "rebuild_block_device_mapping"),
    Edge(DONE, ("rebuild_block_device_mapping",), REBUILT),
    Edge("delete", (*REST, *BUSY), "deleting"),
    Edge(DONE, ("deleting",), "DELETED"),
    Edge("repair", ("ACTIVE", "repairing"), "repairing"),
    Edge("repair", ("STOPPED", "repairing-off"), "repairing-off"),
    Edge("repair", ("ERROR", "repairing-error"), "repairing-error"),
    Edge(DONE, ("repairing", "repairing-error"), "ACTIVE"),
    Edge(DONE, ("repairing-off",), "STOPPED"),
    # A process that libvirt has forgotten is ended on demand alone; else whatever would start another one beside it stops.
    Edge("reclaim", (*REST, "powering-off", "powering-on", *REPAIRS, "ending_process"), "ending_process"),
    Edge("reclaim", ("rebooting_hard", "reboot_pending_hard", "reboot_started_hard"), "ending_process"),
    Edge("hard_reboot", (*REPAIRS, "ending_process"), "rebooting_hard"),
    Edge(DONE, ("ending_process",), "rebooting_hard"),
    # What the hypervisor says of power counts (nova `_sync_power_states`).
    Edge("found_stopped", ("ACTIVE",), "STOPPED"),
    Edge("found_running", ("STOPPED",), "ACTIVE"),
    Edge("give_up", ("ACTIVE",), "ERROR"),  # it ended once more than its restart policy allows
    *(Edge(FAIL, tuple(state.name for state in STATES if state.failure == rest), rest) for rest in ("ERROR", "ACTIVE", "STOPPED")),
)

TABLE = Table("instance", "BUILDING", STATES, EDGES)
