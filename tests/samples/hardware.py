"""Every property of images and every extra spec of flavors, with each kind of value, alone and together: instances that the XML is made of."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model import desired
from orchestrator.model.instance import Device, Instance
from tests.samples import instances

VXLAN = desired.Network("overlay", "", "vxlan", (desired.Subnet("10.30.0.0/24"),), 77)
QUOTAS = {
    "quota:cpu_shares": "512",
    "quota:cpu_period": "100000",
    "quota:cpu_quota": "50000",
    "quota:disk_read_bytes_sec": "10485760",
    "quota:disk_write_iops_sec": "500",
    "quota:vif_inbound_average": "1000",
    "quota:vif_inbound_peak": "2000",
    "quota:vif_inbound_burst": "4000",
    "quota:vif_outbound_average": "1000",
}
TWO_NODES = {
    "hw:numa_nodes": "2",
    "hw:numa_cpus.0": "0,2-3",
    "hw:numa_mem.0": "192",
    "hw:numa_cpus.1": "1",
    "hw:numa_mem.1": "64",
}
PROPERTIES: dict[str, dict[str, str]] = {
    **{f"disk_{bus}": {"hw_disk_bus": bus} for bus in ("virtio", "scsi", "ide", "sata")},
    **{f"disk_{bus}_on_q35": {"hw_disk_bus": bus, "hw_machine_type": "q35"} for bus in ("scsi", "sata")},
    **{f"scsi_{model}": {"hw_disk_bus": "scsi", "hw_scsi_model": model} for model in ("lsilogic", "lsisas1068", "lsisas1078", "vmpvscsi")},
    **{f"vif_{model}": {"hw_vif_model": model} for model in ("e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet")},
    **{f"video_{model}": {"hw_video_model": model} for model in ("vga", "cirrus", "qxl", "vmvga", "bochs", "none")},
    **{f"watchdog_{action}": {"hw_watchdog_action": action} for action in ("reset", "poweroff", "pause", "none", "disabled")},
    "machine_q35": {"hw_machine_type": "q35"},
    "machine_versioned": {"hw_machine_type": "pc-i440fx-7.2"},
    "firmware_bios": {"hw_firmware_type": "bios"},
    "uefi": {"hw_firmware_type": "uefi"},
    "uefi_on_q35": {"hw_firmware_type": "uefi", "hw_machine_type": "pc-q35-7.2"},
    "guest_agent": {"hw_qemu_guest_agent": "true"},
    "input_virtio": {"hw_input_bus": "virtio"},
    "rng": {"hw_rng_model": "virtio"},
    "windows": {"os_type": "windows"},
    "everything": {
        "hw_machine_type": "q35",
        "hw_firmware_type": "uefi",
        "hw_disk_bus": "scsi",
        "hw_vif_model": "e1000e",
        "os_type": "linux",
        "hw_video_model": "vga",
        "hw_input_bus": "virtio",
        "hw_rng_model": "virtio",
        "hw_watchdog_action": "pause",
        "hw_qemu_guest_agent": "true",
        "hw_cpu_max_sockets": "1",
        "hw_cpu_threads": "2",
    },
}
"""Image properties by case."""
SPECS: dict[str, dict[str, str]] = {
    "cores": {"hw:cpu_cores": "2"},
    "sockets_cores_threads": {"hw:cpu_sockets": "1", "hw:cpu_cores": "2", "hw:cpu_threads": "2"},
    "most_sockets": {"hw:cpu_max_sockets": "2"},
    "numa": {"hw:numa_nodes": "2"},
    "numa_by_hand": TWO_NODES,
    "pages_small": {"hw:mem_page_size": "small"},
    "pages_large": {"hw:mem_page_size": "large"},
    "pages_of_2_mib": {"hw:mem_page_size": "2MB"},
    "numa_with_pages": {**TWO_NODES, "hw:mem_page_size": "2048"},
    "quotas": QUOTAS,
    "quota_of_all_disk_work": {"quota:disk_total_bytes_sec": "10485760", "quota:disk_total_iops_sec": "500"},
    "no_rng": {"hw_rng:allowed": "false"},
    "rng_rate": {"hw_rng:rate_bytes": "1024", "hw_rng:rate_period": "2000"},
    "watchdog": {"hw:watchdog_action": "poweroff"},
}
"""Extra specs by case; their flavors have 4 vcpus and 256 MiB."""


def with_properties(found: dict[str, str]) -> Instance:
    """An instance with every kind of disk and device, of an image with these properties."""
    image = replace(instances.image(), properties=found)
    flavor = desired.Flavor("m1.x", 4, 256, 1)
    return instances.new(1, instances.port(1), image=image, ephemeral=1, swap=256, config_drive=True, flavor=flavor)


def with_specs(found: dict[str, str]) -> Instance:
    """An instance of a flavor with these extra specs."""
    return instances.new(1, instances.port(1), flavor=desired.Flavor("m1.x", 4, 256, 1, extra_specs=found))


CASES: dict[str, Instance] = {
    **{name: with_properties(found) for name, found in PROPERTIES.items()},
    **{name: with_specs(found) for name, found in SPECS.items()},
    "windows_on_kvm": replace(with_properties({"os_type": "windows"}), virt_type="kvm"),
    "vxlan": replace(instances.new(1, instances.port(1, "overlay")), networks={"overlay": VXLAN}),
    "numa_on_cells": replace(with_specs({"hw:numa_nodes": "2"}), cells=(1, 0), cpusets=("4-7,12", "0-3,8")),
    "numa_on_cells_and_quotas": replace(with_specs({**TWO_NODES, **QUOTAS}), cells=(0, 3), cpusets=("0", "6-7")),
    "pci_devices": replace(with_specs({}), devices=(Device("gpu", "0000:81:00.0"), Device("nic", "0001:c1:1f.7"))),
    "jumbo": replace(instances.new(1, instances.port(1)), networks={"private": replace(instances.NETWORK, mtu=9000)}),
}
