"""Words of the playbook that are known and not acted on yet: refused by name, never silently ignored."""

from __future__ import annotations

KEYS: dict[str, frozenset[str]] = {
    "play": frozenset({"force_handlers", "ignore_unreachable", "ignore_errors"}),
    "flavors": frozenset({"rxtx_factor", "is_public"}),
    "flavors.extra_specs": frozenset(
        {
            *("hw:cpu_thread_policy", "hw:cpu_dedicated_mask", "hw:cpu_realtime", "hw:cpu_realtime_mask", "hw:emulator_threads_policy"),
            *("hw:mem_encryption", "hw:locked_memory", "hw:boot_menu", "hw:serial_port_count", "hw:vif_multiqueue_enabled", "hw:pmem"),
            *("hw:tpm_model", "hw:tpm_version", "hw:hide_hypervisor_id", "hw_video:ram_max_mb", "os:secure_boot"),
        }
    ),
    "images": frozenset({"kernel", "ramdisk", "visibility"}),
    "images.properties": frozenset(
        {
            *("hw_cdrom_bus", "hw_boot_menu", "hw_vif_multiqueue_enabled", "hw_cpu_policy", "hw_cpu_thread_policy", "hw_numa_nodes"),
            *("hw_pointer_model", "hw_video_ram", "hw_tpm_model", "hw_tpm_version", "hw_mem_encryption", "hw_rescue_bus"),
            *("hw_serial_port_count", "hw_time_hpet", "hw_viommu_model", "img_hide_hypervisor_id"),
            *("os_admin_user", "os_require_quiesce", "os_secure_boot", "os_command_line"),
        }
    ),
    "networks": frozenset({"shared", "router", "qos_policy", "vlan_transparent", "dns_domain"}),
    "networks.subnets": frozenset({"ipv6_address_mode", "ipv6_ra_mode", "subnetpool", "service_types"}),
    "security_groups": frozenset({"stateful"}),
    "security_groups.rules": frozenset({"remote_address_group"}),
    "volumes": frozenset({"type", "snapshot", "source", "multiattach", "encryption", "metadata", "availability_zone"}),
    "instances": frozenset(
        {
            *("rebuild", "swap_volume", "evacuate"),
            *("admin_pass", "files", "personality", "description", "locked"),
        }
    ),
    "instances.networks": frozenset({"port", "vnic_type", "tag", "allowed_address_pairs", "qos_policy"}),
    "instances.block_device_mapping": frozenset(
        {
            *("source_type", "destination_type", "uuid", "delete_on_termination", "device_name", "device_type"),
            *("disk_bus", "guest_format", "volume_size", "volume_type", "tag"),
        }
    ),
}
VALUES: dict[str, frozenset[str]] = {
    "images.disk_format": frozenset({"vmdk", "vdi", "vhd", "vhdx", "ami", "ari", "aki", "ploop"}),
    "flavors.extra_specs.hw:cpu_policy": frozenset({"dedicated", "mixed"}),
    "images.properties.hw_disk_bus": frozenset({"usb", "fdc", "lxc", "uml", "xen"}),
    "images.properties.hw_scsi_model": frozenset({"buslogic", "ibmvscsi"}),
    "images.properties.hw_vif_model": frozenset({"vmxnet3", "netfront", "spapr-vlan", "lan9118"}),
    "images.properties.hw_video_model": frozenset({"xen", "gop"}),
    "networks.provider.type": frozenset({"gre", "geneve", "local"}),
    "networks.driver": frozenset({"ovn", "macvtap", "sriovnicswitch"}),
    "volumes.backend": frozenset({"lvm", "nfs", "fc", "nvmeof"}),
    "instances.state": frozenset({"paused", "suspended", "shelved", "rescued", "rebuilt"}),
}
INSTEAD: dict[str, str] = {
    "with_items": "write loop",
    "with_sequence": 'write loop: "{{ range(1, 4) }}"',
    "loop_control": "the loop's variable is always item",
    "tasks": "a play here says what shall be, not what to do",
    "roles": "a play here says what shall be, not what to do",
    "become": "it belongs into the inventory: ansible_become",
    "remote_user": "it belongs into the inventory: ansible_user",
    "connection": "it belongs into the inventory: ansible_connection",
    "strategy": "hosts of a batch are worked on side by side: leave it out",
    "gather_facts": "facts are always gathered: leave it out",
    "port_range_min": 'write port: 443, or port: "80-443"',
    "port_range_max": 'write port: 443, or port: "80-443"',
    "remote_ip_prefix": "write remote_cidr",
    "remote_group_id": "write remote_group",
    "architecture": "write hw_architecture",
    "hypervisor_type": "write img_hv_type",
    "hypervisor_version_requires": "write img_hv_requested_version",
    "vm_mode": "write hw_vm_mode",
    "policies": "write policy: and one of them",
    "bootable": "a volume that has an image is bootable: leave it out",
    "port_security": "write port_security_enabled",
    "enable_dhcp": "write dhcp",
    "gateway_ip": "write gateway",
    "dns_nameservers": "write dns",
    "allocation_pools": "write pool: FIRST-LAST",
}
"""Keys that users of Ansible, Neutron, Cinder and Glance bring along, and what to write instead."""


def key(path: str) -> bool:
    """Whether the key at dotted `path` (such as `instances.volumes`) is known and not supported yet."""
    parent, _, name = path.rpartition(".")
    return name in KEYS.get(parent, ())


def value(path: str, found: str) -> bool:
    """Whether the value `found` at dotted `path` is known and not supported yet."""
    return found.lower() in VALUES.get(path, ())
