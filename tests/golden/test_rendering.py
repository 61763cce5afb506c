"""Instances as libvirt XML and as config drives. The XML is valid by libvirt's own schema; nothing hostile gets out of its place."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from orchestrator.facts import domain as facts
from orchestrator.model import desired
from orchestrator.model.instance import Instance
from orchestrator.rendering import config_drive, domain
from tests.samples import hardware, instances

FULL = instances.new(
    7,
    instances.port(1),
    instances.port(2, "dmz", "br-dmz"),
    ephemeral=1,
    swap=256,
    config_drive=True,
    user_data="#cloud-config\npackages: [nginx]\n",
    public_key="ssh-ed25519 AAAA ops@example",
    keypair="ops",
    metadata={"role": "web", "quote": "\"'<&>"},
    networks={
        "private": instances.NETWORK,
        "dmz": desired.Network(
            "dmz",
            "phys1",
            subnets=(desired.Subnet("10.20.0.0/24"), desired.Subnet("2001:db8::/64", "2001:db8::1", ("2001:db8::53",))),
        ),
    },
)
DUAL = replace(FULL, ports=(FULL.ports[0], replace(FULL.ports[1], fixed_ips=("10.20.0.11", "2001:db8::b"))))
CASES = {
    "plain": instances.new(1, instances.port(1)),
    "no_ports": instances.new(1),
    "kvm": instances.new(1, instances.port(1), virt_type="kvm"),
    "q35": instances.new(1, instances.port(1), image=instances.image(hw_machine_type="q35"), config_drive=True),
    "drive_on_pc": instances.new(1, config_drive=True),
    "full": FULL,
    "large": instances.new(0xFFFFFFFF, flavor=desired.Flavor("m1.huge", 64, 1 << 20, 1)),
    **{f"hardware/{name}": instance for name, instance in hardware.CASES.items()},
}
HOSTILE = ("</name><os>", "a\"b'c<d>&e", "]]><!--", "&lt;&#10;&evil;", "{{ 7 * 7 }}{% raw %}", "lineage='0' digest=\"0\" />", "\t\n", "ü€𝄞‮")
PLACES: dict[str, Callable[[str], Instance]] = {
    "name": lambda text: replace(FULL, name=text),
    "domain": lambda text: replace(FULL, domain=text),
    "uuid": lambda text: replace(FULL, uuid=text),
    "directory": lambda text: replace(FULL, directory=text),
    "virt_type": lambda text: replace(FULL, virt_type=text),
    "lineage": lambda text: replace(FULL, lineage=text),
    "flavor": lambda text: replace(FULL, flavor=replace(FULL.flavor, name=text)),
    "image": lambda text: replace(FULL, image=replace(FULL.image, name=text)),
    "machine": lambda text: replace(FULL, image=replace(FULL.image, properties={"hw_machine_type": text})),
    "disk": lambda text: replace(FULL, disks=(replace(FULL.disks[0], path=text, device=text),)),
    "port": lambda text: replace(FULL, ports=(replace(FULL.ports[0], mac=text, tap=text, bridge=text),)),
}


def parsed(instance: Instance) -> ET.Element:
    return ET.fromstring(domain.xml(instance))  # noqa: S314  # ours


@pytest.mark.parametrize("name", CASES)
def test_libvirt_xml(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"xml/{name}.xml", domain.xml(CASES[name]))


@pytest.mark.parametrize("name", CASES)
def test_libvirts_schema_agrees(name: str, tmp_path: Path) -> None:
    """virt-xml-validate, of libvirt-clients; it needs xmllint."""
    validate = shutil.which("virt-xml-validate")
    if not (validate and shutil.which("xmllint")):
        pytest.skip("needs libvirt-clients and libxml2-utils")
    file = tmp_path / "libvirt.xml"
    file.write_text(domain.xml(CASES[name]))
    done = subprocess.run([validate, str(file), "domain"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_the_mark_is_read_back(name: str) -> None:
    found = facts.MARK.search(domain.xml(CASES[name]))
    assert found
    assert found.groups() == (CASES[name].lineage, domain.digest(CASES[name]))


def test_the_digest_tells_every_rendering_apart() -> None:
    """And only those: what the default is may be written out."""
    texts = {domain.xml(instance).replace(domain.digest(instance), "") for instance in CASES.values()}
    assert len({domain.digest(instance) for instance in CASES.values()}) == len(texts) > 50


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_value_stays_a_value(place: str, text: str) -> None:
    """The same elements and attributes as with a harmless one, and the text itself in them."""
    calm, found = parsed(PLACES[place]("harmless")), parsed(PLACES[place](text))
    assert [(each.tag, sorted(each.attrib)) for each in found.iter()] == [(each.tag, sorted(each.attrib)) for each in calm.iter()]
    values = [value for each in found.iter() for value in (each.text or "", *each.attrib.values())]
    blank = str.maketrans("\t\n", "  ")  # what an XML attribute makes of them
    assert any(text in value or text.translate(blank) in value for value in values)


SERVED = desired.Subnet("10.40.0.0/24", "10.40.0.1", ("10.40.0.2",), dhcp=True, host_routes=(("10.41.0.0/16", "10.40.0.9"),))
ROUTED = desired.Subnet("10.50.0.0/24", "10.50.0.1", host_routes=(("10.60.0.0/16", "10.50.0.9"), ("10.61.1.0/24", "10.50.0.8")))
SIX = desired.Subnet(
    "2001:db8:5::/64", "2001:db8:5::1", ("2001:db8:5::53",), dhcp=True, host_routes=(("2001:db8:6::/48", "2001:db8:5::9"),)
)
SEVERAL = replace(
    FULL,
    ports=(
        replace(instances.port(1, "served"), fixed_ips=("10.40.0.10",)),
        replace(instances.port(2, "routed"), fixed_ips=("10.50.0.10", "2001:db8:5::10")),
        replace(instances.port(3, "bare"), fixed_ips=()),
    ),
    networks={
        "served": desired.Network("served", "", "vxlan", (SERVED,), 7),
        "routed": desired.Network("routed", "phys0", subnets=(ROUTED, SIX), mtu=9000),
        "bare": desired.Network("bare", "phys1"),
    },
)
DRIVES = {"full": FULL, "two_addresses": DUAL, "several_ports": SEVERAL, "plain": instances.new(1, instances.port(1), config_drive=True)}
DRIVES |= {f"nocloud_{name}": replace(each, datasource="nocloud") for name, each in DRIVES.items()}


@pytest.mark.parametrize("name", DRIVES)
def test_config_drive(name: str, golden: Callable[[str, str], None]) -> None:
    shown = ""
    for path, content in config_drive.files(DRIVES[name]).items():
        text = content.decode()
        text = json.dumps(json.loads(text), indent=1, sort_keys=True) if text.startswith("{") else text
        shown += f"== {path.removeprefix('openstack/latest/')}\n{text.rstrip()}\n"
    golden(f"config_drive/{name}.txt", shown)


@pytest.mark.parametrize("name", [name for name in DRIVES if name.startswith("nocloud")])
def test_nocloud_is_yaml(name: str) -> None:
    """cloud-init reads it as such."""
    hostile = replace(DRIVES[name], metadata={"k": "a: b # c\n- 'd' \"e\" \U0001f600"})
    for path, content in config_drive.files(hostile).items():
        if path != "user-data":
            assert yaml.safe_load(content) == json.loads(content)


@pytest.mark.parametrize(
    "instance", [FULL, replace(FULL, datasource="nocloud"), DRIVES["nocloud_plain"]], ids=["config-2", "nocloud", "no_user_data"]
)
def test_the_iso_holds_the_files_under_each_of_its_names(instance: Instance) -> None:
    import pycdlib

    disc = pycdlib.PyCdlib()
    image = config_drive.iso(instance)
    assert len(image) >= config_drive.LEAST
    disc.open_fp(io.BytesIO(image))
    for name, content in config_drive.files(instance).items():
        for kind in ("joliet_path", "rr_path"):
            out = io.BytesIO()
            disc.get_file_from_iso_fp(out, **{kind: f"/{name}"})
            assert out.getvalue() == content
    assert disc.pvd.volume_identifier.strip().decode() == config_drive.LABELS[instance.datasource]
    disc.close()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_the_iso_is_the_same_everywhere(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = config_drive.iso(FULL)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert config_drive.iso(FULL) == here
    monkeypatch.undo()
    time.tzset()
