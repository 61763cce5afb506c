"""A host in the words of nova's HostState, as extra specs (`capabilities:...`) and queries speak of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.scheduling.host_state import HostState

HYPERVISOR_TYPE = "QEMU"
"""What libvirt calls it, with KVM as well."""


def of(state: HostState) -> Mapping[str, object]:
    """MiB where a name ends with _mb, GiB where it ends with _gb. What is not known of the host is None."""
    host, capacity = state.host, state.capacity
    cpu = {"arch": capacity.arch, "model": capacity.cpu_model, "vendor": capacity.cpu_vendor, "features": list(capacity.cpu_features)}
    return {
        "host": host.name,
        "nodename": host.name,
        "hypervisor_hostname": host.name,
        "host_ip": host.address,
        "hypervisor_type": HYPERVISOR_TYPE,
        "hypervisor_version": capacity.hypervisor_version or None,
        "cpu_info": cpu if capacity.arch else None,
        "vcpus_total": capacity.vcpus,
        "vcpus_used": state.vcpus,
        "total_usable_ram_mb": capacity.memory_mb,
        "free_ram_mb": state.free_ram,
        "total_usable_disk_gb": capacity.disk_gb,
        "free_disk_mb": state.free_disk * 1024,
        "disk_mb_used": state.disk * 1024,
        "num_instances": len(state.residents),
        "num_io_ops": state.io_ops,
        "failed_builds": state.failed_builds,
        "cpu_allocation_ratio": host.cpu_allocation_ratio,
        "ram_allocation_ratio": host.ram_allocation_ratio,
        "disk_allocation_ratio": host.disk_allocation_ratio,
        "io_workload": state.io_ops,
    }


def find(state: HostState, path: Sequence[str]) -> object:
    """What is at the path, such as ("cpu_info", "arch"); None where there is nothing."""
    found: object = of(state)
    for word in path:
        found = found.get(word) if isinstance(found, Mapping) else None
    return found
