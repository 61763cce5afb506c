"""How hosts are chosen: nova.conf's [filter_scheduler] and [metrics], under Nova's names."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)
"""What Nova has on by default."""

MULTIPLIERS = {
    "ram_weight_multiplier": 1.0,
    "cpu_weight_multiplier": 1.0,
    "disk_weight_multiplier": 1.0,
    "hypervisor_version_weight_multiplier": 1.0,
    "num_instances_weight_multiplier": 0.0,
    "io_ops_weight_multiplier": -1.0,
    "image_props_weight_multiplier": 0.0,
    "pci_weight_multiplier": 1.0,
    "soft_affinity_weight_multiplier": 1.0,
    "soft_anti_affinity_weight_multiplier": 1.0,
    "build_failure_weight_multiplier": 1000000.0,
    "metrics_weight_multiplier": 1.0,
}
"""Nova's defaults."""


class Options(Struct, frozen=True):
    """`weight_classes`: weighers of other packages, by entry point, beside all of ours. `max_attempts`: hosts that are tried for one instance in all:
    the first and, by default, three alternates (Nova's default is two).
    """

    enabled_filters: tuple[str, ...] = FILTERS
    weight_classes: tuple[str, ...] = ()
    multipliers: Mapping[str, float] = field(default_factory=lambda: dict(MULTIPLIERS))
    max_attempts: int = 4
    host_subset_size: int = 1
    shuffle_best_same_weighed_hosts: bool = False
    max_io_ops_per_host: int = 8
    max_instances_per_host: int = 50
    isolated_hosts: tuple[str, ...] = ()
    isolated_images: tuple[str, ...] = ()
    restrict_isolated_hosts_to_isolated_images: bool = True
    image_properties_default_architecture: str = ""
    aggregate_image_properties_isolation_namespace: str = ""
    aggregate_image_properties_isolation_separator: str = "."
    image_props_weight_setting: Mapping[str, float] = field(default_factory=dict)
    metrics_weight_setting: Mapping[str, float] = field(default_factory=dict)  # [metrics] weight_setting
    metrics_required: bool = True  # [metrics] required
    metrics_weight_of_unavailable: float = -10000.0  # [metrics] weight_of_unavailable
