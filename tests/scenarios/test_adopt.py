"""Guests taken over: those that others made, and those that a store forgot. None is restarted, and what is written of them is what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import store as stores
from orchestrator.model import errors
from orchestrator.model.host import Host, Inventory
from orchestrator.services import adopt
from orchestrator.services.app import App
from tests.crash.harness import Clock, Ids
from tests.fakes import libvirt
from tests.fakes.state import Domain, File, Link, State
from tests.scenarios.conftest import Patient, Site, build

UUID = "f0f0f0f0-aaaa-4bbb-8ccc-00000000000{}"
XML = """<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0"/>
  </metadata>
  <memory unit='KiB'>131072</memory>
  <vcpu placement='static'>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='{form}'/>
      <source file='/srv/{name}.img'/>
      <target dev='sda' bus='sata'/>
    </disk>
    <disk type='file' device='cdrom'>
      <target dev='sdb' bus='sata'/>
      <readonly/>
    </disk>
    <interface type='bridge'>
      <mac address='52:54:00:00:00:0{number}'/>
      <source bridge='br-phys0'/>
      <model type='e1000'/>
    </interface>
    <graphics type='spice' autoport='yes'/>
    <sound model='ich9'/>{more}
  </devices>
</domain>
"""


def foreign(state: State, number: int, *, name: str = "", form: str = "raw", more: str = "", start: bool = True) -> Domain:
    """A domain that somebody else made, on a bridge that somebody else made."""
    name, identity = name or f"theirs{number}", UUID.format(number)
    state.links.setdefault("br-phys0", Link("bridge", True))
    state.files[f"/srv/{name}.img"] = File(b"theirs", 3 << 20)
    xml = XML.format(name=name, uuid=identity, number=number, form=form, more=more)
    state.domains[name] = Domain(name, identity, xml)
    if start:
        assert libvirt.VERBS["start"](state, state.domains[name]).code == 0
    return state.domains[name]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return build(tmp_path, "n1", "n2")


def empty(site: Site, name: str = "other.db") -> Site:
    """The same hosts, with a store that has nothing yet."""
    store = stores.open(f"sqlite:///{site.image.parent}/{name}", Clock(), Ids())
    app = App(site.app.inventory, site.fleet, store, Patient())
    return Site(site.fleet, store, app, site.image)


def test_guests_of_others_are_taken_over_as_they_are(site: Site) -> None:
    host = site.fleet.hosts["n1"]
    running, off = foreign(host, 1), foreign(host, 2, start=False)
    before = dict(host.starts), running.pid, host.files["/srv/theirs1.img"]
    seen = adopt.look(site.app, "n1")
    assert (seen.names, seen.left) == (("theirs1", "theirs2"), ())
    assert "definition" not in str(host.journal)
    report = adopt.adopt(site.app, seen)
    assert (report.exit_code, report.recap) == (0, "2 changed, 0 unchanged, 0 failed")
    assert [(each.instance.name, each.state, each.wanted) for each in site.store.records()] == [
        ("theirs1", "ACTIVE", "active"),
        ("theirs2", "STOPPED", "stopped"),
    ]
    assert before == (dict(host.starts), running.pid, host.files["/srv/theirs1.img"])
    assert "orchestrator:instance" in running.xml
    assert '<sound model="ich9"' in running.xml
    assert not host.unknown
    site.act("hard-reboot", "theirs1")
    assert host.starts["theirs1"] == 2
    site.act("stop", "theirs1")
    assert not running.active
    site.act("start", "theirs1")
    site.act("destroy", "theirs1", "theirs2")
    assert host.file("/srv/theirs1.img")
    assert not host.domains
    assert {each.volume.name: each.status for each in site.store.volumes()} == {"theirs1-sda": "available", "theirs2-sda": "available"}
    assert off.uuid not in str(host.files)
