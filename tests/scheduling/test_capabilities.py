"""A host in the words of Nova's HostState."""

from __future__ import annotations

from orchestrator.scheduling import capabilities
from tests.scheduling.samples import host, resident


def test_what_is_known_of_a_host() -> None:
    state = host(resident(), io_ops=1, failed_builds=3, reserved_memory_mb=512, cpu_allocation_ratio=2.0)
    assert capabilities.of(state) == {
        "host": "n1",
        "nodename": "n1",
        "hypervisor_hostname": "n1",
        "host_ip": "192.0.2.11",
        "hypervisor_type": "QEMU",
        "hypervisor_version": 7002022,
        "cpu_info": {"arch": "x86_64", "model": "EPYC", "vendor": "AMD", "features": ["aes", "avx2"]},
        "vcpus_total": 8,
        "vcpus_used": 2,
        "total_usable_ram_mb": 8192,
        "free_ram_mb": 8192 - 512 - 1024,
        "total_usable_disk_gb": 100,
        "free_disk_mb": 90 * 1024,
        "disk_mb_used": 10 * 1024,
        "num_instances": 1,
        "num_io_ops": 1,
        "io_workload": 1,
        "failed_builds": 3,
        "cpu_allocation_ratio": 2.0,
        "ram_allocation_ratio": 1.0,
        "disk_allocation_ratio": 1.0,
    }


def test_where_it_is_looked_for() -> None:
    assert capabilities.find(host(), ("cpu_info", "vendor")) == "AMD"
    assert capabilities.find(host(), ("cpu_info", "vendor", "name")) is None
    assert capabilities.find(host(), ("colour",)) is None
    unseen = host(arch="", hypervisor_version=0)
    assert [capabilities.find(unseen, path) for path in (("cpu_info", "arch"), ("hypervisor_version",))] == [None, None]
