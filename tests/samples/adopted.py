"""Guests that somebody else made, and an instance that is one of them."""

from __future__ import annotations

from orchestrator.facts import definition, disk, link, size
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance
from orchestrator.planning import adoption
from tests.fakes import libvirt
from tests.fakes.state import Domain, File, Link, State
from tests.samples import instances

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
      <source file='{at}'/>
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


def foreign(state: State, number: int, *, name: str = "", form: str = "raw", more: str = "", at: str = "", start: bool = True) -> Domain:
    """A domain that somebody else made, on a bridge that somebody else made."""
    name, identity = name or f"theirs{number}", UUID.format(number)
    state.links.setdefault("br-phys0", Link("bridge", True))
    at = at or f"/srv/{name}.img"
    state.files[at] = File(b"theirs", 3 << 20)
    xml = XML.format(name=name, uuid=identity, number=number, form=form, more=more, at=at)
    state.domains[name] = Domain(name, identity, xml)
    if start:
        assert libvirt.VERBS["start"](state, state.domains[name]).code == 0
    return state.domains[name]


def instance(number: int = 1) -> Instance:
    """The guest as it is recorded once it is taken over."""
    name, path = f"theirs{number}", f"/srv/theirs{number}.img"
    xml = XML.format(name=name, uuid=UUID.format(number), number=number, form="raw", more="", at=path)
    host = Host("h1", "192.0.2.11", physical_networks={"phys0": "br-phys0"})
    to = adoption.Surroundings(host, instances.LINEAGE, {}, (), {}, 1)
    facts = {disk.Key(path): disk.Disk("raw", 0, None), size.Key(path): 3 << 20, link.Key("br-phys0"): link.Link("bridge", None, True)}
    return adoption.bind(adoption.shape(UUID.format(number), definition.Definition("running", xml)), to, facts)
