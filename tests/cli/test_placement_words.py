"""From the words of inventory, settings and playbook to the host that an instance is on."""

from __future__ import annotations

import pytest

from tests.cli.world import PLAYBOOK, Operator

INVENTORY = """\
compute:
  vars: {physical_networks: {phys0: br-phys0}, virt_type: qemu}
  hosts:
    n1: {metrics: {load: 0.9}}
    n2: {metrics: {load: 0.1}, pci_devices: {gpu: [0000:81:00.0]}}
fast:
  vars: {aggregate_metadata: {ssd: true, availability_zone: az2}}
  hosts: {n2: }
"""
SETTINGS = """\
scheduler:
  enabled_filters: [ComputeFilter, ComputeCapabilitiesFilter, ImagePropertiesFilter, AggregateInstanceExtraSpecsFilter, JsonFilter, DifferentHostFilter]
  weight_classes: []
"""
TO_N2 = {
    "an aggregate": ("disk: 1}", 'disk: 1, extra_specs: {"aggregate_instance_extra_specs:ssd": true}}'),
    "its zone": ("tags: [web]", "tags: [web], availability_zone: az2"),
    "a query": ("tags: [web]", 'tags: [web], scheduler_hints: {query: ["=", "$host", n2]}'),
    "a device": ("disk: 1}", 'disk: 1, extra_specs: {"pci_passthrough:alias": "gpu:1"}}'),
    "what libvirt says": ("disk: 1}", 'disk: 1, extra_specs: {"capabilities:hypervisor_version": ">= 8000000"}}'),
    "a feature": ("disk: 1}", 'disk: 1, extra_specs: {"capabilities:cpu_info:features": <in> amx}}'),
    "a version that the image asks for": (
        "source: guest.qcow2",
        'source: guest.qcow2, properties: {hw_architecture: x86_64, img_hv_requested_version: ">=8.0"}',
    ),
}


@pytest.fixture
def site(operator: Operator) -> Operator:
    """Two hosts: n1, which is the first of equals, and n2, of which more can be said."""
    operator.write("inventory", INVENTORY)
    operator.write("orchestrator.yaml", SETTINGS)
    operator.fleet.hosts["n2"].qemu = "8.2.1"
    operator.fleet.hosts["n2"].cpu_features = ("aes", "amx-tile")
    return operator


def homes(operator: Operator) -> dict[str, str]:
    return {each["name"]: each["host"] for each in operator.ok("get", "instances", "-o", "json").json}  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", TO_N2)
def test_words_that_lead_to_the_other_host(site: Operator, words: str) -> None:
    site.write("site.yaml", PLAYBOOK.replace(*TO_N2[words]))
    site.ok("apply", "site.yaml", "-e", "count=1")
    assert homes(site) == {"web-1": "n2"}


def test_without_them_the_first_by_name(site: Operator) -> None:
    site.write("orchestrator.yaml", SETTINGS + "  hypervisor_version_weight_multiplier: 0\n")
    site.write("site.yaml", PLAYBOOK)
    site.ok("apply", "site.yaml", "-e", "count=1")
    assert homes(site) == {"web-1": "n1"}


def test_metrics_weigh(site: Operator) -> None:
    setting = "  hypervisor_version_weight_multiplier: 0\n  pci_weight_multiplier: 0\n  metrics_weight_setting: {load: -1.0}\n"
    site.write("orchestrator.yaml", SETTINGS + setting)
    site.write("site.yaml", PLAYBOOK)
    site.ok("apply", "site.yaml", "-e", "count=1")
    assert homes(site) == {"web-1": "n2"}


def test_a_disabled_host_takes_nothing_new_and_keeps_what_it_has(site: Operator) -> None:
    site.write("site.yaml", PLAYBOOK)
    site.ok("apply", "site.yaml", "-e", "count=1")
    (home,) = homes(site).values()
    other = {"n1": "n2", "n2": "n1"}[home]
    site.write("inventory", INVENTORY.replace(f"{home}: {{", f"{home}: {{disabled: new disks, ", 1))
    site.ok("apply", "site.yaml")
    assert homes(site) == {"web-1": home, "web-2": other, "web-3": other}


def test_an_image_for_no_host_of_ours_fits_nowhere(site: Operator) -> None:
    site.write("site.yaml", PLAYBOOK.replace("source: guest.qcow2", "source: guest.qcow2, properties: {hw_architecture: aarch64}"))
    done = site("apply", "site.yaml", "-e", "count=1")
    assert done.code == 3
    assert "hw_architecture: aarch64 is asked for, runs x86_64, i686" in done.out + done.err
