"""What an existing instance is made of and what the playbook says now, in an operator's words."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model.desired import NO_IMAGE, Desired, Flavor, Image, InstanceRequest, Network, NetworkRequest, Subnet
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Attachment, Volume
from orchestrator.planning import compare
from tests.samples import instances

FLAVOR = Flavor("m1.tiny", 1, 128, 1)
PORT = replace(instances.port(), fixed_ips=("10.0.0.5",), mac="fa:16:3e:00:00:01")
MADE = replace(
    instances.new(1), flavor=FLAVOR, ports=(PORT,), keypair="ops", user_data="#!/bin/sh\n", metadata={"role": "web", "tier": "1"}, tags=("web",)
)  # fmt: skip
SAME = InstanceRequest(
    "web-1", "m1.tiny", "cirros", ("h1",), (NetworkRequest("private"),), "ops", None, "#!/bin/sh\n", False,
    {"role": "web", "tier": "1"}, ("web",),
)  # fmt: skip


def differences(flavor: Flavor = FLAVOR, **changes: object) -> tuple[str, ...]:
    request = replace(SAME, flavor=flavor.name, **changes)  # type: ignore[arg-type]
    return compare.differences(MADE, request, Desired({flavor.name: flavor}))


def test_nothing_differs() -> None:
    assert differences() == ()
    assert differences(networks=(NetworkRequest("private", "10.0.0.5", "fa:16:3e:00:00:01"),)) == ()


def test_a_larger_root_disk_is_taken_over() -> None:
    larger = replace(FLAVOR, disk=5)
    assert differences(larger) == ()
    grown = compare.amended(MADE, SAME, Desired({"m1.tiny": larger}, networks={"private": Network("private", "phys0")}))
    assert (grown.flavor, grown.disks[0].size) == (larger, 5 << 30)
    assert (
        compare.amended(MADE, SAME, Desired({"m1.tiny": replace(FLAVOR, disk=0)}, networks={"private": Network("private", "phys0")})).disks
        == MADE.disks
    )


@pytest.mark.parametrize(
    ("flavor", "line"),
    [
        (replace(FLAVOR, ram=256), "flavor m1.tiny: ram: 128 -> 256"),
        (replace(FLAVOR, ram=256, swap=64), "flavor m1.tiny: ram: 128 -> 256, swap: 0 -> 64"),
        (replace(FLAVOR, ram=256, disk=5), "flavor m1.tiny: ram: 128 -> 256"),
        (replace(FLAVOR, disk=0), "flavor m1.tiny: disk: 1 -> 0"),
        (Flavor("m1.small", 1, 512, 1), "flavor: m1.tiny -> m1.small"),
    ],
)
def test_flavors(flavor: Flavor, line: str) -> None:
    assert differences(flavor) == (line,)


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"image": "debian"}, ("image: cirros -> debian",)),
        ({"networks": ()}, ("networks: private -> none",)),
        ({"networks": (NetworkRequest("private"), NetworkRequest("flat"))}, ("networks: private -> private, flat",)),
        ({"networks": (NetworkRequest("private", "10.0.0.6"),)}, ("fixed_ip: 10.0.0.5 -> 10.0.0.6",)),
        ({"networks": (NetworkRequest("private", None, "fa:16:3e:00:00:02"),)}, ("mac: fa:16:3e:00:00:01 -> fa:16:3e:00:00:02",)),
        ({"keypair": None}, ("keypair: ops -> none",)),
        ({"config_drive": True}, ("config_drive: false -> config-2",)),
        ({"config_drive": True, "datasource": "nocloud"}, ("config_drive: false -> nocloud",)),
        ({"datasource": "nocloud"}, ()),
        ({"image": "", "boot_volume": "root"}, ("image: cirros -> none", "boot_volume: none -> root")),
        ({"volumes": ("data",), "security_groups": ("web",)}, ()),
        ({"metadata": {"role": "db", "tier": "1"}}, ("metadata.role: web -> db",)),
        ({"metadata": {"role": "web", "zone": ""}}, ("metadata.tier: 1 -> none", "metadata.zone: none -> ''")),
        ({"metadata": {"role": "web", "tier": "1\n2"}}, ("metadata.tier: 1 -> 1\\n2",)),
        ({"tags": ("web", "db")}, ("tags: web -> web, db",)),
        ({"tags": ()}, ("tags: web -> none",)),
        ({"server_group": "web"}, ("server_group: none -> web",)),
        ({"project": "red"}, ("project: default -> red",)),
        ({"scheduler_hints": {"same_host": "db-1"}}, ()),
        ({"user_data": "password: hunter2"}, ("user_data: differs",)),
        ({"user_data": None}, ("user_data: is gone",)),
    ],
)
def test_fields(changes: dict[str, object], lines: tuple[str, ...]) -> None:
    assert differences(**changes) == lines  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("subnet", "lines"),
    [
        (Subnet("10.0.0.0/24", "10.0.0.1", dhcp=True), ()),
        (Subnet("10.0.0.0/29"), ()),
        (Subnet("10.0.0.0/29", "10.0.0.6", dhcp=True), ("fixed_ip 10.0.0.5: this instance's -> the DHCP server's",)),
        (Subnet("10.0.0.0/24", "10.0.0.5"), ("fixed_ip 10.0.0.5: this instance's -> the gateway's",)),
        (Subnet("10.0.0.0/24", "10.0.0.5", dhcp=True, nat=True), ("fixed_ip 10.0.0.5: this instance's -> the gateway's",)),
    ],
)
def test_a_network_takes_no_address_from_an_instance(subnet: Subnet, lines: tuple[str, ...]) -> None:
    desired = Desired({FLAVOR.name: FLAVOR}, networks={"private": Network("private", "phys0", subnets=(subnet,))})
    assert compare.differences(replace(MADE, networks={}), SAME, desired) == lines


def test_a_boot_volume_that_differs() -> None:
    booted = Attachment(Volume("u-1", "root", 1, "local", "h1"), "vda", boot=True)
    request = replace(SAME, image="", boot_volume="other")
    made = replace(MADE, image=NO_IMAGE, volumes=(booted,))
    assert compare.differences(made, request, Desired({FLAVOR.name: FLAVOR})) == ("boot_volume: root -> other",)
    assert compare.differences(made, replace(request, boot_volume="root"), Desired({FLAVOR.name: FLAVOR})) == ()


def test_an_image_may_come_from_elsewhere_and_be_another_before_the_first_build() -> None:
    was = replace(MADE, image=replace(MADE.image, virtual_size=1 << 20))
    moved = replace(was.image, source="https://images.example.com/cirros.qcow2")
    other = replace(was.image, digest="0" * 64)
    world = Desired({"m1.tiny": FLAVOR}, networks={"private": Network("private", "phys0")})

    def amended(image: Image, anew: bool) -> Instance:
        return compare.amended(was, SAME, replace(world, images={"cirros": image}), anew)

    assert amended(moved, anew=False).image == moved
    assert amended(moved, anew=False).disks == was.disks
    assert amended(other, anew=False) == was
    again = amended(other, anew=True)
    assert again.image == other
    assert again.disks[0].base.path != was.disks[0].base.path
    assert again.disks[0].size == was.disks[0].size
