"""What an existing instance is made of and what the playbook says now, in an operator's words."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model.decision import Decision
from orchestrator.model.desired import NO_IMAGE, Desired, Flavor, Image, InstanceRequest, Network, NetworkRequest, Subnet
from orchestrator.model.instance import Instance, Record
from orchestrator.model.volume import Attachment, Volume
from orchestrator.planning import amend, compare
from orchestrator.scheduling import bind
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


WORLD = Desired({FLAVOR.name: FLAVOR}, networks={"private": Network("private", "phys0")})


def recorded(instance: Instance = MADE, state: str = "ACTIVE") -> Record:
    return Record(replace(instance, launched=state != "ERROR"), state, "active", None, 1, "active", None, Decision(), "", "")


def differences(flavor: Flavor = FLAVOR, state: str = "ACTIVE", **changes: object) -> tuple[str, ...]:
    request = replace(SAME, flavor=flavor.name, **changes)  # type: ignore[arg-type]
    return tuple(str(edit) for edit in compare.edits(recorded(state=state), request, Desired({flavor.name: flavor})))


def amended(
    request: InstanceRequest = SAME, world: Desired = WORLD, *consents: str, instance: Instance = MADE, state: str = "ACTIVE"
) -> Instance:
    record = recorded(instance, state)
    edits = amend.held(record, compare.edits(record, request, world), frozenset(consents))
    return amend.amended(record, request, world, edits, lambda *of: bind.disks(instance.directory, instances.PATH, *of))


def flavored(flavor: Flavor, *consents: str, state: str = "ACTIVE") -> Instance:
    return amended(replace(SAME, flavor=flavor.name), replace(WORLD, flavors={flavor.name: flavor}), *consents, state=state)


def test_nothing_differs() -> None:
    assert differences() == ()
    assert differences(networks=(NetworkRequest("private", "10.0.0.5", "fa:16:3e:00:00:01"),)) == ()
    assert amended() == replace(MADE, launched=True)


def test_a_larger_root_disk_is_taken_over() -> None:
    larger = replace(FLAVOR, disk=5)
    assert differences(larger) == ("flavor.disk 1 -> 5 (live)",)
    grown = flavored(larger)
    assert (grown.flavor, grown.disks[0].size, grown.due, grown.renews) == (larger, 5 << 30, "", ())


@pytest.mark.parametrize(
    ("flavor", "lines"),
    [
        (replace(FLAVOR, ram=256), ["flavor.ram 128 -> 256 (reboot)"]),
        (replace(FLAVOR, ram=256, swap=64), ["flavor.ram 128 -> 256 (reboot)", "flavor.swap 0 -> 64 (reboot)"]),
        (replace(FLAVOR, ram=256, disk=5), ["flavor.ram 128 -> 256 (reboot)", "flavor.disk 1 -> 5 (live)"]),
        (replace(FLAVOR, disk=0), ["flavor.disk 1 -> 0 (destroys data)"]),
        (replace(FLAVOR, ephemeral=1), ["flavor.ephemeral 0 -> 1 (reboot)"]),
        (Flavor("m1.small", 2, 128, 1), ["flavor m1.tiny -> m1.small (next boot)", "flavor.vcpus 1 -> 2 (reboot)"]),
        (replace(FLAVOR, extra_specs={"capabilities:arch": "x86_64"}), ["flavor.extra_specs.capabilities:arch none -> x86_64 (live)"]),
        (replace(FLAVOR, extra_specs={"quota:cpu_shares": "9"}), ["flavor.extra_specs.quota:cpu_shares none -> 9 (reboot)"]),
        (replace(FLAVOR, extra_specs={"hw:numa_nodes": "1"}), ["flavor.extra_specs.hw:numa_nodes none -> 1 (fixed)"]),
        (
            replace(FLAVOR, extra_specs={"pci_passthrough:alias": "gpu:1"}),
            ["flavor.extra_specs.pci_passthrough:alias none -> gpu:1 (fixed)"],
        ),
    ],
)
def test_flavors(flavor: Flavor, lines: list[str]) -> None:
    assert list(differences(flavor)) == lines


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"image": "debian"}, ("image cirros -> debian (rebuild, destroys data)",)),
        ({"networks": ()}, ("port private, 10.0.0.5 -> none (live)",)),
        ({"networks": (NetworkRequest("private"), NetworkRequest("flat"))}, ("port none -> flat (live)",)),
        ({"networks": (NetworkRequest("flat"), NetworkRequest("private"))}, ("port none -> flat (live)",)),
        (
            {"networks": (NetworkRequest("private", "10.0.0.6"),)},
            ("port private, 10.0.0.5 -> none (live)", "port none -> private, 10.0.0.6 (live)"),
        ),
        ({"networks": (NetworkRequest("private"), NetworkRequest("private", "10.0.0.5"))}, ("port none -> private (live)",)),
        ({"keypair": None}, ("keypair ops -> none (rebuild, destroys data)",)),
        ({"config_drive": True}, ("config_drive false -> config-2 (rebuild, destroys data)",)),
        ({"config_drive": True, "datasource": "nocloud"}, ("config_drive false -> nocloud (rebuild, destroys data)",)),
        ({"datasource": "nocloud"}, ()),
        ({"image": "", "boot_volume": "root"}, ("image cirros -> none (fixed)", "boot_volume none -> root (fixed)")),
        ({"volumes": ("data",)}, ()),
        ({"security_groups": ("web",)}, ("security_groups default -> web (live)",)),
        ({"networks": (NetworkRequest("private", port_security=False),)}, ("port_security_enabled true -> false (live)",)),
        ({"metadata": {"role": "db", "tier": "1"}}, ("metadata.role web -> db (live)",)),
        ({"metadata": {"role": "web", "zone": ""}}, ("metadata.tier 1 -> none (live)", "metadata.zone none -> '' (live)")),
        ({"metadata": {"role": "web", "tier": "1\n2"}}, ("metadata.tier 1 -> 1\\n2 (live)",)),
        ({"tags": ("web", "db")}, ("tags web -> web, db (live)",)),
        ({"tags": ()}, ("tags web -> none (live)",)),
        ({"server_group": "web"}, ("server_group none -> web (fixed)",)),
        ({"project": "red"}, ("project default -> red (fixed)",)),
        ({"scheduler_hints": {"same_host": "db-1"}}, ()),
        ({"user_data": "password: hunter2"}, ("user_data differs (rebuild, destroys data)",)),
        ({"user_data": None}, ("user_data is gone (rebuild, destroys data)",)),
    ],
)
def test_fields(changes: dict[str, object], lines: tuple[str, ...]) -> None:
    assert differences(**changes) == lines  # type: ignore[arg-type]


def test_who_is_off_needs_no_reboot_and_what_was_never_built_loses_nothing() -> None:
    larger = replace(FLAVOR, ram=256, swap=64)
    assert differences(larger, "STOPPED") == ("flavor.ram 128 -> 256 (next boot)", "flavor.swap 0 -> 64 (reboot)")
    assert set(differences(larger, "ERROR", image="debian")) == {
        "flavor.ram 128 -> 256 (live)", "flavor.swap 0 -> 64 (live)", "image cirros -> debian (live)"
    }  # fmt: skip
    assert flavored(replace(FLAVOR, ram=256), state="STOPPED").due == "update"
    built = flavored(larger, state="ERROR")
    assert (built.flavor, [disk.name for disk in built.disks], built.due, built.renews) == (larger, ["disk", "disk.swap"], "", ())


def test_what_is_not_allowed_is_not_taken_over_and_all_else_is() -> None:
    other = Flavor("m1.small", 2, 256, 5)
    part = flavored(other)
    assert (part.flavor, part.due) == (replace(FLAVOR, disk=5), "")
    whole = flavored(other, "reboot")
    assert (whole.flavor, whole.due, whole.renews) == (other, "reboot", ())


def test_disks_that_cannot_become_what_they_are_to_be_are_made_anew_by_consent_alone() -> None:
    smaller = replace(FLAVOR, disk=0)
    assert flavored(smaller, "reboot", "rebuild") == replace(MADE, launched=True)
    shrunk = flavored(smaller, "destroy")
    assert (shrunk.flavor.disk, shrunk.renews, shrunk.disks[0].size) == (0, ("disk", "disk.config", "nvram.fd"), 64 << 20)
    swapped = flavored(replace(FLAVOR, swap=64, ephemeral=1), "reboot")
    assert [(disk.name, disk.device) for disk in swapped.disks] == [("disk", "vda"), ("disk.local", "vdb"), ("disk.swap", "vdc")]
    assert (swapped.renews, swapped.disks[0]) == (("disk.local", "disk.swap"), MADE.disks[0])
    without = amended(instance=instances.new(1, ephemeral=1), request=InstanceRequest("web-1", "m1.tiny", "cirros", ("h1",)))
    assert [disk.name for disk in without.disks] == ["disk", "disk.local"]


def test_a_new_disk_takes_no_volumes_name() -> None:
    data = Attachment(Volume("u-1", "data", 1, "local", "h1"), "vdb")
    larger = replace(FLAVOR, swap=64)
    made = amended(SAME, replace(WORLD, flavors={"m1.tiny": larger}), "reboot", instance=replace(MADE, volumes=(data,)))
    assert [disk.device for disk in made.disks] == ["vda", "vdc"]


def test_a_rebuild_takes_what_waits_for_a_reboot_along_and_another_instance_does_not() -> None:
    larger = replace(FLAVOR, ram=256, disk=0)
    assert flavored(larger, "destroy").flavor == larger
    assert flavored(larger, "rebuild") == replace(MADE, launched=True)


def test_another_image_is_a_rebuild() -> None:
    debian = replace(MADE.image, name="debian", digest="0" * 64)
    world, request = replace(WORLD, images={"debian": debian}), replace(SAME, image="debian", user_data="new")
    assert amended(request, world, "reboot", "destroy") == replace(MADE, launched=True)
    made = amended(request, world, "rebuild")
    assert (made.image, made.user_data, made.due, made.renews) == (debian, "new", "reboot", ("disk", "disk.config", "nvram.fd"))
    assert made.disks[0].base.path != MADE.disks[0].base.path
    assert (made.uuid, made.ports, made.disks[0].path) == (MADE.uuid, MADE.ports, MADE.disks[0].path)


def test_image_properties_count_as_far_as_the_guest_is_another_by_them() -> None:
    image = replace(MADE.image, properties={"hw_vif_model": "e1000", "os_distro": "debian"})
    world = replace(WORLD, images={"cirros": image})
    found = compare.edits(recorded(), SAME, world)
    assert [str(edit) for edit in found] == [
        "image.properties.hw_vif_model none -> e1000 (reboot)", "image.properties.os_distro none -> debian (live)"
    ]  # fmt: skip
    assert amended(SAME, world).image.properties == {"os_distro": "debian"}
    assert (amended(SAME, world, "reboot").image, amended(SAME, world, "reboot").due) == (image, "reboot")


def test_ports_leave_and_stay_who_they_are() -> None:
    both = replace(MADE, ports=(PORT, replace(instances.port(2), mac="fa:16:3e:00:00:02")))
    world = replace(WORLD, networks={**WORLD.networks})
    made = amended(replace(SAME, networks=(NetworkRequest("private", mac="fa:16:3e:00:00:02"),)), world, instance=both)
    assert [port.status for port in made.ports] == ["detaching", ""]


def test_what_an_earlier_run_has_in_hand_is_not_changed_under_it() -> None:
    larger = replace(FLAVOR, ram=256)
    made = amended(replace(SAME, tags=(), networks=()), replace(WORLD, flavors={"m1.tiny": larger}), "reboot", state="rebooting_hard")
    assert made == replace(MADE, launched=True)


def test_an_mtu_is_that_of_the_next_boot() -> None:
    was = replace(MADE, networks={"private": Network("private", "phys0")})
    world = replace(WORLD, networks={"private": Network("private", "phys0", mtu=1400)})
    assert [str(edit) for edit in compare.edits(recorded(was), SAME, world)] == ["network private: mtu 1500 -> 1400 (next boot)"]
    made = amended(SAME, world, instance=was)
    assert (made.networks["private"].mtu, made.due) == (1400, "update")


@pytest.mark.parametrize(
    ("subnet", "lines"),
    [
        (Subnet("10.0.0.0/24", "10.0.0.1", dhcp=True), ()),
        (Subnet("10.0.0.0/29"), ()),
        (Subnet("10.0.0.0/29", "10.0.0.6", dhcp=True), ("fixed_ip 10.0.0.5 this instance's -> the DHCP server's (fixed)",)),
        (Subnet("10.0.0.0/24", "10.0.0.5"), ("fixed_ip 10.0.0.5 this instance's -> the gateway's (fixed)",)),
        (Subnet("10.0.0.0/24", "10.0.0.5", dhcp=True, nat=True), ("fixed_ip 10.0.0.5 this instance's -> the gateway's (fixed)",)),
    ],
)
def test_a_network_takes_no_address_from_an_instance(subnet: Subnet, lines: tuple[str, ...]) -> None:
    desired = Desired({FLAVOR.name: FLAVOR}, networks={"private": Network("private", "phys0", subnets=(subnet,))})
    assert tuple(map(str, compare.edits(recorded(replace(MADE, networks={})), SAME, desired))) == lines


def test_a_boot_volume_that_differs() -> None:
    booted = Attachment(Volume("u-1", "root", 1, "local", "h1"), "vda", boot=True)
    request = replace(SAME, image="", boot_volume="other")
    made = recorded(replace(MADE, image=NO_IMAGE, disks=(), volumes=(booted,)))
    assert tuple(map(str, compare.edits(made, request, WORLD))) == ("boot_volume root -> other (fixed)",)
    assert compare.edits(made, replace(request, boot_volume="root"), WORLD) == ()
    told = compare.edits(made, replace(request, boot_volume="root", user_data="new"), WORLD)
    assert tuple(map(str, told)) == ("user_data differs (fixed)",)


def test_an_image_may_come_from_elsewhere_and_be_another_before_the_first_build() -> None:
    was = replace(MADE, image=replace(MADE.image, virtual_size=1 << 20))
    moved = replace(was.image, source="https://images.example.com/cirros.qcow2")
    other = replace(was.image, digest="0" * 64)

    def imaged(image: Image, state: str) -> Instance:
        return amended(SAME, replace(WORLD, images={"cirros": image}), instance=was, state=state)

    assert imaged(moved, "ACTIVE").image == moved
    assert imaged(moved, "ACTIVE").disks == was.disks
    assert imaged(other, "ACTIVE").image == was.image
    again = imaged(other, "ERROR")
    assert again.image == other
    assert again.disks[0].base.path != was.disks[0].base.path
    assert (again.disks[0].size, again.renews) == (was.disks[0].size, ())
