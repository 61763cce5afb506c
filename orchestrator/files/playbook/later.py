"""Words of the playbook that are known and not acted on yet: refused by name, never silently ignored."""

from __future__ import annotations

KEYS: dict[str, frozenset[str]] = {
    "play": frozenset({"serial", "max_fail_percentage", "any_errors_fatal", "security_groups", "volumes", "server_groups"}),
    "flavors": frozenset({"extra_specs", "rxtx_factor", "is_public"}),
    "images": frozenset({"kernel", "ramdisk", "visibility"}),
    "images.properties": frozenset(
        {
            *("hw_firmware_type", "hw_scsi_model", "hw_qemu_guest_agent", "hw_video_model", "hw_rng_model"),
            *("hw_cdrom_bus", "hw_boot_menu", "hw_vif_multiqueue_enabled", "hw_watchdog_action", "hw_cpu_sockets"),
            *("hw_cpu_cores", "hw_cpu_threads", "hw_mem_page_size", "os_type", "os_distro", "os_require_quiesce"),
        }
    ),
    "networks": frozenset({"mtu", "shared", "router", "port_security_enabled"}),
    "networks.provider": frozenset({"segmentation_id"}),
    "networks.subnets": frozenset({"host_routes", "ipv6_address_mode", "ipv6_ra_mode"}),
    "instances": frozenset(
        {
            *("security_groups", "volumes", "server_group", "block_device_mapping", "boot_index", "rebuild"),
            *("scheduler_hints", "admin_pass", "files", "personality", "description", "locked"),
        }
    ),
    "instances.networks": frozenset({"port", "vnic_type", "security_groups", "tag"}),
}
VALUES: dict[str, frozenset[str]] = {
    "images.disk_format": frozenset({"iso", "vmdk", "vdi", "vhd", "vhdx", "ami", "ari", "aki", "ploop"}),
    "images.properties.hw_disk_bus": frozenset({"scsi", "ide", "sata", "usb", "fdc", "lxc", "uml", "xen"}),
    "images.properties.hw_vif_model": frozenset({"e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", "vmxnet3"}),
    "networks.provider.type": frozenset({"vlan", "vxlan", "gre", "geneve", "local"}),
    "networks.driver": frozenset({"openvswitch", "ovn", "macvtap", "sriovnicswitch"}),
    "networks.subnets.dhcp": frozenset({"true"}),
    "instances.state": frozenset({"paused", "suspended", "shelved", "rescued", "rebuilt"}),
}
ANSIBLE: dict[str, str] = {
    "with_items": "write loop",
    "with_sequence": 'write loop: "{{ range(1, 4) }}"',
    "loop_control": "the loop's variable is always item",
    "tasks": "a play here says what shall be, not what to do",
    "roles": "a play here says what shall be, not what to do",
    "become": "it belongs into the inventory: ansible_become",
    "remote_user": "it belongs into the inventory: ansible_user",
    "connection": "it belongs into the inventory: ansible_connection",
    "gather_facts": "facts are always gathered: leave it out",
}
"""Keys that Ansible's users bring along, and what to write instead."""


def key(path: str) -> bool:
    """Whether the key at dotted `path` (such as `instances.volumes`) is known and not supported yet."""
    parent, _, name = path.rpartition(".")
    return name in KEYS.get(parent, ())


def value(path: str, found: str) -> bool:
    """Whether the value `found` at dotted `path` is known and not supported yet."""
    return found.lower() in VALUES.get(path, ())
