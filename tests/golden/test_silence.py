"""A tool that did not answer says nothing about the host: no fact may come of it."""

from __future__ import annotations

import pytest

from orchestrator.commands.command import Record
from orchestrator.facts import (
    bridge_nf,
    compute,
    definition,
    digest,
    disk,
    domain,
    file,
    gather,
    hypervisor,
    ipset,
    job,
    kvm,
    link,
    others,
    plugged,
    reason,
    rules,
    shape,
)
from orchestrator.model import errors

KEYS = (
    *(compute.Key("/var/lib/nova"), digest.Key("/x"), disk.Key("/x")),
    *(domain.Key("instance-00000001"), domain.Every(), file.Key("/x"), hypervisor.Key(), job.Key("1"), kvm.Key(), link.Key("br0")),
    *(bridge_nf.Key(), ipset.Key("orc7c9e66"), rules.Key("iptables", "orc7c9e66")),
)

UUID = "6f1c1c5c-8a0a-4b8e-9a43-000000000001"
ASKED = (
    *(definition.Key(UUID), others.Key("/var/lib/nova/instances"), plugged.Key("instance-00000001"), reason.Key("instance-00000001")),
    *(shape.Key("instance-00000001"), shape.Live("instance-00000001")),
)


@pytest.mark.parametrize("code", [124, 126, 127, 137])
@pytest.mark.parametrize("key", KEYS, ids=lambda key: type(key).__module__.rsplit(".", 1)[-1])
def test_a_tool_that_did_not_run_or_did_not_end(key: gather.Key, code: int) -> None:
    with pytest.raises(errors.HostError):
        gather.parse([key], [Record("", 0, "done", code, b"", "no such tool")])


@pytest.mark.parametrize("code", [124, 137, 143])
@pytest.mark.parametrize(
    "key", [key for key in (*KEYS, *ASKED) if any(command.asks for command in gather.commands([key]))], ids=lambda key: type(key).__module__
)
def test_a_libvirt_that_hangs_is_called_so(key: gather.Key, code: int) -> None:
    with pytest.raises(errors.HostError, match=r"libvirt does not answer: .* said nothing for \d+ s"):
        gather.parse([key], [Record("", 0, "done", code)])


@pytest.mark.parametrize("key", ASKED, ids=lambda key: type(key).__module__)
def test_a_libvirt_that_goes_while_it_is_asked_has_told_nothing(key: gather.Key) -> None:
    """virsh tells what it was told to echo all the same, and connects anew in vain: not a word of it is that a domain is not there."""
    split = domain.SPLIT.encode()
    half = {
        definition.Key: split * 4,
        others.Key: f"\n{domain.SPLIT}{domain.SPLIT}\n{others.END}\n".encode(),
        plugged.Key: split * 3,
        reason.Key: split,
        shape.Key: split * 3,
        shape.Live: split * 3,
    }
    gone = "error: Disconnected from qemu:///system due to end of file\nerror: failed to connect to the hypervisor"
    with pytest.raises(errors.HostError, match="libvirt does not answer"):
        gather.parse([key], [Record("", 0, "done", 1 if type(key) is not others.Key else 0, half[type(key)], gone)])


@pytest.mark.parametrize("trouble", ["Permission denied", "Input/output error", "Stale file handle"])
@pytest.mark.parametrize("key", [file.Key("/x"), digest.Key("/x"), job.Key("1")])
def test_a_path_that_could_not_be_looked_at(key: gather.Key, trouble: str) -> None:
    with pytest.raises(errors.HostError, match=trouble):
        gather.parse([key], [Record("", 0, "done", 1, b"", f"tool: cannot look at '/x': {trouble}\n")])


@pytest.mark.parametrize("trouble", ["No such file or directory", "Not a directory"])
@pytest.mark.parametrize("key", [file.Key("/x"), digest.Key("/x"), job.Key("1")])
def test_a_path_that_is_not_there(key: gather.Key, trouble: str) -> None:
    assert gather.parse([key], [Record("", 0, "done", 1, b"", f"tool: cannot look at '/x': {trouble}\n")]) == {key: None}


@pytest.mark.parametrize(
    ("output", "error"),
    [
        (b"", ""),
        (b"//--//", "error: failed to get domain 'instance-00000001'"),
        (b"//--////--//", ""),
        (b"//--//running\n//--//", ""),
        (b"//--////--//", "error: failed to get domain 'instance-00000002'"),
        (b"//--////--//", "error: Disconnected from qemu:///system due to end of file\nerror: failed to get domain 'instance-00000001'"),
    ],
)
def test_libvirt_that_falls_silent(output: bytes, error: str) -> None:
    with pytest.raises(errors.HostError, match="libvirt does not answer"):
        gather.parse([domain.Key("instance-00000001")], [Record("", 0, "done", 0, output, error)])


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"Running hypervisor: QEMU 7.2.22\n",
        b"<capabilities><host><cpu><arch>x86_64</arch></cpu></host>",
        b"Running hypervisor: QEMU 7.2.22\n<capabilities><host><cpu><arch>x86_64</arch>",
        b'Running hypervisor: QEMU 7.2.22\n<!DOCTYPE x [<!ENTITY a "b">]><capabilities><host><cpu><arch>&a;</arch></cpu></host>',
    ],
)
def test_libvirt_that_says_half_of_what_the_host_is(output: bytes) -> None:
    with pytest.raises(errors.HostError, match="libvirt does not answer"):
        gather.parse([hypervisor.Key()], [Record("", 0, "done", 0, output, "")])


@pytest.mark.parametrize(
    "inside", ["<cpu><arch>", "<topology><cells><cell id='x'><memory>2048</memory><cpus><cpu id='0'/></cpus></cell></cells></topology>"]
)
def test_what_is_no_description_of_a_host(inside: str) -> None:
    output = f"Running hypervisor: QEMU 7.2.22\n<capabilities>\n<host>{inside}</host>".encode()
    with pytest.raises(errors.HostError, match="not understood"):
        gather.parse([hypervisor.Key()], [Record("", 0, "done", 0, output, "")])


@pytest.mark.parametrize("more", ["", "error: Domain not found: no domain with matching name 'instance-00000001'\n"])
def test_libvirt_that_says_that_there_is_none(more: str) -> None:
    key = domain.Key("instance-00000001")
    error = f"error: failed to get domain 'instance-00000001'\n{more}"
    assert gather.parse([key], [Record("", 0, "done", 0, b"//--////--//", error)]) == {key: None}


@pytest.mark.parametrize("key", [bridge_nf.Key(), ipset.Key("orc7c9e66"), rules.Key("iptables", "orc7c9e66")], ids=str)
@pytest.mark.parametrize("output", [b"", b"= iptables\n*filter\n", b"1\n1\nconntrack\n", b"create orc7c9e66-4aaaaaaaaaa hash:net\n"])
def test_an_answer_that_was_cut_short(key: gather.Key, output: bytes) -> None:
    with pytest.raises(errors.HostError):
        gather.parse([key], [Record("", 0, "done", 0, output)])


@pytest.mark.parametrize("output", [b'[{"ifname":"lo","mtu":65536},{"ifname":"et', b'[{"ifname":"lo","ifalias":"\xc3'])
@pytest.mark.parametrize("key", [link.Key("lo"), link.Marked("orc7c9e66"), link.Addresses()], ids=str)
def test_devices_that_are_more_than_an_answer_can_hold(key: gather.Key, output: bytes) -> None:
    with pytest.raises(errors.HostError, match="network devices could not be read"):
        gather.parse([key], [Record("", 0, "done", 0, output)])


def test_a_guest_of_which_libvirt_told_half_is_none_without_snapshots() -> None:
    """The last that it is asked of a guest that is to be adopted: one with snapshots is left to who made it."""
    told = f"running\n{domain.SPLIT}\n<domain/>\n{domain.SPLIT}\nManaged save:   no\n{domain.SPLIT}\n\n{domain.SPLIT}\n".encode()
    gone = "error: Disconnected from qemu:///system due to end of file\nerror: failed to connect to the hypervisor"
    assert gather.parse([definition.Key(UUID)], [Record("", 0, "done", 0, told)])
    with pytest.raises(errors.HostError, match="libvirt does not answer"):
        gather.parse([definition.Key(UUID)], [Record("", 0, "done", 0, told, gone)])
