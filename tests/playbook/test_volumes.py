"""What volumes become, and which of them an instance has and boots from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.model import errors
from orchestrator.model.desired import Desired, Volume

Load = Callable[..., Desired]

TEXT = """
- hosts: all
  flavors: [{name: small, vcpus: 1, ram: 64, disk: 1}]
  images: [{name: debian, source: disk.qcow2, min_ram: MIN}]
  volumes:
    - {name: "root-{{ item }}", loop: [1, 2], size: 10, image: debian, backend: rbd}
    - {name: data, size: 5, backend: iscsi}
    - {name: logs, size: 1, read_only: yes}
  instances:
    - {name: plain, flavor: small, image: debian}
    - {name: first, flavor: small, image: debian, volumes: [data]}
    - name: second
      flavor: small
      volumes: [logs]
      block_device_mapping: [{volume: root-2}, {volume: root-1, boot_index: 0}]
    - {name: gone, state: absent, volumes: [data, root-1]}
"""


def test_volumes(load: Load) -> None:
    found = load(TEXT.replace("MIN", "64"))
    places = {name: volume.where.rpartition("site.yaml:")[2] for name, volume in found.volumes.items()}
    assert places == {"root-1": "6:7", "root-2": "6:7", "data": "7:7", "logs": "8:7"}
    assert {name: (v.size, v.backend, v.image, v.read_only) for name, v in found.volumes.items()} == {
        "root-1": (10, "rbd", "debian", False),
        "root-2": (10, "rbd", "debian", False),
        "data": (5, "iscsi", None, False),
        "logs": (1, "local", None, True),
    }
    assert Volume("data", 5) == Volume("data", 5, "local", None, False)


def test_what_is_attached_and_what_is_booted_from(load: Load) -> None:
    found = {name: (wish.image, wish.volumes, wish.boot_volume) for name, wish in load(TEXT.replace("MIN", "64")).instances.items()}
    assert found == {
        "plain": ("debian", (), None),
        "first": ("debian", ("data",), None),
        "second": ("", ("root-2", "root-1", "logs"), "root-1"),
        "gone": ("", ("data", "root-1"), None),
    }


def test_the_image_of_a_boot_volume_wants_its_ram(load: Load) -> None:
    with pytest.raises(errors.SpecErrors) as caught:
        load(TEXT.replace("MIN", "65"))
    assert "its 64 MiB of RAM are fewer than image 'debian' of volume 'root-1' wants" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "drive"),
    [
        ("false", (False, "config-2")),
        ("no", (False, "config-2")),
        ("~", (False, "config-2")),
        ("true", (True, "config-2")),
        ("'{{ true }}'", (True, "config-2")),
        ("config-2", (True, "config-2")),
        ("nocloud", (True, "nocloud")),
        ("NoCloud", (True, "nocloud")),
    ],
)
def test_config_drives(written: str, drive: tuple[bool, str], load: Load) -> None:
    found = load(f"- hosts: all\n  instances: [{{name: web, state: absent, config_drive: {written}}}]").instances["web"]
    assert (found.config_drive, found.datasource) == drive
