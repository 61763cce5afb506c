"""What playbooks say of where instances go, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from orchestrator.model import desired, errors

Load = Callable[..., desired.Desired]

PLAY = """
- hosts: compute
  vars: {least: 1024}
  flavors:
    - name: gpu
      vcpus: 1
      ram: 512
      disk: 5
      extra_specs:
        "pci_passthrough:alias": "gpu:1, nic:2"
        "capabilities:cpu_info:features": <in> avx2
        "capabilities:hypervisor_version": ">= 7002000"
        "aggregate_instance_extra_specs:ssd": true
        "aggregate_instance_extra_specs:rack": "{{ least }}"
        "hw:numa_nodes": 1
  images:
    - name: debian
      source: disk.qcow2
      properties:
        hw_architecture: AMD64
        img_hv_type: kvm
        img_hv_requested_version: ">= 7.2, < 9"
        hw_vm_mode: hvm
        os_distro: debian
        os_version: 12.10
  server_groups:
    - {name: web, policy: anti-affinity, rules: {max_server_per_host: 2}}
    - {name: db.near, policy: soft-affinity}
  instances:
    - {name: one, flavor: gpu, image: debian, server_group: web, project: red}
    - name: two
      flavor: gpu
      image: debian
      scheduler_hints:
        group: db.near
        same_host: [one, elsewhere]
        different_host: "three, four"
        query: [and, [">=", "$free_ram_mb", "{{ least }}"], ["in", "$host", n1, n2], ["<", "$failed_builds", 1.5]]
        build_near_host_ip: 192.0.2.7
        cidr: 24
    - {name: three, flavor: gpu, image: debian, server_group: web, scheduler_hints: {group: web, query: '["=", "$host", "n1"]'}}
    - {name: four, flavor: gpu, image: debian}
"""


def test_words_of_placement(load: Load) -> None:
    wished = load(PLAY)
    assert wished.flavors["gpu"].extra_specs == {
        "hw:numa_nodes": "1",
        "pci_passthrough:alias": "gpu:1,nic:2",
        "capabilities:cpu_info:features": "<in> avx2",
        "capabilities:hypervisor_version": ">= 7002000",
        "aggregate_instance_extra_specs:ssd": "true",
        "aggregate_instance_extra_specs:rack": "1024",
    }
    assert wished.images["debian"].properties == {
        "hw_architecture": "amd64",
        "hw_vm_mode": "hvm",
        "img_hv_type": "kvm",
        "img_hv_requested_version": ">=7.2,<9",
        "os_distro": "debian",
        "os_version": "12.10",
    }
    assert wished.server_groups == {
        "web": desired.ServerGroup("web", "anti-affinity", 2),
        "db.near": desired.ServerGroup("db.near", "soft-affinity", 1),
    }
    one, two, three, four = wished.instances.values()
    assert (one.server_group, one.project, dict(one.scheduler_hints)) == ("web", "red", {})
    assert two.server_group == "db.near"
    hints = dict(two.scheduler_hints)
    query = json.loads(hints.pop("query"))
    assert query == ["and", [">=", "$free_ram_mb", 1024], ["in", "$host", "n1", "n2"], ["<", "$failed_builds", 1.5]]
    assert hints == {"same_host": "one,elsewhere", "different_host": "three,four", "build_near_host_ip": "192.0.2.7", "cidr": "/24"}
    assert (three.server_group, three.scheduler_hints["query"]) == ("web", '["=", "$host", "n1"]')
    assert (four.server_group, four.project) == (None, desired.DEFAULT_PROJECT)


@pytest.mark.parametrize(
    ("written", "instead", "why"),
    [
        ("cidr: 24", "cidr: '" + "0" * 5000 + "'", "must be a prefix length"),
        ("cidr: 24", "cidr: '/00012345'", "must be a prefix length"),
        ("cidr: 24", "cidr: '/\u0662\u0664'", "must be a prefix length"),
        ("cidr: 24", "cidr: 129", "must be a prefix length"),
        ("<in> avx2", "'  '", "must not be blank"),
    ],
)
def test_what_is_no_word_of_placement_is_refused_with_its_place(load: Load, written: str, instead: str, why: str) -> None:
    with pytest.raises(errors.SpecErrors, match=why) as caught:
        load(PLAY.replace(written, instead))
    assert [error.where.rpartition("site.yaml")[1] for error in caught.value.errors] == ["site.yaml"]
